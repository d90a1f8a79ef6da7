/* SPDX-License-Identifier: MIT */
/*
 * A token's signature is checked once: the person remembers the hash of the token that was given last, and is found by
 * it as long as that is good. Hashes are keyed, so nobody can choose tokens that fall together.
 */
#include "tools/bridge/people.h"

#include <stdlib.h>

#include <sodium.h>
#include <uthash.h>

#include "schemas/pack.h"
#include "tools/bridge/pump.h"
#include "tools/bridge/token.h"

enum { HASH_BYTES = 16 };

struct person {
    people_t *people;
    doran_t *client;
    uint32_t holders;
    doran_code_t ended; /* DORAN_OK: not that we know; else nobody finds it */
    uint64_t expires_ms;
    uint8_t token_hash[HASH_BYTES];
    LIST_HEAD(watcher_list, watcher) watchers;
    TAILQ_ENTRY(person) in_list;
    UT_hash_handle by_session, by_token;
    const char *session; /* behind the user */
    char user[];
};

TAILQ_HEAD(person_list, person);

struct people {
    bridge_t *bridge;
    token_key_t *key;
    uint8_t hash_key[crypto_generichash_KEYBYTES];
    person_t *by_session, *by_token;
    struct person_list held, idle; /* each is in one of them; idle: who was released last is the last */
    uint32_t idle_count;
};

people_t *people_new(bridge_t *bridge, char *error, size_t error_bytes) {
    token_key_t *key = token_key_open(bridge->data, error, error_bytes);
    if (key == NULL) {
        return NULL;
    }
    people_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->bridge = bridge;
    self->key = key;
    randombytes_buf(self->hash_key, sizeof self->hash_key);
    TAILQ_INIT(&self->held);
    TAILQ_INIT(&self->idle);
    return self;
}

/* The end */

static void leave_tables(person_t *person) {
    HASH_DELETE(by_session, person->people->by_session, person);
    HASH_DELETE(by_token, person->people->by_token, person);
}

static void destroy_all(struct person_list *list) {
    person_t *person;
    while ((person = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, person, in_list);
        doran_close(&person->client);
        free(person);
    }
}

void people_destroy(people_t **self_p) {
    people_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        HASH_CLEAR(by_session, self->by_session);
        HASH_CLEAR(by_token, self->by_token);
        destroy_all(&self->held);
        destroy_all(&self->idle);
        token_key_close(&self->key);
        free(self);
    }
}

static void rest(person_t *person) {
    TAILQ_INSERT_TAIL(&person->people->idle, person, in_list);
    person->people->idle_count++;
}

static void rouse(person_t *person) {
    TAILQ_REMOVE(&person->people->idle, person, in_list);
    person->people->idle_count--;
}

static void destroy_idle(person_t *person) {
    rouse(person);
    doran_close(&person->client);
    free(person);
}

/* The server does not let the person act any more. */
static void end(person_t *person, doran_code_t code) {
    watcher_t *watcher;
    person->ended = code;
    leave_tables(person);
    if (person->holders == 0) {
        destroy_idle(person);
        return;
    }
    person->holders++;
    while ((watcher = LIST_FIRST(&person->watchers)) != NULL) {
        people_unwatch(watcher);
        watcher->ended(watcher->context, code);
    }
    people_release(&person);
}

/* Idle ones whose token has expired, and those that there is no room for, go. */
static void make_room(people_t *self) {
    uint64_t now_ms = bridge_now_ms();
    person_t *person;
    while ((person = TAILQ_FIRST(&self->idle)) != NULL &&
           (person->expires_ms <= now_ms || self->idle_count > self->bridge->settings.people_max)) {
        leave_tables(person);
        destroy_idle(person);
    }
}

/* Coming in */

static void note_opened(void *context, const doran_reply_t *reply) {
    if (reply->code != DORAN_OK) {
        end(context, reply->code);
    }
}

/* NULL: the connection has no room for one more. */
static doran_t *open_client(person_t *person) {
    char address[SUBJECT_BYTES_MAX + 1];
    uint8_t body[KIB(1)];
    doran_t *client = NULL;
    pack_t pack = pack_into(body, sizeof body);
    pack_map(&pack, 1);
    pack_cstring(&pack, "user");
    pack_cstring(&pack, person->user);
    snprintf(address, sizeof address, "session/%s", person->session);
    doran_code_t code =
        doran_as(person->people->bridge->server, address, pack.ptr, pack.len, note_opened, person, &client);
    pump_wake(person->people->bridge->pump);
    return code == DORAN_OK ? client : NULL;
}

static void remember_token(person_t *person, const uint8_t hash[HASH_BYTES], uint64_t expires_ms) {
    memcpy(person->token_hash, hash, HASH_BYTES);
    person->expires_ms = expires_ms;
    HASH_ADD(by_token, person->people->by_token, token_hash, HASH_BYTES, person);
}

static unsigned hash_of(const char *session) {
    unsigned hash;
    HASH_VALUE(session, strlen(session), hash);
    return hash;
}

static void enter(person_t *person) {
    const char *session = person->session;
    LIST_INIT(&person->watchers);
    rest(person);
    HASH_ADD_KEYPTR_BYHASHVALUE(by_session, person->people->by_session, session, strlen(session), hash_of(session),
                                person);
}

static person_t *new_person(people_t *self, const token_claims_t *claims, const uint8_t hash[HASH_BYTES]) {
    size_t user = strlen(claims->user) + 1, session = strlen(claims->session) + 1;
    person_t *person = calloc(1, sizeof *person + user + session);
    CHECK(person != NULL, "out of memory");
    person->people = self;
    memcpy(person->user, claims->user, user);
    memcpy(person->user + user, claims->session, session);
    person->session = person->user + user;
    person->client = open_client(person);
    if (person->client == NULL) {
        free(person);
        return NULL;
    }
    enter(person);
    remember_token(person, hash, claims->expires_ms);
    return person;
}

static void hold(person_t *person) {
    if (person->holders++ == 0) {
        rouse(person);
        TAILQ_INSERT_TAIL(&person->people->held, person, in_list);
    }
}

/* By the token that was given last. */
static person_t *find_known(const people_t *self, const uint8_t hash[HASH_BYTES], uint64_t now_ms) {
    person_t *person;
    HASH_FIND(by_token, self->by_token, hash, HASH_BYTES, person);
    return person != NULL && person->expires_ms > now_ms ? person : NULL;
}

/* By what another token of the session says, or for the first time. */
static person_t *find_claimed(people_t *self, const token_claims_t *claims, const uint8_t hash[HASH_BYTES]) {
    person_t *person;
    const char *session = claims->session;
    HASH_FIND_BYHASHVALUE(by_session, self->by_session, session, strlen(session), hash_of(session), person);
    if (person == NULL) {
        return new_person(self, claims, hash);
    }
    HASH_DELETE(by_token, self->by_token, person);
    remember_token(person, hash, claims->expires_ms);
    return person;
}

person_t *people_find(people_t *self, span_t token, const char **why) {
    uint8_t hash[HASH_BYTES];
    token_claims_t claims;
    uint64_t now_ms = bridge_now_ms();
    crypto_generichash(hash, sizeof hash, token.ptr, token.len, self->hash_key, sizeof self->hash_key);
    person_t *person = find_known(self, hash, now_ms);
    *why = person == NULL ? token_read(self->key, token, now_ms, &claims) : NULL;
    if (person == NULL && *why == NULL) {
        person = find_claimed(self, &claims, hash);
    }
    if (person != NULL) {
        hold(person);
    }
    return person;
}

person_t *people_hold(person_t *person) {
    hold(person);
    return person;
}

void people_release(person_t **person_p) {
    person_t *person = *person_p;
    *person_p = NULL;
    if (person == NULL || --person->holders > 0) {
        return;
    }
    people_t *self = person->people;
    TAILQ_REMOVE(&self->held, person, in_list);
    rest(person);
    if (person->ended != DORAN_OK) {
        destroy_idle(person);
    }
    make_room(self);
}

char *people_sign(people_t *self, const char *user, const char *session, uint64_t *expires_ms) {
    token_claims_t claims = {.issued_ms = bridge_now_ms()};
    claims.expires_ms = claims.issued_ms + self->bridge->settings.access_token_ms;
    snprintf(claims.user, sizeof claims.user, "%s", user);
    snprintf(claims.session, sizeof claims.session, "%s", session);
    *expires_ms = claims.expires_ms;
    return token_sign(self->key, &claims);
}

/* Of one that is held */

doran_t *people_client(const person_t *person) {
    return person->client;
}

const char *people_user(const person_t *person) {
    return person->user;
}

const char *people_session(const person_t *person) {
    return person->session;
}

uint64_t people_expires_ms(const person_t *person) {
    return person->expires_ms;
}

doran_code_t people_ended(const person_t *person) {
    return person->ended;
}

bool people_ends_session(doran_code_t code) {
    return code == DORAN_UNAUTHENTICATED || code == DORAN_FORBIDDEN || code == DORAN_NOT_FOUND;
}

void people_watch(person_t *person, watcher_t *watcher) {
    if (person->ended != DORAN_OK) {
        watcher->ended(watcher->context, person->ended);
        return;
    }
    LIST_INSERT_HEAD(&person->watchers, watcher, in_person);
}

uint32_t people_watchers(const person_t *person) {
    const watcher_t *watcher;
    uint32_t count = 0;
    LIST_FOREACH(watcher, &person->watchers, in_person) {
        count++;
    }
    return count;
}

void people_unwatch(watcher_t *watcher) {
    LIST_REMOVE(watcher, in_person);
}
