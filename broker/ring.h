/* SPDX-License-Identifier: MIT */
/*
 * ring: the threads behind the broker and the pipes between them (DESIGN §2):
 *
 *   broker ──requests──► shard[k] ──batches──► journal ──batches──► broker ──batches, home──► shard[k]
 *                                                │ ▲
 *                    ▲                   durable ▼ │ segments, applied
 *           orders ▼ │ results                  applier
 *               work threads
 *
 * Each box is one thread (a zactor) around a plain object; it moves messages and reads the clock, nothing else. No send
 * blocks: a shard owns BATCHES_PER_SHARD buffers and stops draining when all are away; requests travel in
 * REQUEST_BATCHES_PER_SHARD buffers of the broker's; between journal and applier one question is under way at a time;
 * of orders there are WORK_ORDERS_MAX for each pool of works, which is a thread.
 *
 * The broker's side uses the ends RING_TO_SHARD and RING_TO_WORK (sending) and RING_TO_BROKER (receiving).
 */
#ifndef DORAN_BROKER_RING_H
#define DORAN_BROKER_RING_H

#include "actors/shard.h"
#include "actors/work.h"
#include "storage/applier.h"
#include "storage/segments.h"

#define RING_TO_SHARD "inproc://to-shard-%u"
#define RING_TO_JOURNAL "inproc://to-journal"
#define RING_TO_APPLIER "inproc://to-applier"
#define RING_TO_WORK "inproc://to-work-%u"
#define RING_TO_BROKER "inproc://to-broker"

typedef struct ring ring_t;

typedef struct ring_options {
    uint16_t shards;
    shard_options_t shard; /* id, count, reader, folder and log_epoch are filled in */
    applier_options_t applier;
    size_t segment_bytes;
    const char *folder;         /* the data folder, for works; borrowed for the ring's life */
    const work_t *const *works; /* NULL: as in work.h; else a test's own, ended by NULL */
    /* Recovered and opened; owned by the ring until it is destroyed. */
    store_t *store;
    journal_t *journal;
    segments_t *segments;
    uint64_t apply_after_ms; /* what is durable is applied after this long, though little waits */
} ring_options_t;

/* Starts the threads; the receiving end RING_TO_BROKER may be bound before or after. */
ring_t *ring_new(const ring_options_t *options);
/* Stops them in the direction of the data, once nothing is in flight, and writes the journal's closing header. Waits
   for the work under way, which takes 2 s at most. */
void ring_destroy(ring_t **self_p);

/* The threads; for ring.c. args is the thread's own part of the ring, declared here so that each file has one idea. */
typedef struct shard_thread {
    shard_options_t options;
    store_t *store;
    batch_t *batches[BATCHES_PER_SHARD]; /* the ring's: the journal may still hold some when this thread has ended */
} shard_thread_t;

typedef struct journal_thread {
    journal_t *journal;
    uint16_t shards;
    uint64_t room_wanted;                                /* bytes that should always be ahead of the journal */
    uint64_t memtable_bytes_max, journal_tail_bytes_max; /* when the applier is to be told */
    uint64_t apply_after_ms;                             /* the same */
    uint64_t applied;                                    /* at the start */
} journal_thread_t;

typedef struct applier_thread {
    applier_t *applier;
    segments_t *segments;
    uint64_t room_wanted;
    void *receiver; /* RING_TO_APPLIER; the ring's, since the journal may still send when this thread has ended */
} applier_thread_t;

typedef struct work_thread {
    work_pool_t pool;
    store_t *store;
    const char *folder;
    const work_t *const *works;
} work_thread_t;

struct _zsock_t;
void shard_thread_run(struct _zsock_t *control, void *shard_thread);
void journal_thread_run(struct _zsock_t *control, void *journal_thread);
void applier_thread_run(struct _zsock_t *control, void *applier_thread);
void work_thread_run(struct _zsock_t *control, void *work_thread);

/* What the journal tells the applier. */
typedef struct durable {
    uint64_t synced_through, generation, memtable_bytes;
    bool late; /* what is not applied has waited for long */
} durable_t;

/* What the applier gives the journal. */
typedef struct segment {
    uint64_t start, bytes;
    int fd;
} segment_t;

/* Ends the process at once with exit code 3 and this sentence, because a disk failed under it: nothing may leave any
   more, nothing is retried, and what was acknowledged is recovered at the next start. Any thread of the ring. */
_Noreturn void ring_failed(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
