/* SPDX-License-Identifier: MIT */
/*
 * email: the claim on an address. Two accounts that ask for it at once both ask this one actor, which handles one
 * message at a time: the first has it. Each claim is answered by exactly one message, in the order of asking; what was
 * asked goes back with it.
 *
 * A login begins here, with two questions: where is the claim on this address, and whose is it? Of one that nobody has,
 * the key of an account is made up, the same each time: credential.c goes on as if there were one.
 */
#include "actors/email_key.h"
#include "actors/kind.h"
#include "actors/turn.h"
#include "schemas/address.h"

static status_t take(turn_t *turn, span_t user) {
    email_t email = {0};
    FIELD_SET(email, &email, user, user);
    FIELD_SET(email, &email, claimed_at, turn_now(turn));
    return turn_state(turn, &email);
}

static status_t claim(turn_t *turn, const void *state, const void *request) {
    const user_claim_t *asked = request;
    const email_t *email = state;
    bool refused = email != NULL && !span_equal(email->user, asked->user);
    status_t status = email == NULL ? take(turn, asked->user) : STATUS_OK;
    return status == STATUS_OK ? turn_send(turn, &kinds[KIND_user], asked->user,
                                           refused ? METHOD_user_refused : METHOD_user_claimed, asked)
                               : status;
}

static status_t release(turn_t *turn, const void *state, const void *request) {
    const email_release_t *asked = request;
    const email_t *email = state;
    return email != NULL && span_equal(email->user, asked->user) ? turn_end(turn) : STATUS_OK;
}

/* Logins */

static status_t locate(turn_t *turn, const void *state, const void *request) {
    const email_locate_t *asked = request;
    email_located_t located = {0};
    span_t email;
    (void)state;
    status_t status = email_key_normalise(turn, asked->email, &email);
    if (status != STATUS_OK) {
        return status;
    }
    FIELD_SET(email_located, &located, key, email_key(turn, email));
    return turn_reply(turn, &located);
}

static span_t nobody(turn_t *turn) {
    uint8_t hash[KEYED_HASH_BYTES];
    char *key = turn_alloc(turn, UUID_TEXT_BYTES);
    turn_keyed_hash(turn, "nobody", turn_key(turn), hash);
    uuid_v8(hash, key);
    return span_of(key, UUID_TEXT_BYTES);
}

static status_t who(turn_t *turn, const void *state, const void *request) {
    const email_t *email = state;
    email_owner_t owner = {0};
    span_t made_up = nobody(turn);
    (void)request;
    FIELD_SET(email_owner, &owner, user, email != NULL ? email->user : made_up);
    return turn_reply(turn, &owner);
}

static const handler_fn handlers[METHOD_email_COUNT] = {
    [METHOD_email_locate] = locate,
    [METHOD_email_who] = who,
    [METHOD_email_claim] = claim,
    [METHOD_email_release] = release,
};

const actor_t actor_email = {.kind = "email", .handlers = handlers, .handler_count = METHOD_email_COUNT};
