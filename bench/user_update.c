/* SPDX-License-Identifier: MIT */
/*
 * user-update: durable changes of accounts. A worker changes only accounts of its own, so that every change of an
 * account goes through one session and its versions are known (ledger.h).
 *
 * prepare: get each account to learn its version; make those that are missing.
 * measured: update, at random.
 * judge: get those that were updated, and compare.
 *
 * The record: an e-mail, a name of --size bytes that changes, and 150 bytes about the user: over 200 as stored. The
 * request is the name and about 75 bytes around it: less than 192.
 */
#include "bench/workload.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/ledger.h"
#include "schemas/address.h"

enum {
    PREPARE_MS = 30000,
    INFO_BYTES = 40,            /* the stored record is then a little over 200 bytes */
    ACCOUNTS_SEEN_MAX = 100000, /* in the end, by all workers together */
};

typedef struct accounts {
    ledger_t *ledger;
    uint32_t *some; /* actors that a pass is about */
    uint32_t count;
} accounts_t;

static accounts_t *accounts_of(worker_t *self) {
    return self->state;
}

static void address_of(const worker_t *self, uint32_t actor, char address[KIND_BYTES_MAX + KEY_BYTES_MAX]) {
    snprintf(address, KIND_BYTES_MAX + KEY_BYTES_MAX, "user/bench-%07u", worker_actor(self, actor));
}

/* A name that no other update of this worker has, of --size bytes. */
static span_t name_of(const worker_t *self, uint64_t number, char name[USER_BYTES_MAX + 1]) {
    int len = snprintf(name, USER_BYTES_MAX + 1, "%03u-%011llu ", self->index % 1000, (unsigned long long)number);
    memset(name + len, 'n', USER_BYTES_MAX - (size_t)len);
    return span_of(name, self->options->size);
}

static uint64_t version_of(worker_t *self, const doran_reply_t *reply) {
    tape_t tape;
    uint32_t token = worker_read(self, reply, &tape) ? tape_find(&tape, 0, "version") : 0;
    if (token == 0 || tape.tokens[token].type != TOKEN_U64) {
        worker_fail(self, "An answer about an account has no version.");
        return 0;
    }
    return tape.tokens[token].u64;
}

static void fail_with(worker_t *self, const slot_t *slot, const char *method, const doran_reply_t *reply) {
    worker_fail(self, "user/bench-%07u %s: %s: %s", worker_actor(self, slot->actor), method,
                doran_code_name(reply->code), reply->text);
}

/* prepare */

static doran_code_t submit_get(worker_t *self, slot_t *slot) {
    char address[KIND_BYTES_MAX + KEY_BYTES_MAX];
    pack_t body = pack_into(self->request, self->request_bytes);
    pack_map(&body, 0);
    slot->actor = accounts_of(self)->some[slot->number];
    address_of(self, slot->actor, address);
    return worker_submit(self, slot, address, "get", &body, PREPARE_MS);
}

/* Those that are missing are kept at the front of `some`; answers come after that place was sent. */
static void answered_first_get(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    accounts_t *accounts = accounts_of(self);
    if (reply->code == DORAN_OK) {
        ledger_begin(accounts->ledger, slot->actor, version_of(self, reply));
    } else if (reply->code == DORAN_NOT_FOUND) {
        accounts->some[accounts->count++] = slot->actor;
    } else {
        fail_with(self, slot, "get", reply);
    }
}

static doran_code_t submit_create(worker_t *self, slot_t *slot) {
    char address[KIND_BYTES_MAX + KEY_BYTES_MAX], email[64], name[USER_BYTES_MAX + 1], info[INFO_BYTES];
    memset(info, 'i', sizeof info);
    slot->actor = accounts_of(self)->some[slot->number];
    address_of(self, slot->actor, address);
    int email_bytes = snprintf(email, sizeof email, "bench-%07u@example.org", worker_actor(self, slot->actor));
    pack_t body = pack_into(self->request, self->request_bytes);
    pack_map(&body, 3);
    pack_cstring(&body, "email");
    pack_text(&body, span_of(email, (size_t)email_bytes));
    pack_cstring(&body, "name");
    pack_text(&body, name_of(self, 0, name));
    pack_cstring(&body, "info");
    pack_text(&body, span_of(info, sizeof info));
    return worker_submit(self, slot, address, "create", &body, PREPARE_MS);
}

static void answered_create(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    if (reply->code == DORAN_OK) {
        ledger_begin(accounts_of(self)->ledger, slot->actor, version_of(self, reply));
    } else {
        fail_with(self, slot, "create", reply);
    }
}

static bool prepare(worker_t *self) {
    accounts_t *accounts = self->state = calloc(1, sizeof *accounts);
    CHECK(accounts != NULL, "no memory");
    accounts->ledger = ledger_new(self->actors);
    accounts->some = calloc(self->actors, sizeof *accounts->some);
    CHECK(accounts->some != NULL, "no memory for %u actors", self->actors);
    for (uint32_t i = 0; i < self->actors; i++) {
        accounts->some[i] = i;
    }
    pass_t look = {.submit = submit_get, .answered = answered_first_get, .count = self->actors, .end_us = UINT64_MAX};
    if (!worker_pass(self, &look)) {
        return false;
    }
    pass_t make = {
        .submit = submit_create, .answered = answered_create, .count = accounts->count, .end_us = UINT64_MAX};
    return worker_pass(self, &make);
}

/* measured */

static doran_code_t submit_update(worker_t *self, slot_t *slot) {
    char address[KIND_BYTES_MAX + KEY_BYTES_MAX], name[USER_BYTES_MAX + 1];
    slot->actor = random_below(&self->random, self->actors);
    address_of(self, slot->actor, address);
    pack_t body = pack_into(self->request, self->request_bytes);
    pack_map(&body, 1);
    pack_cstring(&body, "name");
    pack_text(&body, name_of(self, slot->number + 1, name));
    return worker_submit(self, slot, address, "update", &body, 0);
}

static void answered_update(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    ledger_t *ledger = accounts_of(self)->ledger;
    if (reply->code == DORAN_OK) {
        bool sent_once = client_sends(self->client) == 1;
        ledger_acknowledge(ledger, slot->actor, slot->number, version_of(self, reply), sent_once);
    } else if (reply->code == DORAN_DEADLINE_EXCEEDED) {
        ledger_unknown(ledger, slot->actor);
    }
}

/* judge */

static void answered_last_get(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    ledger_t *ledger = accounts_of(self)->ledger;
    if (reply->code == DORAN_OK) {
        ledger_final(ledger, slot->actor, version_of(self, reply));
    } else if (reply->code == DORAN_NOT_FOUND) {
        ledger_final(ledger, slot->actor, 0);
    } else {
        fail_with(self, slot, "get", reply);
    }
}

/* Some of those updated, chosen evenly, if they are too many; the rest is judged by its answers alone. */
static void choose_seen(worker_t *self) {
    accounts_t *accounts = accounts_of(self);
    uint32_t room = ACCOUNTS_SEEN_MAX / self->options->clients + 1, touched = 0;
    for (uint32_t i = 0; i < self->actors; i++) {
        touched += ledger_touched(accounts->ledger, i);
    }
    accounts->count = 0;
    for (uint32_t i = 0, left = touched; i < self->actors; i++) {
        if (!ledger_touched(accounts->ledger, i)) {
            continue;
        }
        if (random_below(&self->random, left) < room) {
            accounts->some[accounts->count++] = i;
            room -= 1;
        } else {
            ledger_unseen(accounts->ledger, i);
        }
        left -= 1;
    }
}

static bool judge(worker_t *self) {
    accounts_t *accounts = accounts_of(self);
    choose_seen(self);
    pass_t look = {.submit = submit_get, .answered = answered_last_get, .count = accounts->count, .end_us = UINT64_MAX};
    if (!worker_pass(self, &look)) {
        return false;
    }
    verdict_add(&self->verdict, ledger_verdict(accounts->ledger));
    return true;
}

static void clean(worker_t *self) {
    accounts_t *accounts = accounts_of(self);
    if (accounts != NULL) {
        ledger_destroy(&accounts->ledger);
        free(accounts->some);
        free(accounts);
    }
}

const workload_t user_update_workload = {.name = "user-update",
                                         .prepare = prepare,
                                         .submit = submit_update,
                                         .answered = answered_update,
                                         .judge = judge,
                                         .clean = clean};
