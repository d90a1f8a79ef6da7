/* SPDX-License-Identifier: MIT */
/* trace: the W3C trace context of a request: traceparent as text, and the 25 bytes that the server takes. Plain
 * functions. */
#ifndef DORAN_BRIDGE_TRACE_H
#define DORAN_BRIDGE_TRACE_H

#include "schemas/limits.h"
#include "schemas/span.h"

enum { TRACE_ID_BYTES = 16, TRACE_PARENT_BYTES = 8, TRACE_TEXT_BYTES = 56 };

/* Trace id, then parent id, then flags, of 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01. False: it is no
   traceparent; then the bytes are untouched. */
bool trace_parse(const char *text, uint8_t trace[TRACE_BYTES]);
void trace_print(const uint8_t trace[TRACE_BYTES], char text[TRACE_TEXT_BYTES]);
/* The trace id alone, as in logs. */
void trace_print_id(const uint8_t trace[TRACE_BYTES], char text[2 * TRACE_ID_BYTES + 1]);

#endif
