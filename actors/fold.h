/* SPDX-License-Identifier: MIT */
/*
 * fold: texts as they are searched, so that what people take for the same letters are the same bytes: canonical
 * caseless matching (The Unicode Standard 3.13, D145) in composed form, so that a Korean syllable is one character.
 * Several texts stand one behind the other, each with a NUL behind it; FOLD_BYTES_MAX in all, and what is more is cut
 * off and not found. Plain functions; any thread.
 */
#ifndef DORAN_ACTORS_FOLD_H
#define DORAN_ACTORS_FOLD_H

#include "schemas/limits.h"
#include "schemas/span.h"

enum { FOLD_BYTES_MAX = SEARCHED_BYTES_MAX };

/* For embedding. Zeroed: no text yet. */
typedef struct fold {
    size_t len;
    uint8_t bytes[FOLD_BYTES_MAX];
} fold_t;

/* Adds a text, which is UTF-8; one with NULs inside is several. */
void fold_add(fold_t *self, span_t text);
/* Do these bytes, of a folded text, stand in one of the texts? They have no NUL. */
bool fold_has(const fold_t *self, span_t part);

#endif
