/* SPDX-License-Identifier: MIT */
/*
 * outbox: the sending side of streams (DESIGN §4). What an actor sends is a row of its partition, written in the batch
 * of the turn that sends it, numbered within its stream, and deleted in the batch that hears that it was consumed:
 *
 *   turn_send ─► outbox_add: row ─► EFFECT_SEND ─► consumed ─► EFFECT_ACK ─► outbox_acknowledge: row gone, mark moved
 *                                        ▲
 *                    outbox_pump ────────┘ rows that waited for the window, or to which there was no answer for long
 *
 * At most STREAM_WINDOW messages of a stream are under way, one while it is in trouble. Everything under way may be
 * lost or come twice; the receiver takes each number once, in order. A row that is damaged or missing stops its stream
 * there, and that is told; all others go on. In memory stands a table of streams, read again from the rows at the
 * start. Owned by a shard.
 */
#ifndef DORAN_ACTORS_OUTBOX_H
#define DORAN_ACTORS_OUTBOX_H

#include "actors/stream.h"
#include "actors/writer.h"
#include "schemas/envelope.h"
#include "storage/view.h"

typedef struct outbox outbox_t;

typedef struct outbox_options {
    const view_t *view;                    /* borrowed for life */
    const uint8_t *folder;                 /* FOLDER_ID_BYTES, copied */
    uint16_t shard, shards;                /* partitions p with p modulo shards == shard */
    uint32_t streams_max;                  /* in memory between batches, but for those that have messages */
    const kind_t *(*kind_of)(span_t name); /* as in schema.h */
    void (*tell)(span_t kind, span_t key, const char *what); /* of damage; key is absent; NULL: nobody asks */
} outbox_options_t;

typedef struct message { /* to be sent; spans are borrowed for the call */
    uint8_t from;        /* partition of the sender */
    const kind_t *kind;
    span_t key, method;
    uint8_t hops;
    span_t user, role; /* on whose behalf, or absent */
    span_t trace;      /* or absent */
    span_t chain;      /* msgpack array of addresses, the sender's first */
    span_t body;
} message_t;

/* An encoded message, at most: what surrounds key and body is its stream and chain. */
#define MESSAGE_OVERHEAD_BYTES (ENVELOPE_OVERHEAD_BYTES + KIND_BYTES_MAX + METHOD_BYTES_MAX + KEY_BYTES_MAX + 128)

/* Reads which streams have rows. INTERNAL: the store cannot be read. */
MUST_USE status_t outbox_open(const outbox_options_t *options, outbox_t **outbox);
void outbox_close(outbox_t **self_p);

/* Learns where the stream to this actor stands, so that outbox_add cannot fail before the next outbox_pump. INTERNAL:
   that cannot be read. INVALID_ADDRESS: that is no key. */
MUST_USE status_t outbox_prepare(outbox_t *self, uint8_t from, const kind_t *kind, span_t key);
/* Writes the row, and the effect if the window has room. */
void outbox_add(outbox_t *self, writer_t *writer, const message_t *message, uint64_t now_us);
/* A stream of ours was consumed so far: its rows go, and more may be sent. Not inside a turn. */
void outbox_acknowledge(outbox_t *self, writer_t *writer, const stream_ack_t *ack, uint64_t now_us);
/* Sends what may be sent now, as far as the batch has room. Not inside a turn. */
void outbox_pump(outbox_t *self, batch_t *batch, uint64_t now_us);
/* When outbox_pump will have something to do: 0 now, UINT64_MAX not before something else happens. */
uint64_t outbox_due_us(const outbox_t *self);
/* Rows of a partition; of all. */
uint32_t outbox_messages(const outbox_t *self, uint8_t partition);
uint64_t outbox_count(const outbox_t *self);
/* A stream that has rows, for people to look at. */
typedef struct outbox_stream {
    uint64_t acknowledged, sent, last; /* numbers: consumed, under way, and written up to these */
    uint32_t tries;                    /* of the first row, in a row that failed or got lost */
    uint64_t since_us;                 /* when its first row became the first; 0: before outbox_open */
} outbox_stream_t;
/* False: it has none. */
bool outbox_look(const outbox_t *self, uint8_t from, const kind_t *kind, uint8_t to, outbox_stream_t *stream);
/* CHECKs the invariants; for tests. */
void outbox_check(const outbox_t *self);

#endif
