/* SPDX-License-Identifier: MIT */
/*
 * dead_letters: messages and timers that were given up: rows of the partition that gave up, each a record dead_letter
 * under its time. Nothing reads them but people. Owned by a shard.
 */
#ifndef DORAN_ACTORS_DEAD_LETTERS_H
#define DORAN_ACTORS_DEAD_LETTERS_H

#include "actors/writer.h"
#include "schemas/records.h"
#include "storage/view.h"

typedef struct dead_letters { /* for embedding */
    uint32_t serial;          /* tells letters of one millisecond apart; starts at random */
    uint64_t count;           /* written since the start */
    uint8_t *scratch;
} dead_letters_t;

void dead_letters_init(dead_letters_t *self);
void dead_letters_fini(dead_letters_t *self);
void dead_letters_put(dead_letters_t *self, writer_t *writer, uint8_t partition, const dead_letter_t *letter);

#endif
