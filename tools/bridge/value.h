/* SPDX-License-Identifier: MIT */
/*
 * value: JSON values that the bridge makes, and those that it reads of what others have said and the server has kept:
 * any text, also one with a NUL. Any thread.
 */
#ifndef DORAN_BRIDGE_VALUE_H
#define DORAN_BRIDGE_VALUE_H

#include <jansson.h>

/* The value, of our own making: jansson says NULL when it has no memory, or when a format is wrong. Takes it. */
json_t *value_made(json_t *value);
/* A text, whoever wrote it: where it is no UTF-8, it says so (U+FFFD). The caller owns it. */
json_t *value_of_text(const char *text);
/* Takes the value, which is of our own making. */
void value_set(json_t *object, const char *name, json_t *value);

/* What this text says, which was printed from a record; the caller owns it. NULL: it is damaged. */
json_t *value_read(const char *text);
/* One line, malloc'd. Takes the value. */
char *value_print(json_t *value);

#endif
