/* SPDX-License-Identifier: MIT */
/*
 * shard: runs the actors of some partitions (DESIGN §2): activates them, runs turns, keeps recent writes in its
 * memtable.
 *
 * It is a plain object without thread, socket or clock: given requests and an empty batch buffer it fills the buffer
 * with the records and effects of as many turns as fit. Partition p belongs to shard p modulo the number of shards.
 * Owned by one thread.
 */
#ifndef DORAN_ACTORS_SHARD_H
#define DORAN_ACTORS_SHARD_H

#include "actors/effect.h"
#include "actors/kind.h"
#include "actors/request.h"
#include "schemas/histogram.h"
#include "schemas/settings.h"
#include "storage/store.h"

typedef struct shard shard_t;

typedef struct shard_options {
    uint16_t id, count;
    store_reader_t *reader;       /* borrowed for the shard's life */
    uint32_t resident_actors_max; /* of this shard */
    uint32_t idle_ms;
    uint64_t memtable_bytes_max; /* of this shard; writes are refused with busy above it */
    uint64_t session_ms;
    uint32_t outbox_messages_max; /* of a partition; above it writes of clients to it are refused with busy */
    uint8_t folder[FOLDER_ID_BYTES];
    uint64_t log_epoch;
    uint8_t hash_key[KEYED_HASH_BYTES];                      /* derived from the folder's secret */
    const settings_t *settings;                              /* for handlers; copied; NULL: the defaults */
    void (*tell)(span_t kind, span_t key, const char *what); /* of what went wrong with an actor; NULL: nobody asks */
    const actor_t *(*actor_of)(const kind_t *kind);          /* NULL: as in kind.h; else a test's own */
    const kind_t *(*kind_of)(span_t name);                   /* NULL: as in schema.h; else a test's own */
    /* What holds a handler to TURN_US_MAX; NULL: nothing does. now_us is cheap and asked around every handler; one that
       took too long by it is undone and run again under cpu_us, which counts this thread's time only, since it may have
       been the machine that was slow; if it is too long three times more, it fails. */
    uint64_t (*now_us)(void);
    uint64_t (*cpu_us)(void);
} shard_options_t;

typedef struct shard_stats { /* since the start, but for the first four */
    uint16_t id;
    uint64_t mailbox;  /* messages given and not yet handled */
    uint64_t resident; /* actors in memory */
    uint64_t memtable_bytes;
    uint64_t handled;
    uint64_t refused;
    uint64_t wait_p99_us;  /* from the broker to the turn, since the last stats */
    uint64_t outbox;       /* messages to other actors that were not consumed yet */
    uint64_t held;         /* requests whose answer comes later */
    uint64_t dead_letters; /* since the start */
    uint64_t timer_lag_ms; /* how long the first timer that is due has been */
} shard_stats_t;

shard_t *shard_new(const shard_options_t *options);
void shard_destroy(shard_t **self_p);

/* Takes a buffer of requests with at least one not handled; it comes back in the `finished` of the batch in which its
   last one is. At most REQUEST_BATCHES_PER_SHARD are inside. */
void shard_give(shard_t *self, requests_t *requests);
/* While the disk is full, timers and messages between actors wait; writes of clients are refused by the broker. */
void shard_set_storage_full(shard_t *self, bool full);
/* In how many µs is there something to do? 0: now; UINT64_MAX: not before something is given. */
uint64_t shard_due_us(const shard_t *self, uint64_t now_us, uint64_t unix_ms);
/* Fires timers, handles messages, and sends what may be sent, until nothing is to be done now or the batch is full
   enough; now_us is monotonic, unix_ms the wall clock.
   OK, or INTERNAL if the store cannot be read: stop the server. */
MUST_USE status_t shard_step(shard_t *self, batch_t *batch, uint64_t now_us, uint64_t unix_ms);
/* Work that no message asks for, a slice at a time: passivation of idle actors, answers of sessions that ended and
   of idempotency keys that expired. Its writes go into the batch too. */
MUST_USE status_t shard_idle(shard_t *self, batch_t *batch, uint64_t now_us, uint64_t unix_ms);
shard_stats_t shard_stats(shard_t *self);

#endif
