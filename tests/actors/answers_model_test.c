/* SPDX-License-Identifier: MIT */
/* Answers against a model: what ran and what the client said, per session. */
#include "actors/answers.h"

#include <criterion/criterion.h>

#include "schemas/envelope.h"
#include "tests/actors/answers_fixture.h"
#include "tests/storage/random.h"

TestSuite(answers_model, .init = setup, .fini = teardown);

enum { MODEL_SESSIONS = 6, MODEL_IDS = 6000 };

typedef enum model_answer {
    MODEL_NONE,
    MODEL_PENDING,
    MODEL_SETTLED,        /* or kept at once */
    MODEL_PERHAPS_SETTLED /* when nobody waited any more: it does not matter */
} model_answer_t;

typedef struct model {
    uint8_t kept[MODEL_IDS]; /* model_answer_t */
    uint32_t bodies[MODEL_IDS];
    uint64_t lowest;    /* ever told */
    uint64_t known;     /* told since the answers were made: certainly in memory, unless the place was evicted */
    uint64_t next, lag; /* what the client does */
} model_t;

static uint32_t model_waiting(const model_t *model) {
    uint32_t count = 0;
    for (uint64_t id = model->known; id < MODEL_IDS; id++) {
        count += model->kept[id] != MODEL_NONE;
    }
    return count;
}

/* The number says all of the answer. */
static answer_t model_answer(uint32_t number, char text[32]) {
    snprintf(text, 32, "answer %u", number);
    return (answer_t){.type = number % 2 == 0 ? ENVELOPE_REPLY : ENVELOPE_ERROR,
                      .flags = (uint8_t)(number % 8),
                      .body = span_text(text)};
}

/* What a turn writes before its answer is kept. */
static void model_write(void) {
    store_key_t key;
    store_key_sub(&key, PARTITION, span_text("user"), span_text("a"), span_text("b"));
    writer_put(&fixture.writer, store_key_span(&key), span_text("anything"));
}

/* A turn that writes and may then fail; only what stands is kept. It may hold. */
static void model_run(model_t *model, const request_t *request, random_state_t *random) {
    char text[32];
    uint32_t number = (uint32_t)random_next(random);
    bool holds = random_below(random, 4) == 0;
    writer_mark(&fixture.writer);
    model_write();
    if (random_below(random, 4) == 0) {
        writer_rollback(&fixture.writer);
        return;
    }
    answer_t answer = holds ? ANSWER_PENDING : model_answer(number, text);
    answers_keep(answers, &fixture.writer, request, &answer);
    model->kept[request->id] = holds ? MODEL_PENDING : MODEL_SETTLED;
    model->bodies[request->id] = number;
}

/* A later turn answers a request that held, or any other, and may fail. */
static void model_settle(model_t *model, uint8_t session, uint64_t id, random_state_t *random) {
    char text[32];
    request_t request = request_of(session, id, 0);
    uint32_t number = model->kept[id] == MODEL_PENDING ? model->bodies[id] : (uint32_t)random_next(random);
    answer_t answer = model_answer(number, text);
    uint32_t records = fixture.batch->record_count;
    writer_mark(&fixture.writer);
    cr_assert_eq(answers_settle(answers, &fixture.writer, PARTITION, request.session, id, &answer), STATUS_OK);
    if (fixture.batch->record_count > records) {
        cr_assert(model->kept[id] == MODEL_PENDING || model->kept[id] == MODEL_PERHAPS_SETTLED, "id %lu was %u",
                  (unsigned long)id, model->kept[id]);
    }
    model_write();
    if (random_below(random, 4) == 0) {
        writer_rollback(&fixture.writer);
    } else if (model->kept[id] == MODEL_PENDING) {
        model->kept[id] = id < model->lowest ? MODEL_PERHAPS_SETTLED : MODEL_SETTLED;
        cr_assert(id < model->lowest || fixture.batch->record_count == records + 2);
    }
}

static void model_assert(const model_t *model, const request_t *request, answers_verdict_t verdict,
                         const answer_t *kept) {
    char text[32];
    uint64_t id = request->id;
    switch (verdict) {
    case ANSWERS_NEW:
        cr_assert_eq(model->kept[id], MODEL_NONE, "id %lu ran twice", (unsigned long)id);
        cr_assert_geq(id, model->known, "id %lu ran below the lowest", (unsigned long)id);
        return;
    case ANSWERS_KEPT:
        cr_assert(model->kept[id] == MODEL_SETTLED || model->kept[id] == MODEL_PERHAPS_SETTLED);
        answer_t answer = model_answer(model->bodies[id], text);
        cr_assert(span_equal(kept->body, answer.body), "id %lu has another answer", (unsigned long)id);
        cr_assert(kept->type == answer.type && kept->flags == answer.flags);
        return;
    case ANSWERS_PENDING:
        cr_assert(model->kept[id] == MODEL_PENDING || model->kept[id] == MODEL_PERHAPS_SETTLED);
        return;
    case ANSWERS_STALE:
        cr_assert_lt(id, model->lowest, "id %lu was dropped", (unsigned long)id);
        return;
    case ANSWERS_FULL:
        cr_assert_eq(model->kept[id], MODEL_NONE, "id %lu has an answer", (unsigned long)id);
        cr_assert_gt(id, request->lowest_unanswered, "the lowest must run");
        cr_assert_geq(model_waiting(model), ANSWERS_PER_SESSION_MAX);
    }
}

/* One of those sent before: mostly one that the client still waits for. */
static uint64_t model_sent_before(const model_t *model, random_state_t *random) {
    uint64_t from = model->lowest > 0 && model->lowest < model->next && random_below(random, 4) > 0 ? model->lowest : 1;
    return model->next == 1 ? 1 : from + random_below(random, model->next - from);
}

/* A client that numbers on, resends what it waits for or even what it does not, and sometimes stands still. */
static request_t model_request(model_t *model, uint8_t session, random_state_t *random) {
    if (random_below(random, session % 2 == 0 ? 2000 : 50) == 0) {
        model->lag = random_below(random, 3) > 0 ? 2 * ANSWERS_PER_SESSION_MAX : random_below(random, 100);
    }
    uint64_t oldest = model->next > model->lag ? model->next - model->lag : 1;
    uint64_t lowest = oldest > model->lowest ? oldest : model->lowest;
    uint64_t id = model->next;
    if (random_below(random, 3) == 0) {
        id = model_sent_before(model, random);
    } else if (random_below(random, 10) == 0) {
        id += random_below(random, 5); /* out of order, or never sent */
    }
    if (random_below(random, 5) == 0) {
        lowest = random_below(random, lowest + 1); /* an old copy on its way */
    }
    id = id < MODEL_IDS ? id : MODEL_IDS - 1;
    model->next = id >= model->next ? id + 1 : model->next;
    return request_of(session, id, lowest);
}

static void model_step(model_t *model, uint8_t session, random_state_t *random) {
    request_t request = model_request(model, session, random);
    answers_verdict_t verdict;
    answer_t kept = {0};
    if (random_below(random, 4) == 0) {
        model_settle(model, session, model_sent_before(model, random), random);
    }
    model->lowest = request.lowest_unanswered > model->lowest ? request.lowest_unanswered : model->lowest;
    cr_assert_eq(answers_check(answers, &fixture.writer, &request, &verdict, &kept), STATUS_OK);
    model->known = request.lowest_unanswered > model->known ? request.lowest_unanswered : model->known;
    model_assert(model, &request, verdict, &kept);
    if (verdict == ANSWERS_NEW) {
        model_run(model, &request, random);
    }
}

/* Batches end, and the applier is now and then a few behind. */
static void model_apply(random_state_t *random) {
    if (random_below(random, 10) == 0 && fixture.closed_count < VIEW_FIXTURE_CLOSED_MAX - 1) {
        view_fixture_close_batch(&fixture);
    }
    if (random_below(random, 20) == 0) {
        for (size_t left = random_below(random, fixture.closed_count + 1); left > 0; left--) {
            view_fixture_apply_one(&fixture);
        }
    }
}

/* Whoever goes on with this session's first requests begins anew. */
static void model_play(random_state_t *random, uint8_t session, int steps) {
    model_t *model = calloc(1, sizeof *model);
    model->next = 1;
    for (int step = 0; step < steps; step++) {
        model_step(model, session, random);
        if (random_below(random, 200) == 0 || fixture.batch->records_bytes > BATCH_RECORDS_BYTES / 2) {
            restart();
            model->known = 0;
            cr_assert_leq(rows(session), 2 * ANSWERS_PER_SESSION_MAX, "waited for, and not dropped yet");
        } else {
            model_apply(random);
        }
    }
    free(model);
}

Test(answers_model, whatever_clients_send_nothing_runs_twice, .timeout = 100) {
    random_state_t random = random_start("answers_model, whatever_clients_send_nothing_runs_twice");
    for (uint8_t session = 1; session <= MODEL_SESSIONS; session++) {
        model_play(&random, session, 6000);
    }
}

/* The same with more sessions than have a place in memory, in turns. */
Test(answers_model, nothing_runs_twice_when_sessions_push_each_other_out, .timeout = 100) {
    random_state_t random = random_start("answers_model, nothing_runs_twice_when_sessions_push_each_other_out");
    model_t *models = calloc(3 * PLACES_MAX, sizeof *models);
    for (int i = 0; i < 3 * PLACES_MAX; i++) {
        models[i].next = 1;
    }
    for (int step = 0; step < 30000; step++) {
        uint8_t session = (uint8_t)random_below(&random, 3 * PLACES_MAX);
        models[session].known = 0;
        model_step(&models[session], session, &random);
        model_apply(&random);
        if (fixture.batch->records_bytes > BATCH_RECORDS_BYTES / 2 || random_below(&random, 500) == 0) {
            restart();
        }
    }
    free(models);
}
