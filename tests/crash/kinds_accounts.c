/* SPDX-License-Identifier: MIT */
/*
 * accounts: many want the same few addresses for mail. Round by round, new sign-ups and accounts that change theirs
 * race for one; at most one may have it. Then it is wanted again while it is owned: nobody may have it; or its owner
 * takes another address of its own, while the next ones race already. Of every account it is known which address it
 * should have.
 */
#include <inttypes.h>

#include "tests/crash/server.h"
#include "tests/crash/trial.h"

enum {
    ADDRESSES = 4,
    CONTENDERS = 5, /* in a race: sign-ups, and one that changes its address */
    ACCOUNTS_MAX = 20000,
    ID_BYTES = 64,
    EMAIL_BYTES = 64,
    QUIET_MS = 20000,
    STEP_MS = 20,
    LIST_LIMIT = 1000,
    OWN = 0xff, /* an account with an address that nobody else wants */
    NOBODY = UINT32_MAX,
    RELEASE_ONE_IN = 2, /* after a race: the owner lets go */
};

static const char who[] = "accounts";

typedef struct account {
    char id[ID_BYTES];
    uint32_t own;    /* number of its own address */
    uint8_t address; /* that it has: OWN, or one of those wanted */
    bool busy;       /* in a race, or letting go */
    bool listed;
} account_t;

typedef struct race {
    uint32_t open;    /* contenders that are not answered, and the release */
    uint32_t winners; /* in this round */
    uint32_t owner;   /* account, or NOBODY */
    bool may_be_free; /* as this round began, or since: one of them may win */
    bool never_owned; /* one of them must win */
} race_t;

typedef struct attempt {
    uint8_t address;
    uint32_t account; /* that changes its address; NOBODY: a sign-up */
} attempt_t;

typedef struct accounts {
    trial_t *trial;
    account_t accounts[ACCOUNTS_MAX];
    uint32_t count, own_count;
    race_t races[ADDRESSES];
    attempt_t attempts[ADDRESSES][CONTENDERS];
    uint64_t rounds, won, refused;
    char after[KEY_BYTES_MAX + 1], through[KEY_BYTES_MAX + 1]; /* of the list */
    bool more;
    uint32_t listed, admins;
} accounts_t;

static void *create(trial_t *trial) {
    accounts_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->trial = trial;
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        self->races[i] = (race_t){.owner = NOBODY, .may_be_free = true, .never_owned = true};
    }
    return self;
}

static void wanted_email(uint32_t address, char email[EMAIL_BYTES]) {
    snprintf(email, EMAIL_BYTES, "wanted-%u@example.org", address);
}

static void own_email(uint32_t own, char email[EMAIL_BYTES]) {
    snprintf(email, EMAIL_BYTES, "own-%u@example.org", own);
}

static void expected_email(const account_t *account, char email[EMAIL_BYTES]) {
    if (account->address == OWN) {
        own_email(account->own, email);
    } else {
        wanted_email(account->address, email);
    }
}

/* Races */

static void note_win(accounts_t *self, uint32_t address, uint32_t account) {
    race_t *race = &self->races[address];
    char email[EMAIL_BYTES];
    wanted_email(address, email);
    race->winners++;
    self->won++;
    if (race->winners > 1 || !race->may_be_free) {
        trial_fail(self->trial, who, "%s has two owners", email);
    }
    race->owner = account;
    self->accounts[account].address = (uint8_t)address;
}

static void finish_round(accounts_t *self, uint32_t address) {
    race_t *race = &self->races[address];
    if (race->never_owned && race->winners == 0) {
        trial_fail(self->trial, who, "wanted-%u was free, and nobody could have it", address);
    }
    race->never_owned = false;
    race->may_be_free = race->owner == NOBODY;
}

static void answered(accounts_t *self, uint32_t address) {
    race_t *race = &self->races[address];
    if (--race->open == 0) {
        finish_round(self, address);
    }
}

static void signed_up(accounts_t *self, uint32_t address, const doran_reply_t *reply) {
    user_view_t view;
    if (reply->code == DORAN_CONFLICT) {
        self->refused++;
        return;
    }
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, "a sign-up", reply);
        return;
    }
    if (!trial_read(self->trial, reply->body, reply->body_bytes, &record_user_view, &view)) {
        return;
    }
    CHECK(self->count < ACCOUNTS_MAX && view.id.len < ID_BYTES, "%u accounts", self->count);
    account_t *account = &self->accounts[self->count];
    *account = (account_t){.own = self->own_count++, .address = OWN};
    memcpy(account->id, view.id.ptr, view.id.len);
    note_win(self, address, self->count++);
}

static void changed(accounts_t *self, uint32_t address, uint32_t account, const doran_reply_t *reply) {
    self->accounts[account].busy = false;
    if (reply->code == DORAN_OK) {
        note_win(self, address, account);
    } else if (reply->code == DORAN_CONFLICT) {
        self->refused++;
    } else {
        trial_unexpected(self->trial, who, "a change of address", reply);
    }
}

static void contended(void *context, uint32_t what, const doran_reply_t *reply) {
    accounts_t *self = context;
    const attempt_t *attempt = &self->attempts[what / CONTENDERS][what % CONTENDERS];
    if (attempt->account == NOBODY) {
        signed_up(self, attempt->address, reply);
    } else {
        changed(self, attempt->address, attempt->account, reply);
    }
    answered(self, attempt->address);
}

static bool send_sign_up(accounts_t *self, size_t connection, const char *email, trial_done_fn done, uint32_t what) {
    user_create_t asked = {0};
    FIELD_SET(user_create, &asked, email, span_text(email));
    FIELD_SET(user_create, &asked, name, span_text("Somebody"));
    return trial_submit(self->trial, connection, "user/", "create", &record_user_create, &asked, done, self, what);
}

static bool send_change(accounts_t *self, size_t connection, uint32_t account, const char *email, trial_done_fn done,
                        uint32_t what) {
    char address[TRIAL_ADDRESS_BYTES];
    user_update_t asked = {0};
    snprintf(address, sizeof address, "user/%s", self->accounts[account].id);
    FIELD_SET(user_update, &asked, email, span_text(email));
    bool sent = trial_submit(self->trial, connection, address, "update", &record_user_update, &asked, done, self, what);
    self->accounts[account].busy |= sent;
    return sent;
}

static void released(void *context, uint32_t what, const doran_reply_t *reply) {
    accounts_t *self = context;
    account_t *account = &self->accounts[what];
    uint32_t address = account->address;
    account->busy = false;
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, "letting go of an address", reply);
    }
    account->address = OWN;
    answered(self, address);
}

/* The owner takes an address of its own; those that race meanwhile may win. */
static void release(accounts_t *self, uint32_t address) {
    race_t *race = &self->races[address];
    char email[EMAIL_BYTES];
    own_email(self->accounts[race->owner].own, email);
    if (send_change(self, trial_below(self->trial, TRIAL_CONNECTIONS), race->owner, email, released, race->owner)) {
        race->owner = NOBODY;
        race->may_be_free = true;
        race->open++;
    }
}

/* An account that has an address of its own; NOBODY: none is idle. */
static uint32_t find_idle(accounts_t *self) {
    enum { TRIES = 20 };
    for (int i = 0; i < TRIES && self->count > 0; i++) {
        uint32_t account = (uint32_t)trial_below(self->trial, self->count);
        if (!self->accounts[account].busy && self->accounts[account].address == OWN) {
            return account;
        }
    }
    return NOBODY;
}

static void begin_round(accounts_t *self, uint32_t address) {
    race_t *race = &self->races[address];
    char email[EMAIL_BYTES];
    wanted_email(address, email);
    race->winners = 0;
    self->rounds++;
    if (race->owner != NOBODY && trial_below(self->trial, RELEASE_ONE_IN) == 0) {
        release(self, address);
    }
    for (uint32_t i = 0; i < CONTENDERS; i++) {
        uint32_t account = i == CONTENDERS - 1 ? find_idle(self) : NOBODY, what = address * CONTENDERS + i;
        size_t connection = trial_below(self->trial, TRIAL_CONNECTIONS);
        self->attempts[address][i] = (attempt_t){.address = (uint8_t)address, .account = account};
        race->open += account == NOBODY ? send_sign_up(self, connection, email, contended, what)
                                        : send_change(self, connection, account, email, contended, what);
    }
}

static void fill(void *context) {
    accounts_t *self = context;
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        if (self->races[i].open == 0 && self->count + CONTENDERS * ADDRESSES < ACCOUNTS_MAX) {
            begin_round(self, i);
        }
    }
}

/* Judging */

static void judge_account(accounts_t *self, uint32_t number) {
    const account_t *account = &self->accounts[number];
    char address[TRIAL_ADDRESS_BYTES], email[EMAIL_BYTES];
    user_view_t view;
    snprintf(address, sizeof address, "user/%s", account->id);
    expected_email(account, email);
    doran_code_t code = trial_call(self->trial, address, "get", &record_empty, &(empty_t){0}, &record_user_view, &view);
    if (code != DORAN_OK) {
        trial_lost(self->trial, who, "%s, which was acknowledged: %s", address, doran_code_name(code));
    } else if (!span_equal(view.email, span_text(email))) {
        trial_lost(self->trial, who, "%s has %.*s and not %s", address, (int)view.email.len,
                   (const char *)view.email.ptr, email);
    }
}

/* No account came of a sign-up that was refused. Those of the rooms have keys that no server makes. */
static void take_key(accounts_t *self, span_t key) {
    for (uint32_t i = 0; i < self->count; i++) {
        if (span_equal(key, span_text(self->accounts[i].id))) {
            self->listed += !self->accounts[i].listed;
            self->accounts[i].listed = true;
            return;
        }
    }
    self->admins += server_is_first_admin(key);
    if (!server_is_first_admin(key) &&
        (key.len < strlen("person-") || memcmp(key.ptr, "person-", strlen("person-")) != 0)) {
        trial_fail(self->trial, who, "user/%.*s is there, and nobody was told", (int)key.len, (const char *)key.ptr);
    }
}

static void lower_through(accounts_t *self, span_t key) {
    char text[KEY_BYTES_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)key.len, (const char *)key.ptr);
    if (!self->more || strcmp(text, self->through) < 0) {
        memcpy(self->through, text, sizeof text);
    }
    self->more = true;
}

static void take_shard(void *context, const doran_reply_t *answer) {
    static token_t tokens[ELEMENTS_MAX];
    accounts_t *self = context;
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    list_reply_t reply;
    if (answer->code != DORAN_OK ||
        !trial_read(self->trial, answer->body, answer->body_bytes, &record_list_reply, &reply) ||
        tape_read_whole(&tape, reply.items) != STATUS_OK) {
        return;
    }
    span_t last = {0};
    for (uint32_t i = 1; i < tape.count; i = tokens[i].next) {
        uint32_t key = tape_find(&tape, i, "key");
        last = key == 0 ? last : token_span(&tokens[key]);
        take_key(self, last);
    }
    if (reply.more) {
        lower_through(self, FIELD_OR(list_reply, &reply, through, last));
    }
}

static void judge_list(accounts_t *self) {
    bool good;
    do {
        list_request_t request = {0};
        FIELD_SET(list_request, &request, after, span_text(self->after));
        FIELD_SET(list_request, &request, limit, LIST_LIMIT);
        self->more = false;
        good = trial_query(self->trial, "user", "list", &record_list_request, &request, take_shard, self);
        memcpy(self->after, self->through, sizeof self->after);
    } while (good && self->more);
    if (good && self->admins != 1) {
        trial_fail(self->trial, who, "there are %u first admins", self->admins);
    }
    if (good && self->listed != self->count) {
        trial_lost(self->trial, who, "%u accounts are listed, of %u", self->listed, self->count);
    }
}

/* Who has one is asked for; a new sign-up is refused where it is owned and taken where it is free. */
static void judge_address(accounts_t *self, uint32_t address) {
    const race_t *race = &self->races[address];
    char email[EMAIL_BYTES];
    user_create_t asked = {0};
    user_view_t view;
    doran_code_t wanted = race->owner == NOBODY ? DORAN_OK : DORAN_CONFLICT, code = DORAN_INTERNAL;
    wanted_email(address, email);
    FIELD_SET(user_create, &asked, email, span_text(email));
    FIELD_SET(user_create, &asked, name, span_text("Latecomer"));
    for (uint32_t ms = 0; ms < QUIET_MS && code != wanted; ms += STEP_MS) {
        code = trial_call(self->trial, "user/", "create", &record_user_create, &asked, &record_user_view, &view);
        if (code != DORAN_OK && code != DORAN_CONFLICT) {
            break;
        }
        if (code == DORAN_OK && wanted == DORAN_CONFLICT) {
            break;
        }
        trial_run(self->trial, code == wanted ? 0 : STEP_MS);
    }
    if (code != wanted) {
        trial_fail(self->trial, who, "%s, which %s, was answered %s", email,
                   race->owner == NOBODY ? "is free" : "has an owner", doran_code_name(code));
    }
}

static void judge(void *context) {
    accounts_t *self = context;
    for (uint32_t i = 0; i < self->count; i++) {
        judge_account(self, i);
    }
    judge_list(self);
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        judge_address(self, i);
    }
}

static void tell(const void *context, char *line, size_t line_bytes) {
    const accounts_t *self = context;
    snprintf(line, line_bytes, "%" PRIu64 " rounds for %d addresses, %" PRIu64 " won, %" PRIu64 " refused",
             self->rounds, ADDRESSES, self->won, self->refused);
}

static void destroy(void *context) {
    free(context);
}

const check_t check_accounts = {
    .name = "accounts", .create = create, .fill = fill, .judge = judge, .tell = tell, .destroy = destroy};
