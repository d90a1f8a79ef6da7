/* SPDX-License-Identifier: MIT */
/*
 * values: what the requests of the crash test carry, and what their answers say. A request writes a number: into `name`
 * as 16 hex digits and, spread over a text whose length and letters follow from the number, into `info`. A record in
 * which the two do not belong together was torn or mixed. Any thread.
 */
#ifndef DORAN_TESTS_CRASH_VALUES_H
#define DORAN_TESTS_CRASH_VALUES_H

#include "schemas/envelope.h"
#include "tests/crash/history.h"

enum { VALUE_BODY_BYTES = 2400 }; /* of a request, at most */

const char *value_method(operation_type_t type);
/* The body of a request. */
void value_pack(pack_t *pack, operation_type_t type, uint64_t value);
/* What the body of a reply at this token says to a request of this type; key is that of the actor, or empty if the
   answer is to say it. Version 0 if it makes no sense. id points into the body. The digest is the caller's. */
answer_t value_answer(const tape_t *tape, uint32_t body, operation_type_t type, const char *key, span_t *id);
/* What an error of this code is to the checker; UNKNOWN: none, it means "later". */
answer_t value_error(status_t status);

#endif
