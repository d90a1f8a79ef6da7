/* SPDX-License-Identifier: MIT */
/*
 * checker: may this history be, if what is acknowledged is durable and happens once? It sees nothing but the history,
 * so it can be tested with histories that must not be.
 *
 * The versions of an actor are 1, 2, 3, … in the order of its changes. They give the order that a checker of
 * linearizability would have to search for (Herlihy and Wing 1990), so looking is enough. With v(a) the version that an
 * acknowledged request a was answered:
 *
 *   lost       a was answered before b was sent, and b still saw or made a version that does not lie behind v(a); or
 *              two requests made the same version; or at v(a) stands what another request wrote; or the actor is gone
 *   doubled    one request's value stands at two versions; or there are more versions than requests that could have
 * made them; or an actor that no request made differed   a request sent again was answered otherwise than the first
 * time unexpected an error that no request here should get, a record that nobody wrote, an answer that makes no sense,
 * or requests of one connection that overtook one another
 *
 * Each failure is reported with one line, and counted once for each request whose effect is wrong.
 */
#ifndef DORAN_TESTS_CRASH_CHECKER_H
#define DORAN_TESTS_CRASH_CHECKER_H

#include "tests/crash/history.h"

typedef struct verdict {
    uint64_t requests, acknowledged;
    uint64_t answered_again; /* answers after the first */
    uint64_t lost, doubled, differed, unexpected;
} verdict_t;

typedef void (*checker_report_fn)(void *context, const char *line);
verdict_t checker_check(const history_t *history, checker_report_fn report, void *context);

#endif
