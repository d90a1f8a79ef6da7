/* SPDX-License-Identifier: MIT */
/*
 * email_key: addresses for mail as handlers compare them: in lower case; and the key of the actor of one: a hash that
 * only this folder makes, since what is in an address is read in logs. Results are memory of the turn.
 */
#ifndef DORAN_ACTORS_EMAIL_KEY_H
#define DORAN_ACTORS_EMAIL_KEY_H

#include "actors/turn.h"

/* OK, or the turn has failed: it is no address. Letters beyond ASCII stay as they are. */
MUST_USE status_t email_key_normalise(turn_t *turn, span_t email, span_t *normalised);
/* Of a normalised address. */
span_t email_key(turn_t *turn, span_t email);

#endif
