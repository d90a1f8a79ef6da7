/* SPDX-License-Identifier: MIT */
/* What the two halves of verify share: verify.c (slices and their replies) and verify_rows.c (what a row must be). */
#ifndef DORAN_ACTORS_VERIFY_INSIDE_H
#define DORAN_ACTORS_VERIFY_INSIDE_H

#include "actors/cell.h"
#include "actors/index.h"
#include "actors/key_parts.h"
#include "actors/verify.h"
#include "schemas/list.h"

#define VERIFY_FINDINGS_BYTES KIB(96)

typedef struct verify_fix {
    store_key_t key;
    bool put; /* else it is deleted */
} verify_fix_t;

typedef struct verify_work { /* one slice */
    const verify_t *verify;
    uint8_t partition;
    list_writer_t findings;
    verify_fix_t fixes[VERIFY_FIXES_MAX]; /* written behind the walk */
    uint32_t fix_count;
    uint64_t checked, bytes, uncounted, omitted;
    store_key_t owner;                                                    /* head of the own key looked at last, */
    bool owner_there;                                                     /* and is it there? */
    index_keys_t rows;                                                    /* of the head record looked at last */
    uint64_t state[1 + MAP_KEYS_MAX * sizeof(span_t) / sizeof(uint64_t)]; /* room for any record's struct */
    uint8_t findings_room[VERIFY_FINDINGS_BYTES];
} verify_work_t;

typedef struct verify_row {
    span_t key, value;
    key_parts_t parts;
    const kind_t *kind; /* if the key has one */
    cell_t cell;        /* unless it is damaged */
    bool damaged;
} verify_row_t;

/* Adds a finding. class: instead of the row's own, or NULL. */
void verify_report(verify_work_t *self, const verify_row_t *row, const char *class, bool repaired, const char *format,
                   ...) PRINTF_LIKE(5, 6);
/* An index row is to be written or deleted. True: it will be. */
bool verify_repair(verify_work_t *self, span_t key, bool put);
/* Looks at one row. */
void verify_row(verify_work_t *self, span_t key, span_t value);

#endif
