/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * verify: looks whether what is stored is as it should be, and writes index rows right if that is wanted (broker.def:
 * verify and rebuild). The asker goes through the partitions, each in slices, with the cursor that the slice before
 * gave; the shard remembers nothing, and goes on serving in between. A partition is looked at twice:
 *
 *   1. its rows, through memtable and store. Of every row: its key can be read, it stands in the partition of its actor,
 *      its kind is known, its cell fits its checksum. And:
 *        head record                 decodes by its schema; each of its index rows is there
 *        index row                   its actor's record says so
 *        own key                     its actor is there, if the kind keeps a state
 *        timer                       its name's row says when; and the other way round
 *        message                     can be read; numbers have no gap behind the acknowledged mark
 *        mark, answer (of a session,
 *        of an idempotency key),
 *        dead letter                 can be read
 *   2. the counts of its keys in the store (store_verify_some), in the snapshot as it is then.
 *
 * A damaged head record says nothing about its rows, so they are left as they are. Shard's thread; between turns.
 */
/* clang-format on */
#ifndef DORAN_ACTORS_VERIFY_H
#define DORAN_ACTORS_VERIFY_H

#include "actors/query.h"
#include "actors/writer.h"
#include "schemas/records.h"
#include "storage/view.h"

enum {
    VERIFY_ROWS_MAX = 500,     /* looked at in a slice */
    VERIFY_FINDINGS_MAX = 100, /* as verify_reply.findings has it */
    VERIFY_FIXES_MAX = 256,    /* records written by a slice */
    VERIFY_KEYS_MAX = 32768,   /* counted in a slice; a prefix with more is not counted */
};
#define VERIFY_BYTES_MAX KIB(256)   /* of values looked at in a slice, but for the last */
#define VERIFY_REPLY_BYTES KIB(128) /* enough room for any reply */
static_assert(VERIFY_FIXES_MAX <= TURN_RECORDS_MAX, "what a slice writes can be undone");

typedef struct verify { /* borrowed, for the call */
    const view_t *view;
    writer_t *writer; /* NULL: nothing is written */
    tape_t *tape;     /* of ELEMENTS_MAX */
    const kind_t *(*kind_of)(span_t name);
    query_place_t place;
} verify_t;

/* Works on one slice and packs a verify_reply; on nothing, if the partition is not of this shard. INVALID: the cursor
   is none of ours; nothing was done. INTERNAL: the store cannot be read. */
MUST_USE status_t verify_slice(const verify_t *self, const verify_request_t *asked, pack_t *reply);

#endif
