/* SPDX-License-Identifier: MIT */
/* Dead letters. */
#include "actors/dead_letters.h"

#include <sodium.h>

#include "actors/cell.h"
#include "actors/store_key.h"

#define ROW_BYTES_MAX (CELL_HEADER_BYTES + VALUE_BYTES_MAX + KIB(8))

void dead_letters_init(dead_letters_t *self) {
    *self = (dead_letters_t){.serial = randombytes_random(), .scratch = malloc(ROW_BYTES_MAX)};
    CHECK(self->scratch != NULL, "out of memory");
}

void dead_letters_fini(dead_letters_t *self) {
    free(self->scratch);
    self->scratch = NULL;
}

void dead_letters_put(dead_letters_t *self, writer_t *writer, uint8_t partition, const dead_letter_t *letter) {
    store_key_t key;
    pack_t pack = pack_into(self->scratch + CELL_HEADER_BYTES, ROW_BYTES_MAX - CELL_HEADER_BYTES);
    record_encode(&record_dead_letter, letter, &pack);
    CHECK(pack_ok(&pack), "a letter with %zu bytes of body", letter->body.len);
    store_key_dead_letter(&key, partition, letter->at, self->serial++);
    cell_seal(self->scratch, store_key_span(&key), record_dead_letter.version, 0, pack.len);
    writer_put(writer, store_key_span(&key), span_of(self->scratch, CELL_HEADER_BYTES + pack.len));
    self->count++;
}
