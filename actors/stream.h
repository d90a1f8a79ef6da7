/* SPDX-License-Identifier: MIT */
/*
 * stream: the numbered way of messages from one partition of one data folder to one partition of one kind (DESIGN §4).
 * On the wire it is the envelope's field `stream`, the msgpack array
 *
 *   [[folder id (bin 16), partition], [kind, partition], number, [address, ...]]
 *
 * of which the addresses say who sent it: the sender first, and behind it, on a message near HOPS_MAX, who sent the
 * message that made the sender send, and so on. Numbers are dense, from 1. Any thread.
 */
#ifndef DORAN_ACTORS_STREAM_H
#define DORAN_ACTORS_STREAM_H

#include "schemas/schema.h"

typedef struct stream {
    uint8_t folder[FOLDER_ID_BYTES];
    uint8_t from, to;   /* partitions */
    const kind_t *kind; /* of the receivers; NULL when no stream is meant */
    uint64_t number;    /* of a message, or the last one consumed */
} stream_t;

/* A raw chain, at most. */
#define CHAIN_BYTES_MAX (CHAIN_MAX * (KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 3) + 5)

/* EFFECT_ACK and REQUEST_ACK: everything up to stream.number was consumed. failed: the message behind it was tried and
   failed; it is to be sent again, later. */
typedef struct stream_ack {
    stream_t stream;
    bool failed;
} stream_ack_t;

/* chain: a msgpack array of texts, raw. */
void stream_pack(const stream_t *self, span_t chain, pack_t *pack);
/* Reads the raw array; find finds a kind by its name (NULL: there is none). INVALID: not of this shape.
   UNKNOWN_METHOD: no such kind. */
MUST_USE status_t stream_read(stream_t *self, span_t *chain, const kind_t *(*find)(span_t name), span_t raw);

#endif
