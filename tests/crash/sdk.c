/* SPDX-License-Identifier: MIT */
#include "tests/crash/sdk.h"

#include "tests/crash/server.h"
#include "tests/crash/values.h"
#include "tools/client/client.h"

enum {
    TOKENS = 16384,
    TIMEOUT_MS = 3600000, /* longer than anything here lasts: nothing should be given up */
    LIST_TIMEOUT_MS = 20000,
    LIST_LIMIT = 1000,
    ADDRESS_BYTES = 64,
};

typedef struct request {
    sdk_t *sdk;
    uint32_t operation;
    bool used;
} request_t;

struct sdk {
    sdk_options_t options;
    doran_t *doran;
    uint16_t client;
    request_t *requests; /* [window] */
    uint32_t unanswered;
    uint64_t given_up;
    bool has_session;
    uint8_t session[SESSION_BYTES];
    tape_t tape;
    token_t tokens[TOKENS];
};

sdk_t *sdk_open(const sdk_options_t *options, char *error, size_t error_bytes) {
    sdk_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->tape = (tape_t){.tokens = self->tokens, .capacity = TOKENS};
    self->requests = calloc(options->window, sizeof *self->requests);
    CHECK(self->requests != NULL, "out of memory");
    doran_options_t how = {.data = options->data, .timeout_ms = TIMEOUT_MS, .in_flight_max = options->window};
    client_tuning_t tuning = {.transport = options->tcp ? TRANSPORT_TCP : TRANSPORT_ANY};
    self->doran = client_open(&how, &tuning, error, error_bytes);
    if (self->doran == NULL) {
        sdk_close(&self);
        return NULL;
    }
    self->client = history_add_client(options->history, options->name);
    return self;
}

void sdk_close(sdk_t **self_p) {
    sdk_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    doran_close(&self->doran);
    free(self->requests);
    free(self);
    *self_p = NULL;
}

/* Answers */

static answer_t read_reply(sdk_t *self, const operation_t *operation, const doran_reply_t *reply) {
    answer_t answer = {.outcome = OUTCOME_ACKNOWLEDGED}; /* version 0: makes no sense */
    span_t id = {0};
    if (reply->code != DORAN_OK) {
        return value_error((status_t)reply->code);
    }
    if (tape_read_whole(&self->tape, span_of(reply->body, reply->body_bytes)) == STATUS_OK) {
        const char *key = self->options.history->actors[operation->actor];
        answer = value_answer(&self->tape, 0, operation->type, key, &id);
    }
    if (operation->type == OPERATION_CREATE && answer.version > 0) {
        answer.version = answer.value == operation->value ? answer.version : 0;
        users_made(self->options.users, operation->actor, id);
    }
    return answer;
}

static void done(void *context, const doran_reply_t *reply) {
    request_t *request = context;
    sdk_t *self = request->sdk;
    operation_t *operation = &self->options.history->operations[request->operation];
    operation->id = reply->id;
    request->used = false;
    self->unanswered--;
    answer_t answer = read_reply(self, operation, reply);
    if (answer.outcome == OUTCOME_UNKNOWN) {
        self->given_up++;
        return;
    }
    history_answer(self->options.history, request->operation, &answer);
}

/* Requests */

static bool submit(sdk_t *self, request_t *request, const plan_t *plan) {
    history_t *history = self->options.history;
    uint8_t body[VALUE_BODY_BYTES];
    pack_t pack = pack_into(body, sizeof body);
    char address[ADDRESS_BYTES];
    value_pack(&pack, plan->type, plan->value);
    snprintf(address, sizeof address, "user/%s", history->actors[plan->actor]);
    *request = (request_t){.sdk = self, .used = true};
    request->operation = history_invoke(history, self->client, 0, plan->type, plan->actor, plan->value);
    history_sent_again(history, request->operation); /* it may, without telling */
    doran_code_t code =
        doran_submit(self->doran, address, value_method(plan->type), pack.ptr, pack.len, 0, done, request);
    request->used = code == DORAN_OK;
    self->unanswered += request->used;
    return request->used;
}

void sdk_fill(sdk_t *self) {
    for (uint32_t i = 0; i < self->options.window; i++) {
        if (!self->requests[i].used) {
            plan_t plan = users_plan(self->options.users);
            if (!submit(self, &self->requests[i], &plan)) {
                return;
            }
        }
    }
    doran_flush(self->doran);
}

void sdk_step(sdk_t *self) {
    while (doran_run(self->doran, 0) > 0) {
    }
    uint64_t next_id;
    if (!self->has_session && doran_session(self->doran, self->session, &next_id) == 1) {
        self->has_session = true;
        history_set_session(self->options.history, self->client, self->session);
    }
}

int sdk_fd(sdk_t *self) {
    return doran_fd(self->doran);
}

uint32_t sdk_unanswered(const sdk_t *self) {
    return self->unanswered;
}

uint64_t sdk_given_up(const sdk_t *self) {
    return self->given_up;
}

/* The list */

typedef struct page {
    sdk_t *sdk;
    history_row_t *rows; /* [count] */
    size_t count, capacity;
    bool more;                       /* some shard has more */
    char through[HISTORY_KEY_BYTES]; /* up to here, all shards have told all; only if more */
    bool damaged;
} page_t;

static void page_add(page_t *self, span_t key, uint64_t version) {
    if (self->count == self->capacity || key.len >= HISTORY_KEY_BYTES) {
        self->damaged = true;
        return;
    }
    history_row_t *row = &self->rows[self->count++];
    *row = (history_row_t){.version = version};
    memcpy(row->key, key.ptr, key.len);
}

/* {shard, shards, items: [{key, version, bytes}], more} */
static void take_shard(void *context, const doran_reply_t *reply) {
    page_t *self = context;
    tape_t *tape = &self->sdk->tape;
    if (reply->code != DORAN_OK || tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) != STATUS_OK) {
        self->damaged = true;
        return;
    }
    uint32_t items = tape_find(tape, 0, "items"), more = tape_find(tape, 0, "more");
    self->damaged |= items == 0 || more == 0;
    size_t before = self->count;
    for (uint32_t i = items + 1; items > 0 && i < tape->tokens[items].next; i = tape->tokens[i].next) {
        uint32_t key = tape_find(tape, i, "key"), version = tape_find(tape, i, "version");
        if (key == 0 || version == 0) {
            self->damaged = true;
        } else {
            page_add(self, token_span(&tape->tokens[key]), tape->tokens[version].u64);
        }
    }
    if (more > 0 && tape->tokens[more].boolean && self->count > before) {
        const char *last = self->rows[self->count - 1].key;
        if (!self->more || strcmp(last, self->through) < 0) {
            snprintf(self->through, sizeof self->through, "%s", last);
        }
        self->more = true;
    }
}

static bool ask_page(page_t *self, const char *after, char *error, size_t error_bytes) {
    uint8_t body[256];
    pack_t pack = pack_into(body, sizeof body);
    pack_map(&pack, 2);
    pack_cstring(&pack, "after");
    pack_cstring(&pack, after);
    pack_cstring(&pack, "limit");
    pack_u64(&pack, LIST_LIMIT);
    self->count = 0;
    self->more = self->damaged = false;
    doran_code_t code =
        doran_query(self->sdk->doran, "user", "list", pack.ptr, pack.len, LIST_TIMEOUT_MS, take_shard, self);
    if (code != DORAN_OK || self->damaged) {
        snprintf(error, error_bytes, "the list after \"%s\" was answered %s%s", after, doran_code_name(code),
                 self->damaged ? ", and not as its schema says" : "");
        return false;
    }
    return true;
}

bool sdk_list(sdk_t *self, char *error, size_t error_bytes) {
    page_t page = {.sdk = self, .capacity = (size_t)SHARDS_MAX * LIST_LIMIT};
    char after[HISTORY_KEY_BYTES] = "";
    page.rows = calloc(page.capacity, sizeof *page.rows);
    CHECK(page.rows != NULL, "out of memory");
    bool good;
    do {
        good = ask_page(&page, after, error, error_bytes);
        for (size_t i = 0; good && i < page.count; i++) {
            span_t key = span_text(page.rows[i].key);
            if (!server_is_first_admin(key) && (!page.more || strcmp(page.rows[i].key, page.through) <= 0)) {
                history_row(self->options.history, key, page.rows[i].version);
            }
        }
        memcpy(after, page.through, sizeof after);
    } while (good && page.more);
    free(page.rows);
    if (good) {
        history_listed(self->options.history);
    }
    return good;
}
