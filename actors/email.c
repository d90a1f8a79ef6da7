/* SPDX-License-Identifier: MIT */
/*
 * email: the claim on an address. Two accounts that ask for it at once both ask this one actor, which handles one
 * message at a time: the first has it. Each claim is answered by exactly one message, in the order of asking; what was
 * asked goes back with it.
 */
#include "actors/kind.h"
#include "actors/turn.h"

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

static const handler_fn handlers[METHOD_email_COUNT] = {
    [METHOD_email_claim] = claim,
    [METHOD_email_release] = release,
};

const actor_t actor_email = {.kind = "email", .handlers = handlers, .handler_count = METHOD_email_COUNT};
