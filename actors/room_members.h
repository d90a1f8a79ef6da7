/* SPDX-License-Identifier: MIT */
/*
 * room_members: who is in a room, and how far they have read, in the room's own keys: 'm' and the user's key, a
 * room_membership each. Called by the room's handlers, in their turn; a user's key is one of at most
 * ROOM_USER_BYTES_MAX.
 */
#ifndef DORAN_ACTORS_ROOM_MEMBERS_H
#define DORAN_ACTORS_ROOM_MEMBERS_H

#include "actors/kind.h"
#include "actors/turn.h"

/* seq 0: the user is no member. */
MUST_USE status_t room_members_get(turn_t *turn, span_t user, room_membership_t *membership);
MUST_USE status_t room_members_put(turn_t *turn, span_t user, const room_membership_t *membership);
MUST_USE status_t room_members_del(turn_t *turn, span_t user);
/* A page of those behind this key. */
MUST_USE status_t room_members_page(turn_t *turn, const room_members_request_t *asked, room_members_t *page);

#endif
