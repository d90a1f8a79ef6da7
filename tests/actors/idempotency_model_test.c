/* SPDX-License-Identifier: MIT */
/*
 * Idempotency keys against a model. Some callers use few keys for few actors, over and over, with this body or that, in
 * sessions or without; they send again what they have sent; time passes, promises are kept or never are, the server
 * starts again with another number of shards. The model is what a table of (caller, key, actor) and one of (session,
 * id) say; a SKU's stock counts what ran, since each of its answers says how much there is.
 */
#include "tests/actors/node.h"
#include "tests/storage/random.h"

enum {
    SKUS = 3,
    TARGETS = 2 * SKUS, /* SKUs, then nodes */
    CALLERS = 3,
    KEYS = 4,
    BODIES = 3, /* of a SKU the first one fails */
    SESSIONS = 4,
    REQUESTS_MAX = 12000,
    BURST_MAX = 5,
    SHARDS_MOST = 4,
    IDEMPOTENCY_MS = 1000,
    NONE = -1,
};

static const char *const callers[CALLERS] = {NULL, "ann", "bob"};
static const char *const target_keys[TARGETS] = {"s0", "s1", "s2", "n0", "n1", "n2"};

typedef struct sent {
    uint64_t session, id; /* session 0: none */
    int caller, key, target, body;
    uint64_t ticket;  /* of the copy that waits, or was sent last */
    bool waits;       /* for a promise */
    bool ran;         /* and wrote: the session gets this again */
    int promise;      /* or NONE */
    const char *text; /* the answer, if not of a promise */
} sent_t;

typedef struct row {
    uint64_t expires_ms;
    int body, promise;
    const char *text; /* NULL: of the promise */
} row_t;

typedef struct model {
    row_t rows[CALLERS][KEYS][TARGETS];
    int tokens[TARGETS][CALLERS * (KEYS + 1) * BODIES]; /* promise that the node remembers, or NONE */
    const char *promises[REQUESTS_MAX];                 /* answers, NULL: none yet */
    int promise_count;
    sent_t sent[REQUESTS_MAX];
    int sent_count;
    uint64_t stock[SKUS], next_id[SESSIONS + 1], answers;
    uint32_t runs, mismatches, in_progress, repeated, waited; /* how often what happened */
} model_t;

static fixture_t fixture;
static settings_t settings;
static model_t model;

static void setup(void) {
    settings = settings_defaults();
    settings.idempotency_ms = IDEMPOTENCY_MS;
    fixture.options.settings = &settings;
    fixture.options.actor_of = actor_of_node;
    fixture.options.kind_of = kind_of_node;
    fixture.options.count = 2;
    fixture.may_wait = true;
    fixture_open(&fixture);
    memset(&model, 0, sizeof model);
    for (int target = 0; target < TARGETS; target++) {
        for (size_t i = 0; i < ARRAY_LENGTH(model.tokens[0]); i++) {
            model.tokens[target][i] = NONE;
        }
    }
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(idempotency_model, .init = setup, .fini = teardown);

/* Requests. */

/* Tells the holds of a node apart. */
static int number_of(const sent_t *sent) {
    return (sent->caller * (KEYS + 1) + sent->key + 1) * BODIES + sent->body;
}

static uint64_t send_copy(const sent_t *sent) {
    char body[100], key[16];
    bool sku = sent->target < SKUS;
    snprintf(key, sizeof key, "k%d", sent->key);
    if (sku) {
        snprintf(body, sizeof body, "{\"delta\":%d,\"reason\":\"counted\"}", sent->body == 0 ? -1000000 : sent->body);
    } else {
        snprintf(body, sizeof body, "{\"number\":%d}", number_of(sent));
    }
    return fixture_send(&fixture, &(call_t){.kind = sku ? "sku" : NULL,
                                            .own_kind = sku ? NULL : &node_kind,
                                            .key = target_keys[sent->target],
                                            .method = sku ? "adjust" : "hold",
                                            .body = body,
                                            .session = sent->session,
                                            .id = sent->id,
                                            .user = callers[sent->caller],
                                            .roles = ROLE_ADMIN,
                                            .idempotency_key = sent->key == NONE ? NULL : key});
}

static sent_t *new_request(random_state_t *random) {
    cr_assert_lt(model.sent_count, REQUESTS_MAX);
    sent_t *sent = &model.sent[model.sent_count++];
    *sent = (sent_t){.session = random_below(random, SESSIONS + 1),
                     .caller = (int)random_below(random, CALLERS),
                     .key = (int)random_below(random, KEYS + 1) - 1,
                     .target = (int)random_below(random, TARGETS),
                     .body = random_below(random, 4) == 0 ? (int)random_below(random, BODIES) : 1,
                     .promise = NONE};
    sent->id = ++model.next_id[sent->session];
    return sent;
}

/* One that a session sends again, or NULL. */
static sent_t *old_request(random_state_t *random) {
    int recent = model.sent_count < 100 ? model.sent_count : 100;
    if (recent == 0) {
        return NULL;
    }
    sent_t *sent = &model.sent[model.sent_count - 1 - (int)random_below(random, (size_t)recent)];
    return sent->session != 0 ? sent : NULL;
}

/* What the model says. */

static void must_be(const sent_t *sent, uint64_t ticket, const char *begin) {
    const char *text = fixture_outcome(&fixture, ticket);
    cr_assert(text != NULL && fixture_is(text, begin), "%s/%d: %s is not %s", target_keys[sent->target], sent->key,
              text == NULL ? "nothing" : text, begin);
}

static void must_wait(sent_t *sent, uint64_t ticket) {
    if (sent->waits) { /* a copy takes the place of the one before */
        cr_assert_str_eq(fixture_outcome(&fixture, sent->ticket), "silent");
    }
    sent->ticket = ticket;
    sent->waits = true;
    model.waited++;
}

static void must_get(sent_t *sent, uint64_t ticket, int promise, const char *text) {
    const char *expected = promise == NONE ? text : model.promises[promise];
    if (expected == NULL) {
        must_wait(sent, ticket);
        return;
    }
    cr_assert_str_eq(fixture_outcome(&fixture, ticket), expected);
    model.repeated++;
}

/* It ran: what the answer must say, and what everybody remembers. False: it failed. */
static bool ran_sku(sent_t *sent, uint64_t ticket) {
    char stock[40];
    if (sent->body == 0) {
        must_be(sent, ticket, ERROR_TEXT("conflict"));
        return false;
    }
    model.stock[sent->target] += (uint64_t)sent->body;
    snprintf(stock, sizeof stock, "\"on_hand\":%lu,", (unsigned long)model.stock[sent->target]);
    sent->text = fixture_outcome(&fixture, ticket);
    cr_assert(sent->text != NULL && strstr(sent->text, stock) != NULL, "%s is not in %s", stock, sent->text);
    return true;
}

static void ran_node(sent_t *sent, uint64_t ticket) {
    sent->promise = model.promise_count++;
    model.tokens[sent->target][number_of(sent)] = sent->promise; /* the one before is forgotten */
    must_wait(sent, ticket);
}

static void must_run(sent_t *sent, uint64_t ticket) {
    model.runs++;
    if (sent->target >= SKUS) {
        ran_node(sent, ticket);
    } else if (!ran_sku(sent, ticket)) {
        return;
    }
    sent->ran = true;
    if (sent->key != NONE) {
        model.rows[sent->caller][sent->key][sent->target] = (row_t){.expires_ms = fixture.unix_ms + IDEMPOTENCY_MS,
                                                                    .body = sent->body,
                                                                    .promise = sent->promise,
                                                                    .text = sent->text};
    }
}

static void check_one(sent_t *sent, uint64_t ticket) {
    const row_t *row = sent->key == NONE ? NULL : &model.rows[sent->caller][sent->key][sent->target];
    if (sent->session != 0 && sent->ran) {
        must_get(sent, ticket, sent->promise, sent->text);
    } else if (row == NULL || row->expires_ms <= fixture.unix_ms) {
        must_run(sent, ticket);
    } else if (row->body != sent->body) {
        model.mismatches++;
        must_be(sent, ticket, ERROR_TEXT("idempotency_mismatch"));
    } else if (row->promise != NONE && model.promises[row->promise] == NULL) {
        model.in_progress++;
        must_be(sent, ticket, ERROR_TEXT("in_progress"));
    } else {
        must_get(sent, ticket, row->promise, row->text);
    }
}

/* Some requests at once, new ones and old. */
static void burst(random_state_t *random) {
    sent_t *sent[BURST_MAX];
    uint64_t tickets[BURST_MAX];
    size_t count = 1 + random_below(random, BURST_MAX);
    for (size_t i = 0; i < count; i++) {
        sent_t *old = random_below(random, 3) == 0 ? old_request(random) : NULL;
        sent[i] = old != NULL ? old : new_request(random);
        tickets[i] = send_copy(sent[i]);
    }
    fixture_run(&fixture);
    for (size_t i = 0; i < count; i++) {
        check_one(sent[i], tickets[i]);
    }
    for (size_t i = 0; i < count; i++) {
        cr_assert(!sent[i]->waits || fixture_outcome(&fixture, sent[i]->ticket) == NULL);
    }
}

/* A node answers one of its holds, if it has it. */
static void answer(int target, int number) {
    char body[100], text[100];
    int promise = model.tokens[target][number];
    unsigned long count = ++model.answers;
    snprintf(body, sizeof body, "{\"to\":\"%d\",\"count\":%lu}", number, count);
    fixture_call(&fixture,
                 &(call_t){.own_kind = &node_kind, .key = target_keys[target], .method = "answer", .body = body});
    if (promise == NONE) {
        return;
    }
    snprintf(text, sizeof text, "reply {\"number\":%d,\"count\":%lu}", number, count);
    model.promises[promise] = strdup(text);
    model.tokens[target][number] = NONE;
    for (int i = 0; i < model.sent_count; i++) {
        if (model.sent[i].waits && model.sent[i].promise == promise) {
            must_be(&model.sent[i], model.sent[i].ticket, text);
            model.sent[i].waits = false;
        }
    }
}

static void answer_some(random_state_t *random) {
    for (int i = 0; i < 20; i++) {
        answer(SKUS + (int)random_below(random, SKUS), (int)random_below(random, ARRAY_LENGTH(model.tokens[0])));
    }
}

/* Nobody waits any more; what was promised stands. */
static void start_again(random_state_t *random) {
    fixture_restart_as(&fixture, (uint16_t)(1 + random_below(random, SHARDS_MOST)));
    for (int i = 0; i < model.sent_count; i++) {
        model.sent[i].waits = false;
    }
}

static void sweep(uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        fixture_idle(&fixture, (uint16_t)(i % fixture.options.count));
    }
}

static void step(random_state_t *random) {
    size_t what = random_below(random, 20);
    burst(random);
    if (what < 4) {
        fixture_pass(&fixture, random_below(random, IDEMPOTENCY_MS / 4));
    } else if (what < 8) {
        answer_some(random);
    } else if (what < 10) {
        sweep(50);
    } else if (what < 12) {
        fixture_apply_some(&fixture, random_below(random, fixture.end_count + 1));
    } else if (what == 12) {
        start_again(random);
    }
}

static void end(void) {
    char stock[40];
    for (int target = 0; target < SKUS; target++) {
        const char *text =
            fixture_call(&fixture, &(call_t){.kind = "sku", .key = target_keys[target], .method = "stock"});
        snprintf(stock, sizeof stock, "\"on_hand\":%lu,", (unsigned long)model.stock[target]);
        cr_assert_not_null(strstr(text, stock), "%s is not in %s", stock, text);
    }
    fixture_pass(&fixture, IDEMPOTENCY_MS);
    sweep(2 * PARTITIONS);
    cr_assert_eq(fixture_rows(&fixture, 'k'), 0, "what has expired does not stay");
    for (int i = 0; i < model.promise_count; i++) {
        free((char *)(uintptr_t)model.promises[i]);
    }
}

Test(idempotency_model, whatever_callers_do_nothing_runs_twice_and_nobody_gets_anothers_answer, .timeout = 100) {
    random_state_t random =
        random_start("idempotency_model, whatever_callers_do_nothing_runs_twice_and_nobody_gets_anothers_answer");
    for (int target = 0; target < SKUS; target++) {
        fixture_call(&fixture, &(call_t){.kind = "sku",
                                         .key = target_keys[target],
                                         .method = "create",
                                         .body = "{\"product\":\"shirt\",\"name\":\"Shirt\",\"price\":{\"amount\":1,"
                                                 "\"currency\":\"EUR\"}}"});
    }
    while (model.sent_count < REQUESTS_MAX / 4) {
        step(&random);
    }
    end();
    fprintf(stderr, "%u runs, %u answers again, %u waits, %u in progress, %u mismatches\n", model.runs, model.repeated,
            model.waited, model.in_progress, model.mismatches);
    cr_assert(model.repeated > 0 && model.waited > 0 && model.in_progress > 0 && model.mismatches > 0);
}
