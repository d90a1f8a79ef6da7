/* SPDX-License-Identifier: MIT */
/*
 * cursor: where a list goes on, as an opaque word: fields of the request for the next page, with a check by which one
 * that is mangled, or of another list, is known, as it comes about by mistake. It is no proof: anybody can make a
 * cursor with any fields, so these are to be checked as those of any request. Any bridge reads what any other has made.
 * Any thread.
 */
#ifndef DORAN_BRIDGE_CURSOR_H
#define DORAN_BRIDGE_CURSOR_H

#include <jansson.h>

#include "schemas/span.h"

/* list: bytes that tell this list from others. The caller frees the word. */
char *cursor_print(span_t list, const json_t *fields);
/* The object of the fields, whatever they are, which is the caller's. NULL: it is no cursor of this list. */
json_t *cursor_read(span_t list, const char *word);

#endif
