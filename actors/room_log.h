/* SPDX-License-Identifier: MIT */
/*
 * room_log: the log of a room, in the room's own keys (DESIGN §4):
 *
 *   'l' seq (8 bytes, big endian)    an entry: a room_entry
 *   'c' author '/' client id         the seq (8 bytes, big endian) of the message that was posted under this name
 *   'h' hash                         the same where that name would be too long for a key: 32 bytes of BLAKE2b of it
 *
 * Called by the room's handlers, in their turn. What is returned is valid until the turn's next write.
 */
#ifndef DORAN_ACTORS_ROOM_LOG_H
#define DORAN_ACTORS_ROOM_LOG_H

#include "actors/kind.h"
#include "actors/turn.h"

/* Appends the entry and publishes it: its seq, its number if it is a message, and its time are set here, and `room` is
   moved on; its state is the caller's to write. What costs no more in a large room than in a small one. */
MUST_USE status_t room_log_append(turn_t *turn, room_t *room, room_entry_t *entry);

/* The entry with this seq. seq 0: there is none. */
MUST_USE status_t room_log_get(turn_t *turn, uint64_t seq, room_entry_t *entry);
/* The message that this author (absent: the system) posted under this client id. seq 0: there is none. */
MUST_USE status_t room_log_find(turn_t *turn, span_t author, span_t client_id, room_entry_t *entry);

/* Entries in the order that was asked for, encoded as a list of room_entry. Fewer than the limit where they would take
   more than ROOM_LOG_PAGE_BYTES, but one at least, if there is one. */
typedef struct room_log_page {
    span_t items;
    uint32_t count;
    uint64_t last; /* seq of the last of them; 0: none */
} room_log_page_t;
#define ROOM_LOG_PAGE_BYTES KIB(128)

/* The first entries with a seq above `after` and below `before`; limit up to ROOM_PAGE_MAX. */
MUST_USE status_t room_log_after(turn_t *turn, uint64_t after, uint64_t before, uint32_t limit, room_log_page_t *page);
/* The last entries with a seq below `before`, the latest first. */
MUST_USE status_t room_log_before(turn_t *turn, uint64_t before, uint32_t limit, room_log_page_t *page);

#endif
