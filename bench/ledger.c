/* SPDX-License-Identifier: MIT */
/*
 * Per actor a set of the versions acknowledged, one bit each from base + 1 on: 64 of them in place, which is enough for
 * most, more in memory that doubles.
 */
#include "bench/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "schemas/check.h"

enum {
    WORD_BITS = 64,
    WORDS_MAX = 1 << 20, /* versions further away than 64 million are wrong */
};

typedef struct entry {
    uint64_t base;
    uint64_t last_sequence, last_version; /* of what was sent once */
    uint32_t acknowledged, unknown;
    uint32_t words; /* at many; 0: few is used */
    union {
        uint64_t few;
        uint64_t *many;
    };
} entry_t;

struct ledger {
    uint32_t actors;
    entry_t *entries;
    verdict_t verdict;
};

ledger_t *ledger_new(uint32_t actors) {
    ledger_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "no memory");
    self->actors = actors;
    self->entries = calloc(actors, sizeof *self->entries);
    CHECK(self->entries != NULL, "no memory for %u actors", actors);
    return self;
}

void ledger_destroy(ledger_t **self_p) {
    ledger_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->actors; i++) {
        if (self->entries[i].words > 0) {
            free(self->entries[i].many);
        }
    }
    free(self->entries);
    free(self);
}

static entry_t *entry_of(const ledger_t *self, uint32_t actor) {
    CHECK(actor < self->actors, "actor %u of %u", actor, self->actors);
    return &self->entries[actor];
}

static uint64_t *words_of(entry_t *self) {
    return self->words > 0 ? self->many : &self->few;
}

static uint32_t word_count(const entry_t *self) {
    return self->words > 0 ? self->words : 1;
}

static void grow(entry_t *self, uint32_t words) {
    uint32_t grown = 2 * word_count(self);
    while (grown < words) {
        grown *= 2;
    }
    uint64_t *many = calloc(grown, sizeof *many);
    CHECK(many != NULL, "no memory for %u words", grown);
    memcpy(many, words_of(self), word_count(self) * sizeof *many);
    if (self->words > 0) {
        free(self->many);
    }
    self->many = many;
    self->words = grown;
}

/* False if this step was taken before. */
static bool take_step(entry_t *self, uint64_t step) {
    uint32_t word = (uint32_t)(step / WORD_BITS);
    if (word >= word_count(self)) {
        grow(self, word + 1);
    }
    uint64_t bit = UINT64_C(1) << step % WORD_BITS, *words = words_of(self);
    bool is_new = (words[word] & bit) == 0;
    words[word] |= bit;
    return is_new;
}

/* How many of the steps from `from` on were acknowledged. */
static uint64_t steps_from(entry_t *self, uint64_t from) {
    uint64_t count = 0;
    for (uint64_t word = from / WORD_BITS; word < word_count(self); word++) {
        uint64_t bits = words_of(self)[word];
        if (word == from / WORD_BITS) {
            bits &= UINT64_MAX << from % WORD_BITS;
        }
        count += (uint64_t)__builtin_popcountll(bits);
    }
    return count;
}

static uint64_t steps_in_all(entry_t *self) {
    for (uint32_t word = word_count(self); word > 0; word--) {
        uint64_t bits = words_of(self)[word - 1];
        if (bits != 0) {
            return (uint64_t)word * WORD_BITS - (uint64_t)__builtin_clzll(bits);
        }
    }
    return 0;
}

void ledger_begin(ledger_t *self, uint32_t actor, uint64_t base) {
    entry_of(self, actor)->base = base;
}

static void check_order(ledger_t *self, entry_t *entry, uint64_t sequence, uint64_t version) {
    if (entry->last_sequence == 0 || (sequence > entry->last_sequence && version > entry->last_version)) {
        entry->last_sequence = sequence;
        entry->last_version = version;
    } else {
        self->verdict.reordered += 1;
    }
}

void ledger_acknowledge(ledger_t *self, uint32_t actor, uint64_t sequence, uint64_t version, bool sent_once) {
    entry_t *entry = entry_of(self, actor);
    entry->acknowledged += 1;
    if (version <= entry->base) {
        self->verdict.lost += 1; /* acknowledged, and nothing changed */
        return;
    }
    uint64_t step = version - entry->base - 1;
    if (step / WORD_BITS >= WORDS_MAX) {
        self->verdict.doubled += 1;
        return;
    }
    if (!take_step(entry, step)) {
        self->verdict.lost += 1; /* two were acknowledged, one happened */
        return;
    }
    if (sent_once) {
        check_order(self, entry, sequence + 1, version);
    }
}

void ledger_unknown(ledger_t *self, uint32_t actor) {
    entry_of(self, actor)->unknown += 1;
}

bool ledger_touched(const ledger_t *self, uint32_t actor) {
    const entry_t *entry = entry_of(self, actor);
    return entry->acknowledged + entry->unknown > 0;
}

void ledger_final(ledger_t *self, uint32_t actor, uint64_t version) {
    entry_t *entry = entry_of(self, actor);
    uint64_t steps = version > entry->base ? version - entry->base : 0;
    uint64_t told = steps_from(entry, 0), vanished = steps_from(entry, steps);
    uint64_t untold = steps - (told - vanished);
    self->verdict.lost += vanished + (version < entry->base ? entry->base - version : 0);
    self->verdict.doubled += untold > entry->unknown ? untold - entry->unknown : 0;
}

void ledger_unseen(ledger_t *self, uint32_t actor) {
    entry_t *entry = entry_of(self, actor);
    ledger_final(self, actor, entry->base + steps_in_all(entry));
}

const verdict_t *ledger_verdict(const ledger_t *self) {
    return &self->verdict;
}
