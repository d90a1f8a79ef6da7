/* SPDX-License-Identifier: MIT */
/*
 * waiting_text: how timers, streams and dead letters look to people. An item is what schemas/broker.def says, as JSON
 * without its place; what it lacks is shown as "-". To stdout; one thread.
 */
#ifndef DORAN_INSPECTOR_WAITING_TEXT_H
#define DORAN_INSPECTOR_WAITING_TEXT_H

#include <jansson.h>

void waiting_timers_head(void);
void waiting_timer(json_t *item);
void waiting_streams_head(void);
void waiting_stream(json_t *item);
/* A line, and its fields below it. Takes away from the item what stands in the line. */
void waiting_letter(json_t *item);

#endif
