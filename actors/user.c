/* SPDX-License-Identifier: MIT */
/*
 * user: an account. Its e-mail is kept in lower case, and claimed before it is written anywhere:
 *
 *   create, update {email} ──claim──► email/HASH ──claimed──► the record, and the answer to who asked; ──release──► the
 *                                          └──────refused──► conflict                     old email
 *
 * What is to be done travels with the claim and comes back with its answer, so an account that is not made yet is not
 * there at all. With a password it travels to a work first, and the hash goes on from there:
 *
 *   create {password} ──work──► hashed ──claim──► email ──claimed──► the record ──set──► credential ──secured──► answer
 *                      └─ guard: the work was lost ─► deadline_exceeded
 *
 * So a password is in no row, message or timer, but in the order of a work, which is never stored; and who reads that
 * the account was made may log in.
 *
 * An account that is there and changes its e-mail has a row `claim` until then, a user_move: the HASH, and the token of
 * who waits, by which the answer is told from that of an earlier claim. A claim may be lost for good (a dead letter):
 * after ANSWER_MS the change is given up, and a release goes behind the claim. An answer that comes later still changes
 * nothing, and the address is given back.
 *
 * The rows `session/KEY` are the login sessions that may be: those that it vouched for and that have not ended. A row
 * says since when, and behind that on which device.
 */
#include <stdio.h>
#include <stdlib.h>

#include "actors/email_key.h"
#include "actors/kind.h"
#include "actors/turn.h"
#include "actors/work_password.h"
#include "schemas/list.h"
#include "storage/little_endian.h"

enum {
    SESSIONS_MAX = 50, /* of one user; the oldest ends for one more */
    TIME_BYTES = 8,
    SINCE_DIGITS = 16,
    SESSIONS_PAGE = 20,                                                        /* if nothing else is asked for */
    SESSION_BYTES_MAX = SESSION_KEY_BYTES_MAX + SESSION_DEVICE_BYTES_MAX + 60, /* in a list */
    ANSWER_MS = 60000, /* a claim without an answer by then is given up */
};
static_assert((int)SESSIONS_MAX < (int)TURN_SENDS_MAX, "a turn can end them all");

#define CLAIM_BYTES_MAX KIB(8) /* of what is to be done */
#define CLAIM "claim"
#define SESSION "session/"
#define SESSION_AFTER "session0" /* behind all of them */
static_assert(sizeof SESSION - 1 + SESSION_KEY_BYTES_MAX == SUBKEY_BYTES_MAX, "every session has its row");

/* The account and its e-mail */

static span_t packed(turn_t *turn, const record_t *record, const void *in) {
    pack_t pack = pack_into(turn_alloc(turn, CLAIM_BYTES_MAX), CLAIM_BYTES_MAX);
    record_encode(record, in, &pack);
    CHECK(pack_ok(&pack), "a %s of more than %zu bytes", record->name, CLAIM_BYTES_MAX);
    return pack_bytes(&pack);
}

static status_t send_claim(turn_t *turn, span_t email, span_t hold, user_claim_t *claim) {
    FIELD_SET(user_claim, claim, user, turn_key(turn));
    FIELD_SET(user_claim, claim, hold, hold);
    return turn_send(turn, &kinds[KIND_email], email_key(turn, email), METHOD_email_claim, claim);
}

static status_t release_key(turn_t *turn, span_t key) {
    email_release_t released = {0};
    FIELD_SET(email_release, &released, user, turn_key(turn));
    return turn_send(turn, &kinds[KIND_email], key, METHOD_email_release, &released);
}

static status_t release(turn_t *turn, span_t email) {
    return release_key(turn, email_key(turn, email));
}

/* The change of the e-mail that is under way, if one is; valid until the next write. A row that cannot be read is none:
   so it is in nobody's way for ever. */
static status_t under_way(turn_t *turn, user_move_t *move, bool *is) {
    span_t row;
    status_t status = turn_get(turn, span_text(CLAIM), &row);
    *is = status == STATUS_OK && row.ptr != NULL && record_load(&record_user_move, row, move) == STATUS_OK;
    return status;
}

/* Is this the token of the change that is under way? */
static status_t is_awaited(turn_t *turn, span_t hold, bool *is) {
    user_move_t move;
    status_t status = under_way(turn, &move, is);
    *is = *is && span_equal(move.hold, hold);
    return status;
}

static status_t end_move(turn_t *turn) {
    status_t status = turn_del(turn, span_text(CLAIM));
    return status == STATUS_OK ? turn_cancel(turn, METHOD_user_give_up, span_text("")) : status;
}

/* A claim that is not needed, unless it is what the account has, or is about to have. */
static status_t give_back(turn_t *turn, const user_t *user, span_t email) {
    user_move_t move;
    bool moves;
    span_t key = email_key(turn, email);
    status_t status = under_way(turn, &move, &moves);
    if (status != STATUS_OK || span_equal(user->email, email) || (moves && span_equal(move.email, key))) {
        return status;
    }
    return release_key(turn, key);
}

/* Answers */

static void view_of(const turn_t *turn, const user_t *user, user_view_t *view) {
    *view = (user_view_t){0};
    FIELD_SET(user_view, view, id, turn_key(turn));
    FIELD_SET(user_view, view, version, turn_version(turn));
    FIELD_COPY(user_view, view, user, user, email);
    FIELD_COPY(user_view, view, user, user, name);
    FIELD_COPY(user_view, view, user, user, first_name);
    FIELD_COPY(user_view, view, user, user, last_name);
    FIELD_COPY(user_view, view, user, user, picture);
    FIELD_COPY(user_view, view, user, user, info);
    FIELD_COPY(user_view, view, user, user, status);
    FIELD_COPY(user_view, view, user, user, status_reason);
    FIELD_SET(user_view, view, role, FIELD_OR(user, user, role, person_role_USER));
    FIELD_COPY(user_view, view, user, user, created_at);
    FIELD_COPY(user_view, view, user, user, updated_at);
}

/* What others see. */
static void brief_view_of(const turn_t *turn, const user_t *user, user_view_t *view) {
    *view = (user_view_t){0};
    FIELD_SET(user_view, view, id, turn_key(turn));
    FIELD_SET(user_view, view, version, turn_version(turn));
    FIELD_COPY(user_view, view, user, user, name);
    FIELD_COPY(user_view, view, user, user, picture);
}

/* Stores and answers. */
static status_t change(turn_t *turn, user_t *user) {
    user_view_t view;
    FIELD_SET(user, user, updated_at, turn_now(turn));
    status_t status = turn_state(turn, user);
    view_of(turn, user, &view);
    return status == STATUS_OK ? turn_reply(turn, &view) : status;
}

/* A gateway acts for people, and for none without a handle. */
static bool is_own_or_admin(const turn_t *turn) {
    span_t user = turn_user(turn);
    return (turn_roles(turn) & (ROLE_SERVICE | ROLE_OPERATOR | ROLE_ADMIN)) != 0 ||
           (user.ptr != NULL && span_equal(user, turn_key(turn)));
}

/* Sign-up */

static status_t check_create(turn_t *turn, const user_create_t *asked) {
    if (FIELD_HAS(user_create, asked, role) && (turn_roles(turn) & ROLE_OPERATOR) == 0) {
        return turn_fail(turn, STATUS_FORBIDDEN, "role: only an operator says what a new user may do");
    }
    if (!FIELD_HAS(user_create, asked, password)) {
        return STATUS_OK;
    }
    size_t characters = span_characters(asked->password);
    return characters >= PASSWORD_CHARACTERS_MIN && characters <= PASSWORD_CHARACTERS_MAX
               ? STATUS_OK
               : turn_fail_at(turn, "/password", "password: it has %d to %d characters", PASSWORD_CHARACTERS_MIN,
                              PASSWORD_CHARACTERS_MAX);
}

static status_t claim_for(turn_t *turn, const user_create_t *asked) {
    user_claim_t claim = {0};
    FIELD_SET(user_claim, &claim, create, packed(turn, &record_user_create, asked));
    return send_claim(turn, asked->email, turn_hold(turn), &claim);
}

static status_t hash_for(turn_t *turn, const user_create_t *asked) {
    user_create_t create = *asked;
    user_hash_t hash = {0};
    user_wait_t wait = {0};
    create.present &= ~FIELD_BIT(user_create, password);
    FIELD_SET(user_hash, &hash, password, asked->password);
    FIELD_SET(user_hash, &hash, until, turn_now(turn) + PASSWORD_MS);
    FIELD_SET(user_hash, &hash, hold, turn_hold(turn));
    FIELD_SET(user_hash, &hash, create, packed(turn, &record_user_create, &create));
    FIELD_SET(user_wait, &wait, hold, hash.hold);
    status_t status = turn_at(turn, hash.until, METHOD_user_not_hashed, hash.hold, &wait);
    return status == STATUS_OK ? turn_work(turn, &work_password_hash, &hash, METHOD_user_hashed) : status;
}

static status_t create(turn_t *turn, const void *state, const void *request) {
    user_create_t asked = *(const user_create_t *)request;
    span_t email;
    (void)state;
    status_t status = check_create(turn, &asked);
    if (status == STATUS_OK) {
        status = email_key_normalise(turn, asked.email, &email);
    }
    if (status != STATUS_OK) {
        return status;
    }
    FIELD_SET(user_create, &asked, email, email);
    return FIELD_HAS(user_create, &asked, password) ? hash_for(turn, &asked) : claim_for(turn, &asked);
}

static status_t hashed(turn_t *turn, const void *state, const void *request) {
    const user_hash_t *hash = request;
    user_create_t create;
    user_claim_t claim = {0};
    (void)state;
    if (turn_now(turn) >= hash->until) {
        return STATUS_OK; /* the guard has its turn, or had it */
    }
    record_read(&record_user_create, hash->create, &create);
    FIELD_COPY(user_claim, &claim, user_hash, hash, create);
    FIELD_COPY(user_claim, &claim, user_hash, hash, phc);
    status_t status = turn_cancel(turn, METHOD_user_not_hashed, hash->hold);
    return status == STATUS_OK ? send_claim(turn, create.email, hash->hold, &claim) : status;
}

static status_t not_hashed(turn_t *turn, const void *state, const void *request) {
    const user_wait_t *wait = request;
    (void)state;
    return turn_fail_to(turn, wait->hold, STATUS_DEADLINE_EXCEEDED, "Too many sign up just now; try again, as anew");
}

static void new_user(const turn_t *turn, const user_create_t *asked, user_t *user) {
    *user = (user_t){0};
    FIELD_COPY(user, user, user_create, asked, email);
    FIELD_COPY(user, user, user_create, asked, name);
    FIELD_COPY(user, user, user_create, asked, first_name);
    FIELD_COPY(user, user, user_create, asked, last_name);
    FIELD_COPY(user, user, user_create, asked, picture);
    FIELD_COPY(user, user, user_create, asked, info);
    FIELD_SET(user, user, status, user_status_ACTIVE);
    FIELD_SET(user, user, role, FIELD_OR(user_create, asked, role, person_role_USER));
    FIELD_SET(user, user, created_at, turn_now(turn));
    FIELD_SET(user, user, updated_at, turn_now(turn));
}

/* The answer comes when the credential has it. */
static status_t send_phc(turn_t *turn, const user_claim_t *claim) {
    credential_set_t asked = {0};
    FIELD_SET(credential_set, &asked, phc, claim->phc);
    FIELD_SET(credential_set, &asked, hold, claim->hold);
    return turn_send(turn, &kinds[KIND_credential], turn_key(turn), METHOD_credential_set, &asked);
}

static status_t answer_create(turn_t *turn, const user_t *user, span_t hold) {
    user_view_t view;
    view_of(turn, user, &view);
    return turn_reply_to(turn, hold, METHOD_user_create, &view);
}

static status_t finish_create(turn_t *turn, const user_t *old, const user_claim_t *claim) {
    user_create_t asked;
    user_t user;
    record_read(&record_user_create, claim->create, &asked);
    if (old != NULL) { /* two asked for one key */
        status_t status = give_back(turn, old, asked.email);
        return status == STATUS_OK
                   ? turn_fail_to(turn, claim->hold, STATUS_CONFLICT, "There is such an account already")
                   : status;
    }
    new_user(turn, &asked, &user);
    status_t status = turn_state(turn, &user);
    if (status != STATUS_OK) {
        return status;
    }
    return FIELD_HAS(user_claim, claim, phc) ? send_phc(turn, claim) : answer_create(turn, &user, claim->hold);
}

static status_t secured(turn_t *turn, const void *state, const void *request) {
    const user_wait_t *wait = request;
    return answer_create(turn, state, wait->hold);
}

/* Changes */

static status_t get(turn_t *turn, const void *state, const void *request) {
    user_view_t view;
    (void)request;
    if (is_own_or_admin(turn)) {
        view_of(turn, state, &view);
    } else {
        brief_view_of(turn, state, &view);
    }
    return turn_reply(turn, &view);
}

/* given: a version that the account is to have. */
static status_t check_version(turn_t *turn, bool given, uint64_t version) {
    if (given && version != turn_version(turn)) {
        return turn_fail(turn, STATUS_PRECONDITION_FAILED, "the current version is %llu",
                         (unsigned long long)turn_version(turn));
    }
    return STATUS_OK;
}

static bool is_version(const turn_t *turn, const user_update_t *asked) {
    return !FIELD_HAS(user_update, asked, version) || asked->version == turn_version(turn);
}

/* The fields that an account goes without. */
static const struct clearable {
    const char *name;
    uint64_t bit, replaced; /* in user_t, in user_replace_t */
} clearables[] = {
    {"first_name", FIELD_BIT(user, first_name), FIELD_BIT(user_replace, first_name)},
    {"last_name", FIELD_BIT(user, last_name), FIELD_BIT(user_replace, last_name)},
    {"picture", FIELD_BIT(user, picture), FIELD_BIT(user_replace, picture)},
    {"info", FIELD_BIT(user, info), FIELD_BIT(user_replace, info)},
};
enum { CLEARABLE_BYTES_MAX = 16 }; /* of a name, packed */

/* 0: it is no such field. */
static uint64_t clearable_bit(span_t name) {
    for (size_t i = 0; i < ARRAY_LENGTH(clearables); i++) {
        if (span_equal(name, span_text(clearables[i].name))) {
            return clearables[i].bit;
        }
    }
    return 0;
}

static status_t check_clear(turn_t *turn, const user_update_t *asked) {
    list_t list;
    span_t name;
    list_open(&list, NULL, FIELD_OR(user_update, asked, clear, (span_t){0}));
    while (list_next_text(&list, &name)) {
        if (clearable_bit(name) == 0) {
            return turn_fail(turn, STATUS_INVALID, "clear: %.*s cannot be taken away", (int)name.len,
                             (const char *)name.ptr);
        }
    }
    return STATUS_OK;
}

static void apply(const user_update_t *asked, user_t *user) {
    list_t list;
    span_t name;
    list_open(&list, NULL, FIELD_OR(user_update, asked, clear, (span_t){0}));
    while (list_next_text(&list, &name)) {
        user->present &= ~clearable_bit(name);
    }
    FIELD_COPY(user, user, user_update, asked, email);
    FIELD_COPY(user, user, user_update, asked, name);
    FIELD_COPY(user, user, user_update, asked, first_name);
    FIELD_COPY(user, user, user_update, asked, last_name);
    FIELD_COPY(user, user, user_update, asked, picture);
    FIELD_COPY(user, user, user_update, asked, info);
}

static status_t begin_move(turn_t *turn, const user_update_t *asked) {
    user_claim_t claim = {0};
    user_move_t move = {0};
    FIELD_SET(user_claim, &claim, update, packed(turn, &record_user_update, asked));
    FIELD_SET(user_move, &move, email, email_key(turn, asked->email));
    FIELD_SET(user_move, &move, hold, turn_hold(turn));
    status_t status = turn_put(turn, span_text(CLAIM), packed(turn, &record_user_move, &move));
    if (status == STATUS_OK) {
        status = turn_at(turn, turn_now(turn) + ANSWER_MS, METHOD_user_give_up, span_text(""), &move);
    }
    return status == STATUS_OK ? send_claim(turn, asked->email, move.hold, &claim) : status;
}

/* OK and begun: the answer comes with the claim's. */
static status_t update_email(turn_t *turn, const user_t *user, user_update_t *asked, bool *begun) {
    user_move_t move;
    bool moves = false;
    span_t email;
    status_t status = email_key_normalise(turn, asked->email, &email);
    if (status == STATUS_OK) {
        status = under_way(turn, &move, &moves);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (moves) {
        return turn_fail(turn, STATUS_CONFLICT, "Another change of the e-mail address is under way");
    }
    FIELD_SET(user_update, asked, email, email);
    *begun = !span_equal(user->email, email);
    return *begun ? begin_move(turn, asked) : STATUS_OK;
}

static status_t update_with(turn_t *turn, const user_t *old, user_update_t *asked) {
    user_t user = *old;
    bool begun = false;
    if (!is_own_or_admin(turn)) {
        return turn_fail(turn, STATUS_FORBIDDEN, "It is another user's account");
    }
    status_t status = check_version(turn, FIELD_HAS(user_update, asked, version), asked->version);
    if (status == STATUS_OK) {
        status = check_clear(turn, asked);
    }
    if (status == STATUS_OK && FIELD_HAS(user_update, asked, email)) {
        status = update_email(turn, &user, asked, &begun);
    }
    if (status != STATUS_OK || begun) {
        return status;
    }
    apply(asked, &user);
    return change(turn, &user);
}

static status_t update(turn_t *turn, const void *state, const void *request) {
    user_update_t asked = *(const user_update_t *)request;
    return update_with(turn, state, &asked);
}

/* An update that takes away what is absent. */
static status_t replace(turn_t *turn, const void *state, const void *request) {
    enum { NAMES_BYTES = LIST_HEAD_BYTES + ARRAY_LENGTH(clearables) * CLEARABLE_BYTES_MAX };
    const user_replace_t *asked = request;
    user_update_t update = {0};
    list_writer_t names;
    list_writer_init(&names, NULL, turn_alloc(turn, NAMES_BYTES), NAMES_BYTES);
    for (size_t i = 0; i < ARRAY_LENGTH(clearables); i++) {
        if ((asked->present & clearables[i].replaced) == 0) {
            list_writer_add_text(&names, span_text(clearables[i].name));
        }
    }
    FIELD_COPY(user_update, &update, user_replace, asked, email);
    FIELD_COPY(user_update, &update, user_replace, asked, name);
    FIELD_COPY(user_update, &update, user_replace, asked, first_name);
    FIELD_COPY(user_update, &update, user_replace, asked, last_name);
    FIELD_COPY(user_update, &update, user_replace, asked, picture);
    FIELD_COPY(user_update, &update, user_replace, asked, info);
    FIELD_COPY(user_update, &update, user_replace, asked, version);
    status_t status = list_writer_end(&names, &update.clear);
    FIELD_SET(user_update, &update, clear, update.clear);
    return status == STATUS_OK ? update_with(turn, state, &update) : status;
}

/* The account as it is now may have changed since it was asked, but for its e-mail. */
static status_t finish_update(turn_t *turn, const user_t *old, const user_claim_t *claim) {
    user_update_t asked;
    user_t user = *old;
    user_view_t view;
    record_read(&record_user_update, claim->update, &asked);
    status_t status = end_move(turn);
    if (status == STATUS_OK) {
        status = release(turn, is_version(turn, &asked) ? old->email : asked.email);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (!is_version(turn, &asked)) {
        return turn_fail_to(turn, claim->hold, STATUS_PRECONDITION_FAILED, "The account has changed meanwhile");
    }
    apply(&asked, &user);
    FIELD_SET(user, &user, updated_at, turn_now(turn));
    status = turn_state(turn, &user);
    view_of(turn, &user, &view);
    return status == STATUS_OK ? turn_reply_to(turn, claim->hold, METHOD_user_update, &view) : status;
}

static status_t fail_late(turn_t *turn, span_t hold) {
    return turn_fail_to(turn, hold, STATUS_DEADLINE_EXCEEDED, "The e-mail address could not be claimed in time");
}

/* The answer to a claim that was given up. The release that was sent then stands behind it, but may be lost, too. */
static status_t claimed_late(turn_t *turn, const user_t *user, const user_claim_t *claim) {
    user_update_t asked;
    record_read(&record_user_update, claim->update, &asked);
    status_t status = give_back(turn, user, asked.email);
    return status == STATUS_OK ? fail_late(turn, claim->hold) : status;
}

static status_t claimed(turn_t *turn, const void *state, const void *request) {
    const user_claim_t *claim = request;
    bool awaited;
    if (FIELD_HAS(user_claim, claim, create)) {
        return finish_create(turn, state, claim);
    }
    if (state == NULL) {
        return turn_fail(turn, STATUS_NOT_FOUND, "An account that is not there cannot change");
    }
    status_t status = is_awaited(turn, claim->hold, &awaited);
    if (status != STATUS_OK) {
        return status;
    }
    return awaited ? finish_update(turn, state, claim) : claimed_late(turn, state, claim);
}

static status_t refused(turn_t *turn, const void *state, const void *request) {
    const user_claim_t *claim = request;
    bool awaited = false;
    (void)state;
    status_t status = FIELD_HAS(user_claim, claim, update) ? is_awaited(turn, claim->hold, &awaited) : STATUS_OK;
    if (status == STATUS_OK && awaited) {
        status = end_move(turn);
    }
    return status == STATUS_OK ? turn_fail_to(turn, claim->hold, STATUS_CONFLICT, "The e-mail address is in use")
                               : status;
}

/* The claim, or its answer, is lost, or not there yet. */
static status_t give_up(turn_t *turn, const void *state, const void *request) {
    const user_move_t *move = request;
    bool awaited;
    (void)state;
    status_t status = is_awaited(turn, move->hold, &awaited);
    if (status != STATUS_OK || !awaited) {
        return status;
    }
    status = turn_del(turn, span_text(CLAIM));
    if (status == STATUS_OK) {
        status = release_key(turn, move->email);
    }
    return status == STATUS_OK ? fail_late(turn, move->hold) : status;
}

/* Login sessions */

typedef struct place {
    span_t text; /* since when, in hexadecimal digits, then the key: in this order they are listed */
    span_t key;  /* the end of it */
    span_t device;
    uint64_t since_ms;
} place_t;

typedef struct sessions {
    turn_t *turn;
    place_t places[SESSIONS_MAX];
    uint32_t count;
} sessions_t;

static bool add_session(void *context, span_t subkey, span_t value) {
    sessions_t *self = context;
    size_t key = subkey.len - strlen(SESSION), device = value.len - TIME_BYTES;
    char *text = turn_alloc(self->turn, SINCE_DIGITS + 1 + key + device);
    uint64_t since_ms = little_endian_get_u64(value.ptr);
    snprintf(text, SINCE_DIGITS + 1, "%0*llx", SINCE_DIGITS, (unsigned long long)since_ms);
    memcpy(text + SINCE_DIGITS, subkey.ptr + strlen(SESSION), key);
    memcpy(text + SINCE_DIGITS + key, value.ptr + TIME_BYTES, device);
    self->places[self->count++] = (place_t){.text = span_of(text, SINCE_DIGITS + key),
                                            .key = span_of(text + SINCE_DIGITS, key),
                                            .device = span_of(text + SINCE_DIGITS + key, device),
                                            .since_ms = since_ms};
    return self->count < SESSIONS_MAX;
}

static int compare_places(const void *a, const void *b) {
    return span_compare(((const place_t *)a)->text, ((const place_t *)b)->text);
}

/* The oldest first. */
static status_t list_sessions(turn_t *turn, sessions_t *sessions) {
    *sessions = (sessions_t){.turn = turn};
    status_t status = turn_list(turn, span_text(SESSION), span_text(SESSION_AFTER), add_session, sessions);
    qsort(sessions->places, sessions->count, sizeof sessions->places[0], compare_places);
    return status;
}

/* CHECKs that it is no longer than the session lets it be. */
static span_t session_row(turn_t *turn, span_t key) {
    size_t prefix = strlen(SESSION);
    uint8_t *row = turn_alloc(turn, prefix + key.len);
    memcpy(row, SESSION, prefix);
    memcpy(row + prefix, key.ptr, key.len);
    return span_of(row, prefix + key.len);
}

static status_t end_session(turn_t *turn, span_t key) {
    status_t status = turn_del(turn, session_row(turn, key));
    return status == STATUS_OK
               ? turn_send(turn, &kinds[KIND_session], key, METHOD_session_end, &(empty_t){.present = 0})
               : status;
}

static status_t end_sessions(turn_t *turn) {
    sessions_t sessions;
    status_t status = list_sessions(turn, &sessions);
    for (uint32_t i = 0; status == STATUS_OK && i < sessions.count; i++) {
        status = end_session(turn, sessions.places[i].key);
    }
    return status == STATUS_OK ? turn_end_handles(turn) : status;
}

static status_t tell_sessions(turn_t *turn, uint32_t role) {
    sessions_t sessions;
    session_role_t changed = {0};
    FIELD_SET(session_role, &changed, role, role);
    status_t status = list_sessions(turn, &sessions);
    for (uint32_t i = 0; status == STATUS_OK && i < sessions.count; i++) {
        status = turn_send(turn, &kinds[KIND_session], sessions.places[i].key, METHOD_session_role_changed, &changed);
    }
    return status == STATUS_OK ? turn_end_handles(turn) : status;
}

static span_t session_value(turn_t *turn, span_t device) {
    uint8_t *value = turn_alloc(turn, TIME_BYTES + device.len);
    little_endian_put_u64(value, turn_now(turn));
    if (device.len > 0) {
        memcpy(value + TIME_BYTES, device.ptr, device.len);
    }
    return span_of(value, TIME_BYTES + device.len);
}

static status_t remember_session(turn_t *turn, const session_vouch_t *vouched) {
    span_t row = session_row(turn, vouched->session), there;
    sessions_t sessions;
    status_t status = turn_get(turn, row, &there);
    if (status != STATUS_OK || there.ptr != NULL) {
        return status;
    }
    status = list_sessions(turn, &sessions);
    if (status == STATUS_OK && sessions.count == SESSIONS_MAX) {
        status = end_session(turn, sessions.places[0].key);
    }
    span_t device = FIELD_OR(session_vouch, vouched, device, span_text(""));
    return status == STATUS_OK ? turn_put(turn, row, session_value(turn, device)) : status;
}

static status_t vouch(turn_t *turn, const void *state, const void *request) {
    session_vouch_t answer = *(const session_vouch_t *)request;
    const user_t *user = state;
    if (user == NULL || user->status != user_status_ACTIVE) {
        FIELD_SET(session_vouch, &answer, known, user != NULL);
        return turn_send(turn, &kinds[KIND_session], answer.session, METHOD_session_denied, &answer);
    }
    status_t status = remember_session(turn, &answer);
    FIELD_SET(session_vouch, &answer, role, FIELD_OR(user, user, role, person_role_USER));
    return status == STATUS_OK ? turn_send(turn, &kinds[KIND_session], answer.session, METHOD_session_vouched, &answer)
                               : status;
}

static status_t session_ended(turn_t *turn, const void *state, const void *request) {
    const user_session_ended_t *ended = request;
    (void)state;
    return turn_del(turn, session_row(turn, ended->session));
}

static void add_item(list_writer_t *writer, const place_t *place) {
    user_session_t session = {0};
    FIELD_SET(user_session, &session, id, place->key);
    FIELD_SET(user_session, &session, created_at, place->since_ms);
    if (place->device.len > 0) {
        FIELD_SET(user_session, &session, device, place->device);
    }
    list_writer_add(writer, &session);
}

static status_t make_page(turn_t *turn, const sessions_t *sessions, const user_sessions_request_t *asked,
                          user_sessions_t *page) {
    span_t after = FIELD_OR(user_sessions_request, asked, after, span_text(""));
    uint64_t limit = FIELD_OR(user_sessions_request, asked, limit, SESSIONS_PAGE);
    size_t room = LIST_HEAD_BYTES + sessions->count * SESSION_BYTES_MAX;
    list_writer_t writer;
    uint32_t i = 0;
    list_writer_init(&writer, &record_user_session, turn_alloc(turn, room), room);
    while (i < sessions->count && span_compare(sessions->places[i].text, after) <= 0) {
        i++;
    }
    for (; i < sessions->count && writer.count < limit; i++) {
        add_item(&writer, &sessions->places[i]);
    }
    if (i < sessions->count) {
        FIELD_SET(user_sessions, page, next, sessions->places[i - 1].text);
    }
    page->present |= FIELD_BIT(user_sessions, items);
    return list_writer_end(&writer, &page->items);
}

static status_t show_sessions(turn_t *turn, const void *state, const void *request) {
    sessions_t sessions;
    user_sessions_t page = {0};
    (void)state;
    if (!is_own_or_admin(turn)) {
        return turn_fail(turn, STATUS_FORBIDDEN, "They are another user's");
    }
    status_t status = list_sessions(turn, &sessions);
    if (status == STATUS_OK) {
        status = make_page(turn, &sessions, request, &page);
    }
    return status == STATUS_OK ? turn_reply(turn, &page) : status;
}

static status_t log_out(turn_t *turn, const void *state, const void *request) {
    (void)state;
    (void)request;
    if (!is_own_or_admin(turn)) {
        return turn_fail(turn, STATUS_FORBIDDEN, "They are another user's");
    }
    status_t status = end_sessions(turn);
    return status == STATUS_OK ? turn_reply(turn, &(empty_t){.present = 0}) : status;
}

/* What operators and admins set */

static status_t set_status(turn_t *turn, const void *state, const void *request) {
    const user_set_status_t *asked = request;
    user_t user = *(const user_t *)state;
    FIELD_SET(user, &user, status, asked->status);
    user.present &= ~FIELD_BIT(user, status_reason);
    if (FIELD_HAS(user_set_status, asked, reason)) {
        FIELD_SET(user, &user, status_reason, asked->reason);
    }
    status_t status = check_version(turn, FIELD_HAS(user_set_status, asked, version), asked->version);
    if (status == STATUS_OK && asked->status != user_status_ACTIVE) {
        status = end_sessions(turn);
    }
    return status == STATUS_OK ? change(turn, &user) : status;
}

static status_t set_role(turn_t *turn, const void *state, const void *request) {
    const user_set_role_t *asked = request;
    user_t user = *(const user_t *)state;
    bool same = FIELD_OR(user, &user, role, person_role_USER) == asked->role;
    FIELD_SET(user, &user, role, asked->role);
    status_t status = same ? STATUS_OK : tell_sessions(turn, asked->role);
    return status == STATUS_OK ? change(turn, &user) : status;
}

static const handler_fn handlers[METHOD_user_COUNT] = {
    [METHOD_user_create] = create,
    [METHOD_user_get] = get,
    [METHOD_user_update] = update,
    [METHOD_user_replace] = replace,
    [METHOD_user_set_status] = set_status,
    [METHOD_user_set_role] = set_role,
    [METHOD_user_sessions] = show_sessions,
    [METHOD_user_end_sessions] = log_out,
    [METHOD_user_hashed] = hashed,
    [METHOD_user_not_hashed] = not_hashed,
    [METHOD_user_secured] = secured,
    [METHOD_user_claimed] = claimed,
    [METHOD_user_refused] = refused,
    [METHOD_user_vouch] = vouch,
    [METHOD_user_session_ended] = session_ended,
    [METHOD_user_give_up] = give_up,
};

const actor_t actor_user = {.kind = "user", .handlers = handlers, .handler_count = METHOD_user_COUNT};
