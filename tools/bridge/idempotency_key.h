/* SPDX-License-Identifier: MIT */
/* idempotency_key: the header by which a request that is sent again is known. Any thread. */
#ifndef DORAN_BRIDGE_IDEMPOTENCY_KEY_H
#define DORAN_BRIDGE_IDEMPOTENCY_KEY_H

#include "schemas/limits.h"
#include "schemas/span.h"

enum { IDEMPOTENCY_KEY_BYTES = IDEMPOTENCY_KEY_BYTES_MAX + 1 };

/* The key that the header gives: 1 to IDEMPOTENCY_KEY_BYTES_MAX printable ASCII, bare, or quoted like a string of RFC
   8941. False: it is none. */
bool idempotency_key_read(const char *header, char key[IDEMPOTENCY_KEY_BYTES]);

/* Whoever knows the key of an anonymous request gets its answer, so it must be one that nobody guesses. Of randomness
   only the looks can be asked for: true if it has room for 128 bits, as a UUID, 32 hexadecimal digits or 22 of base64,
   and at least 8 different ones. */
bool idempotency_key_unguessable(const char *key);

#endif
