/* SPDX-License-Identifier: MIT */
/*
 * credential: whether a password is the user's. It is hashed off the shard, since that takes as long as 10,000 turns:
 *
 *   login ─► counted as a failure, held ─► work: hash and compare ─► right: the count is gone, and the answer
 *                    │                                                wrong: unauthenticated
 *                    └─ guard: the work was lost, or did not come to it ─► taken back, rate_limited
 *
 * A login is a failure until it is known to be good, in the turn that takes it: so those that are under way at once
 * count, too, and nobody has more than FREE_FAILURES of them. From then on each one locks, for twice as long as the
 * last; while it is locked nothing is looked at, not even the right password.
 *
 * Of a key that is nobody's the same is kept, the same work is done, and the same is answered. So who asks cannot tell
 * which keys are users. What is kept is forgotten FORGET_MS after the last failure: the count, and where there is no
 * password the record with it.
 */
#include "actors/kind.h"
#include "actors/turn.h"
#include "actors/work_password.h"

enum {
    FREE_FAILURES = 5,
    LOST_RETRY_MS = 1000, /* so many log in that a work was not begun in time */
};

#define LOCK_MS_MAX UINT64_C(900000)
#define FORGET_MS UINT64_C(3600000)
static_assert(FORGET_MS > LOCK_MS_MAX, "a lock is not forgotten while it lasts");

static credential_t copy_of(const void *state) {
    return state == NULL ? (credential_t){0} : *(const credential_t *)state;
}

/* A count of failures is forgotten in time; where there is neither that nor a password there is nothing to keep. */
static status_t keep(turn_t *turn, const credential_t *credential) {
    bool failed = FIELD_OR(credential, credential, failures, 0) > 0;
    const empty_t nothing = {0};
    status_t status = failed
                          ? turn_at(turn, turn_now(turn) + FORGET_MS, METHOD_credential_forget, span_text(""), &nothing)
                          : turn_cancel(turn, METHOD_credential_forget, span_text(""));
    if (status != STATUS_OK) {
        return status;
    }
    if (failed || FIELD_HAS(credential, credential, phc)) {
        return turn_state(turn, credential);
    }
    return turn_version(turn) > 0 ? turn_end(turn) : STATUS_OK;
}

/* Failures */

static uint64_t lock_ms(const turn_t *turn, uint64_t failures) {
    uint64_t ms = turn_settings(turn)->lockout_base_ms;
    for (uint64_t i = FREE_FAILURES; i < failures && ms < LOCK_MS_MAX; i++) {
        ms *= 2;
    }
    return ms < LOCK_MS_MAX ? ms : LOCK_MS_MAX;
}

static void set_failures(credential_t *credential, uint64_t failures) {
    FIELD_SET(credential, credential, failures, failures);
    if (failures < FREE_FAILURES) {
        credential->present &= ~FIELD_BIT(credential, locked_until);
    }
}

static void count_failure(const turn_t *turn, credential_t *credential) {
    set_failures(credential, FIELD_OR(credential, credential, failures, 0) + 1);
    if (credential->failures >= FREE_FAILURES) {
        FIELD_SET(credential, credential, locked_until, turn_now(turn) + lock_ms(turn, credential->failures));
    }
}

/* Logins */

static status_t order_check(turn_t *turn, const credential_t *credential, span_t password) {
    credential_check_t check = {0};
    user_wait_t wait = {0};
    FIELD_SET(credential_check, &check, password, password);
    FIELD_COPY(credential_check, &check, credential, credential, phc);
    FIELD_SET(credential_check, &check, until, turn_now(turn) + PASSWORD_MS);
    FIELD_SET(credential_check, &check, hold, turn_hold(turn));
    FIELD_SET(user_wait, &wait, hold, check.hold);
    status_t status = turn_at(turn, check.until, METHOD_credential_not_checked, check.hold, &wait);
    return status == STATUS_OK ? turn_work(turn, &work_password_check, &check, METHOD_credential_checked) : status;
}

static status_t login(turn_t *turn, const void *state, const void *request) {
    const credential_login_t *asked = request;
    credential_t credential = copy_of(state);
    uint64_t locked_until = FIELD_OR(credential, &credential, locked_until, 0);
    if (locked_until > turn_now(turn)) {
        turn_retry_after(turn, locked_until - turn_now(turn));
        return turn_fail(turn, STATUS_RATE_LIMITED, "Too many logins have failed");
    }
    count_failure(turn, &credential);
    status_t status = keep(turn, &credential);
    return status == STATUS_OK ? order_check(turn, &credential, asked->password) : status;
}

static status_t checked(turn_t *turn, const void *state, const void *request) {
    const credential_check_t *check = request;
    credential_t credential = copy_of(state);
    if (turn_now(turn) >= check->until) {
        return STATUS_OK; /* the guard has its turn, or had it */
    }
    status_t status = turn_cancel(turn, METHOD_credential_not_checked, check->hold);
    if (status != STATUS_OK) {
        return status;
    }
    if (!FIELD_OR(credential_check, check, right, false)) {
        return turn_fail_to(turn, check->hold, STATUS_UNAUTHENTICATED, "E-mail address or password is wrong");
    }
    set_failures(&credential, 0);
    status = keep(turn, &credential);
    return status == STATUS_OK ? turn_reply_to(turn, check->hold, METHOD_credential_login, &(empty_t){.present = 0})
                               : status;
}

static status_t not_checked(turn_t *turn, const void *state, const void *request) {
    const user_wait_t *wait = request;
    credential_t credential = copy_of(state);
    uint64_t failures = FIELD_OR(credential, &credential, failures, 0);
    set_failures(&credential, failures > 0 ? failures - 1 : 0);
    turn_retry_after(turn, LOST_RETRY_MS);
    status_t status = keep(turn, &credential);
    return status == STATUS_OK ? turn_fail_to(turn, wait->hold, STATUS_RATE_LIMITED, "Too many log in just now")
                               : status;
}

static status_t forget(turn_t *turn, const void *state, const void *request) {
    credential_t credential = copy_of(state);
    (void)request;
    set_failures(&credential, 0);
    return keep(turn, &credential);
}

/* Passwords */

static status_t set(turn_t *turn, const void *state, const void *request) {
    const credential_set_t *asked = request;
    credential_t credential = copy_of(state);
    user_wait_t wait = {0};
    FIELD_SET(credential, &credential, phc, asked->phc);
    FIELD_SET(credential, &credential, set_at, turn_now(turn));
    FIELD_SET(user_wait, &wait, hold, asked->hold);
    status_t status = turn_state(turn, &credential);
    return status == STATUS_OK ? turn_send(turn, &kinds[KIND_user], turn_key(turn), METHOD_user_secured, &wait)
                               : status;
}

static const handler_fn handlers[METHOD_credential_COUNT] = {
    [METHOD_credential_login] = login,     [METHOD_credential_set] = set,
    [METHOD_credential_checked] = checked, [METHOD_credential_not_checked] = not_checked,
    [METHOD_credential_forget] = forget,
};

const actor_t actor_credential = {.kind = "credential", .handlers = handlers, .handler_count = METHOD_credential_COUNT};
