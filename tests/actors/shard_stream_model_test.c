/* SPDX-License-Identifier: MIT */
/*
 * Messages between actors under random loss, delay, failure and crash, with another number of shards after each crash.
 * Every node writes down what it sent and what it took; since that is part of its turns, at the end
 *
 *   what S sent to R, in order  =  what R took from S, in order
 *
 * but for messages that always fail: each of those is one dead letter. That turns which failed left nothing, and those
 * that were acknowledged left all, is known from the answers. And a retry gets the answer that the first got.
 *
 * Where rows of streams rot, streams stop, but none skips or doubles anything: what R took is how what S sent begins.
 */
#include "actors/cell.h"
#include "actors/store_key.h"
#include "tests/actors/node.h"
#include "tests/storage/random.h"

enum {
    NODES = 256,
    HOT_NODES = 4, /* that a part of the traffic is for */
    SESSIONS = 8,
    STEPS = 4000,
    REQUESTS_MAX = STEPS,
    TICKETS_MAX = 6 * STEPS,
    NUMBERS_MAX = STEPS * TURN_SENDS_MAX,
    HOLDS_FROM = 1 << 20, /* numbers of holds */
    LINES_MAX = 400000,
    SETTLED_MS = 200000,
};
static_assert((int)NUMBERS_MAX < (int)HOLDS_FROM, "numbers of messages and holds are told apart");

typedef struct asked { /* a request that may be sent again */
    call_t call;
    char key[8], body[256];
    uint64_t first, count; /* numbers of its messages; count 0: a hold */
    bool fails;
    char *answer; /* the first */
} asked_t;

typedef struct line { /* of a log */
    uint32_t from, to, at;
    uint64_t number;
} line_t;

typedef struct lines {
    line_t items[LINES_MAX];
    size_t count;
} lines_t;

static fixture_t fixture;
static random_state_t random_state;
static asked_t requests[REQUESTS_MAX];
static size_t request_count;
static uint32_t ticket_of[TICKETS_MAX]; /* index of the request, by ticket */
static uint64_t ids[SESSIONS + 1], next_number, next_hold;
static uint8_t failures[NUMBERS_MAX];
static uint8_t in_turn[NUMBERS_MAX]; /* 1: of a turn that failed, 2: of one that stands */
static size_t loss_percent;
static lines_t out, in;
static uint64_t dead_letters, works_done;
static bool rotting; /* nodes send only what clients ask for: else whom they cannot send to makes what they take fail */

static size_t below(size_t limit) {
    return random_below(&random_state, limit);
}

static bool chance(size_t one_in) {
    return below(one_in) == 0;
}

static bool loses(const effect_t *effect) {
    (void)effect;
    return below(100) < loss_percent;
}

/* Of messages only: some fail once or twice, some always. */
static bool always_fails(uint64_t number) {
    return number < HOLDS_FROM && number % 64 == 5;
}

static bool fails(turn_t *turn, uint32_t method, uint64_t number) {
    (void)turn;
    if (method != NODE_TAKE) {
        return false;
    }
    return always_fails(number) || (number % 16 == 3 && failures[number]++ < 2);
}

/* Requests. */

static void send(uint32_t index) {
    uint64_t ticket = fixture_send(&fixture, &requests[index].call);
    cr_assert_lt(ticket, (uint64_t)TICKETS_MAX);
    ticket_of[ticket] = index;
}

static size_t any_node(void) {
    return below(chance(3) ? HOT_NODES : NODES);
}

static void ask_go(asked_t *self) {
    size_t count = chance(8) ? 1 + below(TURN_SENDS_MAX) : 1 + below(4);
    self->first = next_number;
    self->count = count;
    self->fails = chance(6);
    next_number += count;
    snprintf(self->body, sizeof self->body,
             "{\"number\":%lu,\"count\":%zu,\"when\":%zu,\"mode\":%d,\"to\":\"n%zu,n%zu,n%zu\"}",
             (unsigned long)self->first, count, chance(4) && !rotting ? below(4) : 0,
             (self->fails ? MODE_FAIL : 0) | (chance(4) ? MODE_WORK : 0), any_node(), any_node(), any_node());
    self->call.method = "go";
}

static void ask_hold(asked_t *self) {
    self->first = next_hold++;
    snprintf(self->body, sizeof self->body, "{\"number\":%lu,\"to\":\"n%zu\"}", (unsigned long)self->first, any_node());
    self->call.method = "hold";
}

static void ask(void) {
    asked_t *self = &requests[request_count];
    uint64_t session = 1 + below(SESSIONS);
    snprintf(self->key, sizeof self->key, "n%zu", any_node());
    self->call = (call_t){
        .own_kind = &node_kind, .key = self->key, .body = self->body, .session = session, .id = ++ids[session]};
    if (chance(5) && !rotting) {
        ask_hold(self);
    } else {
        ask_go(self);
    }
    send((uint32_t)request_count++);
}

/* Answers. */

static void check_answer(asked_t *self, const char *text) {
    if (strcmp(text, "silent") == 0 || fixture_is(text, ERROR_TEXT("busy"))) {
        return; /* one that waited was replaced by its retry; one that found no room did not run */
    }
    cr_assert(fixture_is(text, self->fails ? "error {\"code\":\"conflict\"" : "reply"), "%s", text);
    if (self->answer == NULL) {
        self->answer = strdup(text);
    }
    cr_assert_str_eq(text, self->answer, "a retry was answered %s, and first %s", text, self->answer);
    for (uint64_t i = 0; i < self->count; i++) {
        in_turn[self->first + i] = self->fails ? 1 : 2;
    }
}

static void check_answers(void) {
    for (uint64_t ticket = 1; ticket <= fixture.tickets; ticket++) {
        if (fixture_outcome(&fixture, ticket) != NULL) {
            check_answer(&requests[ticket_of[ticket]], fixture_outcome(&fixture, ticket));
        }
    }
}

/* Everything that was under way is lost, and who waited. */
static void crash(void) {
    size_t percent = loss_percent;
    loss_percent = 100;
    fixture_run(&fixture);
    fixture_restart_as(&fixture, (uint16_t)(1 + below(SHARDS_MAX)));
    loss_percent = percent;
}

/* While it is so, nothing is written, and messages and timers wait. */
static void set_storage_full(bool full) {
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        shard_set_storage_full(fixture.shards[shard], full);
    }
}

static void step(void) {
    static const size_t percents[] = {0, 0, 10, 50, 100};
    size_t what = below(100);
    if (what < 60) {
        ask();
    } else if (what < 75 && request_count > 0) {
        send((uint32_t)below(request_count));
    } else if (what < 85) {
        fixture_run(&fixture);
    } else if (what < 92) {
        fixture_pass(&fixture, 1 + below(300));
    } else if (what < 96) {
        fixture_apply_some(&fixture, below(fixture.end_count + 1));
    } else if (what < 98) {
        loss_percent = percents[below(ARRAY_LENGTH(percents))];
    } else if (what < 99) {
        set_storage_full(chance(3));
    } else {
        crash();
    }
}

/* The end. */

static uint32_t node_of(span_t text) {
    cr_assert(text.len >= 2 && text.ptr[0] == 'n', "%.*s", (int)text.len, (const char *)text.ptr);
    return (uint32_t)node_number(span_of(text.ptr + 1, text.len - 1));
}

static void read_line(span_t owner, span_t subkey, span_t body) {
    lines_t *lines = subkey.ptr[0] == 'o' ? &out : &in;
    const uint8_t *colon = memchr(body.ptr, ':', body.len);
    cr_assert(colon != NULL && lines->count < LINES_MAX);
    uint32_t node = node_of(owner), peer = node_of(body);
    lines->items[lines->count++] =
        (line_t){.from = subkey.ptr[0] == 'o' ? node : peer,
                 .to = subkey.ptr[0] == 'o' ? peer : node,
                 .at = (uint32_t)node_number(span_of(subkey.ptr + 1, subkey.len - 1)),
                 .number = node_number(span_of(colon + 1, (size_t)(body.ptr + body.len - colon - 1)))};
}

/* Work is lost or done once, and that of a turn that failed is not done. */
static void check_work(span_t body) {
    static uint8_t done[NUMBERS_MAX];
    uint64_t number = node_number(span_of(body.ptr + strlen("work:"), body.len - strlen("work:")));
    cr_assert(number < NUMBERS_MAX && in_turn[number] == 2 && !done[number], "work %lu", (unsigned long)number);
    done[number] = 1;
    works_done++;
}

/* p 's' kind NUL key NUL subkey */
static void read_own_key(span_t key, span_t value) {
    size_t prefix = 2 + strlen("node") + 1;
    span_t rest = span_of(key.ptr + prefix, key.len - prefix);
    const uint8_t *end = memchr(rest.ptr, 0, rest.len);
    span_t subkey = span_of(end + 1, rest.len - (size_t)(end - rest.ptr) - 1);
    cell_t cell;
    cr_assert(cell_open(&cell, key, value));
    if (subkey.len != 9) {
        cr_assert(subkey.ptr[0] == 'n' || rotting, "a hold that nobody answered");
        return;
    }
    if (subkey.ptr[0] == 'w') {
        if (!rotting) {
            check_work(cell.body);
        }
    } else {
        read_line(span_of(rest.ptr, (size_t)(end - rest.ptr)), subkey, cell.body);
    }
}

static void read_store(void) {
    uint64_t batch;
    span_t key, value;
    fixture_restart(&fixture);
    FIXTURE_OK(store_reader_renew(fixture.work_reader, 0, &batch));
    bool found = store_seek(fixture.work_reader, span_of("\0", 1), &key, &value);
    for (; found; found = store_next(fixture.work_reader, &key, &value)) {
        cr_assert(key.ptr[1] != 'o' || rotting, "a message was never consumed");
        dead_letters += key.ptr[1] == 'd';
        if (key.ptr[1] == 's') {
            read_own_key(key, value);
        }
    }
    store_reader_release(fixture.work_reader);
}

static int compare(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b;
}

static int compare_lines(const void *a, const void *b) {
    const line_t *left = a, *right = b;
    int order = compare(left->from, right->from);
    order = order != 0 ? order : compare(left->to, right->to);
    return order != 0 ? order : compare(left->at, right->at);
}

/* Of what always fails, each is a dead letter, and nobody took it. */
static void take_out_the_dead(void) {
    size_t kept = 0;
    uint64_t dead = 0;
    for (size_t i = 0; i < out.count; i++) {
        if (always_fails(out.items[i].number)) {
            dead++;
        } else {
            out.items[kept++] = out.items[i];
        }
    }
    out.count = kept;
    cr_assert_eq(dead, dead_letters, "%lu dead letters of %lu", (unsigned long)dead_letters, (unsigned long)dead);
}

static void check_logs(void) {
    qsort(out.items, out.count, sizeof out.items[0], compare_lines);
    qsort(in.items, in.count, sizeof in.items[0], compare_lines);
    take_out_the_dead();
    for (size_t i = 0; i < out.count && i < in.count; i++) {
        const line_t *sent = &out.items[i], *took = &in.items[i];
        cr_assert(sent->from == took->from && sent->to == took->to && sent->number == took->number,
                  "n%u sent %lu to n%u; n%u took %lu from n%u", sent->from, (unsigned long)sent->number, sent->to,
                  took->to, (unsigned long)took->number, took->from);
    }
    cr_assert_eq(out.count, in.count, "%zu sent, %zu taken", out.count, in.count);
}

static void check_numbers(void) {
    static uint8_t found[NUMBERS_MAX];
    for (size_t i = 0; i < in.count; i++) {
        uint64_t number = in.items[i].number;
        if (number < HOLDS_FROM) {
            cr_assert_neq(in_turn[number], 1, "%lu was sent by a turn that failed", (unsigned long)number);
            found[number] = 1;
        }
    }
    for (uint64_t number = 0; number < next_number; number++) {
        cr_assert(in_turn[number] != 2 || found[number] || always_fails(number), "%lu is lost", (unsigned long)number);
    }
}

static void check_shards(void) {
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        shard_stats_t stats = shard_stats(fixture.shards[shard]);
        cr_assert(stats.outbox == 0 && stats.held == 0, "%lu wait, %lu are held", (unsigned long)stats.outbox,
                  (unsigned long)stats.held);
    }
}

/* Everything that is under way arrives, while the applier keeps up. */
static void arrive(void) {
    for (int i = 0; i < SETTLED_MS / 5000; i++) {
        fixture_apply(&fixture);
        fixture_pass(&fixture, 5000);
    }
    fixture_apply(&fixture);
    check_answers();
}

/* Sends again what has no answer yet, since it found no room, or each. */
static void ask_again(bool each) {
    for (uint32_t i = 0; i < request_count; i++) {
        if (each || requests[i].answer == NULL) {
            send(i);
            fixture_pass(&fixture, 100);
            fixture_apply(&fixture);
        }
    }
}

static void check_end(void) {
    fixture.loses = NULL;
    set_storage_full(false);
    arrive();
    for (int i = 0; i < 5; i++) {
        ask_again(false);
        arrive();
    }
    uint64_t first = fixture.tickets + 1;
    ask_again(true);
    for (uint64_t ticket = first; ticket <= fixture.tickets; ticket++) {
        const asked_t *asked = &requests[ticket_of[ticket]];
        const char *answer = fixture_outcome(&fixture, ticket);
        cr_assert(answer != NULL && asked->answer != NULL && strcmp(answer, asked->answer) == 0,
                  "%s of %s was answered %s, and first %s", asked->call.method, asked->body, answer, asked->answer);
    }
    check_shards();
    read_store();
    check_logs();
    check_numbers();
}

static void open_all(void) {
    fixture.options.actor_of = actor_of_node;
    fixture.options.kind_of = kind_of_node;
    fixture.options.count = (uint16_t)(1 + below(SHARDS_MAX));
    fixture.options.memtable_bytes_max = chance(2) ? KIB(64) : 0; /* 0: enough */
    fixture.options.outbox_messages_max = chance(2) ? 20 : 0;
    fixture.options.resident_actors_max = 10;
    fixture.loses = loses;
    fixture.works = node_works;
    fixture.may_wait = true;
    node_fails = fails;
    next_hold = HOLDS_FROM;
    fixture_open(&fixture);
}

static void close_all(void) {
    for (size_t i = 0; i < request_count; i++) {
        free(requests[i].answer);
    }
    fixture_close(&fixture);
}

Test(shard, delivers_between_actors_once_and_in_order) {
    random_state = random_start("shard, delivers_between_actors_once_and_in_order");
    open_all();
    for (int i = 0; i < STEPS; i++) {
        step();
        if (i % 500 == 0) {
            check_answers();
        }
    }
    check_end();
    fprintf(stderr, "%zu requests, %lu tickets, %zu messages, %lu dead letters, %lu works, %lu routed\n", request_count,
            (unsigned long)fixture.tickets, in.count, (unsigned long)dead_letters, (unsigned long)works_done,
            (unsigned long)fixture.routed);
    close_all();
}

/* Damage. */

/* Any row of a stream that stands in the store. False: there is none. */
static bool find_row(store_key_t *row) {
    uint64_t batch, rows = 0;
    span_t key, value;
    FIXTURE_OK(store_reader_renew(fixture.work_reader, 0, &batch));
    bool found = store_seek(fixture.work_reader, span_of("\0", 1), &key, &value);
    for (; found; found = store_next(fixture.work_reader, &key, &value)) {
        if (memchr("oac", key.ptr[1], 3) != NULL && below(++rows) == 0) {
            row->len = key.len;
            memcpy(row->bytes, key.ptr, key.len);
        }
    }
    store_reader_release(fixture.work_reader);
    return rows > 0;
}

static void rot(void) {
    store_key_t row;
    crash();
    if (find_row(&row)) {
        uint8_t bytes[40];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)below(256);
        }
        fixture_damage(&fixture, store_key_span(&row), span_of(bytes, below(sizeof bytes)));
    }
}

static bool same_way(const line_t *a, const line_t *b) {
    return a->from == b->from && a->to == b->to;
}

/* Of each way, what was taken is a beginning of what was sent: none between is left out, none comes again. */
static void check_beginnings(void) {
    size_t at = 0;
    qsort(out.items, out.count, sizeof out.items[0], compare_lines);
    qsort(in.items, in.count, sizeof in.items[0], compare_lines);
    for (size_t i = 0; i < in.count; i++, at++) {
        const line_t *took = &in.items[i];
        while (at < out.count && !same_way(&out.items[at], took)) {
            at++; /* what was sent another way and not taken */
        }
        cr_assert(at < out.count && out.items[at].number == took->number, "n%u took %lu from n%u", took->to,
                  (unsigned long)took->number, took->from);
    }
}

Test(shard, skips_and_doubles_nothing_where_rows_of_streams_rot) {
    enum { RUNS = 40, REQUESTS = 30 };
    random_state = random_start("shard, skips_and_doubles_nothing_where_rows_of_streams_rot");
    open_all();
    node_fails = NULL;
    rotting = true;
    for (int run = 0; run < RUNS; run++) {
        loss_percent = below(2) * 50;
        for (int i = 0; i < REQUESTS; i++) {
            ask();
        }
        fixture_pass(&fixture, below(2000));
        rot();
    }
    loss_percent = 0;
    fixture_pass(&fixture, SETTLED_MS);
    read_store();
    fprintf(stderr, "%zu of %zu messages\n", in.count, out.count);
    cr_assert_gt(in.count, 0);
    check_beginnings();
    close_all();
}
