/* SPDX-License-Identifier: MIT */
/*
 * problems: what is wrong with a record, as record_decode found it and as the asker is told. Points into the tables and
 * into the decoded bytes. Any thread; allocates nothing.
 */
#ifndef DORAN_PROBLEMS_H
#define DORAN_PROBLEMS_H

#include "schemas/limits.h"
#include "schemas/pack.h"

struct field; /* schema.h */

/* Into a list or record inside a record. */
typedef struct problem_step {
    const struct field *field;
    uint32_t index; /* of the list's element, or PROBLEM_NO_INDEX */
} problem_step_t;
#define PROBLEM_NO_INDEX UINT32_MAX

/* One thing that is wrong. */
typedef struct problem {
    const struct field
        *field;       /* NULL: the record as a whole, or an unknown field `name`; without a name: the element */
    span_t name;      /* of an unknown field */
    const char *code; /* required, unknown, type, too_short, too_long, too_small, too_large, not_a_value,
                         not_a_key, not_a_line, not_lines, not_a_map */
    problem_step_t path[RECORD_NESTING_MAX]; /* from the outermost record to the one with the field */
    uint32_t depth;                          /* of the path */
} problem_t;

enum { PROBLEMS_MAX = 16 };
typedef struct problems {
    problem_t items[PROBLEMS_MAX];
    uint32_t count;
} problems_t;

enum {
    PROBLEM_NAME_BYTES_MAX = 64, /* of an unknown field's name, in an answer */
    PROBLEM_POINTER_BYTES_MAX = (1 + 2 * PROBLEM_NAME_BYTES_MAX) * (RECORD_NESTING_MAX + 1) + RECORD_NESTING_MAX * 11,
};
/* A JSON pointer (RFC 6901) to where the problem is, like /lines/0/quantity: "" is the outermost record, ~ and / in a
   name are ~0 and ~1. Written to text, no NUL. */
span_t problem_pointer(const problem_t *self, uint8_t text[PROBLEM_POINTER_BYTES_MAX]);

/* Packs {code: invalid, …, errors: [{pointer, code, detail}]}. */
void problems_pack(const problems_t *self, pack_t *pack);
/* The same with one that a handler found, which the text says, too. Its code is not_a_value. */
void problems_pack_one(const char *pointer, const char *detail, pack_t *pack);

#endif
