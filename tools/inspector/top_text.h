/* SPDX-License-Identifier: MIT */
/*
 * top_text: one look at the server, made of its figures (stat_reply of schemas/broker.def, as JSON) and of those before
 * them, and how it looks to people. One thread.
 */
#ifndef DORAN_INSPECTOR_TOP_TEXT_H
#define DORAN_INSPECTOR_TOP_TEXT_H

#include <jansson.h>
#include <stdint.h>

/* The figures, and
     answering     true
     per_s         messages handled, of all shards
     refused_per_s since the look before; null if there is none, or the server was started anew
     timer_lag_ms  the longest of all shards
     dead_letters  of all shards
     journal       its syncs_per_s, likewise
   before: what this returned `elapsed_us` ago, or NULL. The caller's. */
json_t *top_look(const json_t *figures, const json_t *before, uint64_t elapsed_us);
/* {answering: false, text}; text: why. The caller's. */
json_t *top_silence(const char *text);
/* To stdout. */
void top_print(const json_t *look);

#endif
