/* SPDX-License-Identifier: MIT */
/*
 * words: what stands in the value of a header, or of a setting, with commas between (RFC 9110 §5.6.1). What is taken
 * points into the value. Any thread.
 */
#ifndef DORAN_BRIDGE_WORDS_H
#define DORAN_BRIDGE_WORDS_H

#include "schemas/span.h"

/* Without the blanks and tabs around it. */
span_t words_trim(span_t text);
/* Takes the next word, trimmed, off the rest; empty ones are passed over. False: none is left. */
bool words_take(span_t *rest, span_t *word);
/* The same letters, whether large or small? */
bool words_same(span_t word, const char *other);

#endif
