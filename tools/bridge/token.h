/* SPDX-License-Identifier: MIT */
/*
 * token: access tokens, which say for a short time who has which login session: JWTs (RFC 9068, less its audience),
 * signed with ES256 by the key of the folder. All bridges on the folder have that key in DIR/secrets/tokens.jwk, so
 * each takes the tokens of the others. A token is good until it expires; whether its session still lasts is the
 * server's to say.
 *
 * The key decides how a token is signed: its header must be, byte for byte, the one that we write. A token_key_t is
 * immutable: any thread may use it.
 */
#ifndef DORAN_BRIDGE_TOKEN_H
#define DORAN_BRIDGE_TOKEN_H

#include "schemas/limits.h"
#include "schemas/status.h"

#define TOKEN_BYTES_MAX KIB(8)

typedef struct token_key token_key_t;

/* What a token says; with a NUL. */
typedef struct token_claims {
    char user[KEY_BYTES_MAX + 1], session[KEY_BYTES_MAX + 1];
    uint64_t issued_ms, expires_ms; /* since 1970 */
} token_claims_t;

/* Reads the key of the folder, and makes it if there is none yet. NULL, with one sentence in error. */
token_key_t *token_key_open(const char *data, char *error, size_t error_bytes);
void token_key_close(token_key_t **self_p);

/* The token that says this; the caller frees it. */
char *token_sign(const token_key_t *self, const token_claims_t *claims);
/* NULL: the token is ours and good at now_ms, and claims has what it says. Else why not: "malformed", "signature",
   "expired"; static. */
const char *token_read(const token_key_t *self, span_t token, uint64_t now_ms, token_claims_t *claims);

#endif
