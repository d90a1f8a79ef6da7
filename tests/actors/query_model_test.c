/* SPDX-License-Identifier: MIT */
/*
 * Walks over things by the value of a field, and sometimes by a text as well, in the order of keys or of creation, or
 * in the order of its values, forward or back, page by page as an asker does it, while anybody writes between two
 * pages: records come, change, and go, batches reach the store late, and another number of shards answers. When they
 * were created has nothing to do with their keys, and often they were at once. Whoever has the value from the beginning
 * to the end of a walk is met once; nobody is met who does not have it when the page is made; and all are met in order.
 */
#include "actors/query.h"

#include "tests/actors/page.h"
#include "tests/actors/thing.h"
#include "tests/storage/random.h"

enum { THINGS = 300, WALKS = 240, NAMES = 4, TIMES = 40 };

/* Two of them have the same index rows. */
static const char *const names[NAMES] = {"mina", "yuna",
                                         "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm1",
                                         "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm2"};

static const char *const titles[] = {"", "Mina", "minmin", "김민수 Min", "수", "민수 in"};
static const char *const texts[] = {"", "in", "IN", "m", "수", "민수", "수 min", "minmin", "nix"};

typedef struct model { /* of one thing */
    char key[24];
    bool there, stayed, met;
    thing_t thing;
    uint64_t version;
} model_t;

static view_fixture_t fixture;
static model_t models[THINGS];

static void open_view(void) {
    view_fixture_open(&fixture);
}

static void close_view(void) {
    view_fixture_close(&fixture);
}

static void write_random(random_state_t *random, model_t *model) {
    thing_t next = thing_named(names[random_below(random, NAMES)]);
    next.colour = (uint32_t)random_below(random, 2);
    next.present |= thing_bit(THING_COUNT);
    next.count = random_below(random, 3);
    next.present |= thing_bit(THING_OWNER) | thing_bit(THING_CREATED_AT);
    next.owner = span_text(names[random_below(random, NAMES)]);
    next.created_at = model->there ? model->thing.created_at : random_below(random, TIMES);
    next.present |= thing_bit(THING_TITLE) | thing_bit(THING_LABEL);
    next.title = span_text(titles[random_below(random, ARRAY_LENGTH(titles))]);
    next.label = span_text(titles[random_below(random, ARRAY_LENGTH(titles))]);
    bool ends = random_below(random, 4) == 0;
    thing_change(&fixture, model->key, model->there ? &model->thing : NULL, ends ? NULL : &next, ++model->version);
    model->there = !ends;
    model->thing = next;
}

static void create_all(random_state_t *random) {
    for (uint32_t i = 0; i < THINGS; i++) {
        snprintf(models[i].key, sizeof models[i].key, "%x-%u", (unsigned)random_below(random, 256), i);
        write_random(random, &models[i]);
    }
}

typedef struct question {
    int field; /* -1: everybody */
    bool any;  /* value of it, in the order of values */
    size_t name, colour, count;
    const char *text; /* "": none */
    bool states, descending;
    uint32_t limit;
    query_place_t place;
    char value[100];
} question_t;

/* Spans of constants, which end with a NUL. */
static bool has_text(const thing_t *thing, const char *text) {
    return strcasestr((const char *)thing->title.ptr, text) != NULL ||
           strcasestr((const char *)thing->label.ptr, text) != NULL;
}

static bool is_asked_for(const question_t *self, const model_t *model) {
    const thing_t *thing = &model->thing;
    return model->there && has_text(thing, self->text) &&
           (self->field == -1 || self->any ||
            (self->field == THING_NAME && span_equal(thing->name, span_text(names[self->name]))) ||
            (self->field == THING_OWNER && span_equal(thing->owner, span_text(names[self->name]))) ||
            (self->field == THING_COLOUR && thing->colour == self->colour) ||
            (self->field == THING_COUNT && thing->count == self->count));
}

static question_t random_question(random_state_t *random) {
    static const int fields[] = {-1, THING_NAME, THING_COLOUR, THING_COUNT, THING_OWNER, THING_OWNER};
    question_t self = {
        .field = fields[random_below(random, ARRAY_LENGTH(fields))],
        .name = random_below(random, NAMES),
        .colour = random_below(random, 2),
        .count = random_below(random, 3),
        .descending = random_below(random, 2) == 0,
        .states = random_below(random, 2) == 0,
        .limit = 1 + (uint32_t)random_below(random, 40),
    };
    self.any = self.field >= 0 && random_below(random, 3) == 0;
    self.text = self.field == THING_OWNER && !self.any ? texts[random_below(random, ARRAY_LENGTH(texts))] : "";
    if (self.field == THING_NAME || self.field == THING_OWNER) {
        snprintf(self.value, sizeof self.value, "%s", names[self.name]);
    } else if (self.field == THING_COLOUR) {
        snprintf(self.value, sizeof self.value, "%s", thing_colours[self.colour]);
    } else {
        snprintf(self.value, sizeof self.value, "%zu", self.count);
    }
    return self;
}

static void ask_shard(const question_t *question, query_place_t place, const row_t *after, size_t room, page_t *page) {
    static uint8_t bytes[KIB(128)];
    static token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    pack_t pack = pack_into(bytes, room);
    list_request_t asked = {0};
    query_t query;
    char problem[QUERY_PROBLEM_BYTES];
    FIELD_SET(list_request, &asked, after, span_text(after->key));
    FIELD_SET(list_request, &asked, descending, question->descending);
    FIELD_SET(list_request, &asked, limit, question->limit);
    FIELD_SET(list_request, &asked, states, question->states);
    if (question->field >= 0) {
        FIELD_SET(list_request, &asked, field, span_text(thing_fields[question->field].name));
    }
    if (question->field >= 0 && !question->any) {
        FIELD_SET(list_request, &asked, value, span_text(question->value));
    }
    if (question->text[0] != 0) {
        FIELD_SET(list_request, &asked, text, span_text(question->text));
    }
    if (after->value[0] != 0) {
        FIELD_SET(list_request, &asked, after_value, span_text(after->value));
    }
    cr_assert_eq(query_read(&query, &kind_thing, &asked, problem), STATUS_OK);
    query_page(&query, &fixture.view, place, &tape, &pack);
    cr_assert(pack_ok(&pack));
    cr_assert_eq(tape_read_whole(&page_tape, pack_bytes(&pack)), STATUS_OK);
    page_add_reply(page, 0);
}

static model_t *model_of(const char *key) {
    model_t *model = models;
    while (model < models + THINGS && strcmp(model->key, key) != 0) {
        model++;
    }
    cr_assert(model < models + THINGS, "%s never was", key);
    return model;
}

/* May a change move one of those that are asked for? */
static bool moves(const question_t *question) {
    return question->any || question->field == THING_OWNER;
}

static void meet(const question_t *question, const row_t *row) {
    model_t *model = model_of(row->key);
    cr_assert(!model->met || (moves(question) && !model->stayed), "%s again", row->key);
    model->met = true;
    cr_assert(is_asked_for(question, model), "%s has not the value", row->key);
    cr_assert_eq(row->version, model->version);
    cr_assert_eq(row->state[0] == '{', question->states);
    if (question->field == THING_OWNER) {
        const char *when = row->value + strlen(row->value) - INDEX_TIME_BYTES;
        cr_assert_eq(strtoull(when, NULL, 16), model->thing.created_at, "%s at %s", row->key, row->value);
    }
}

/* Both have one. */
static bool same_place(const question_t *question, const model_t *one, const model_t *other) {
    const thing_t *a = &one->thing, *b = &other->thing;
    return question->field == THING_NAME     ? span_equal(a->name, b->name)
           : question->field == THING_OWNER  ? span_equal(a->owner, b->owner) && a->created_at == b->created_at
           : question->field == THING_COLOUR ? a->colour == b->colour
                                             : a->count == b->count;
}

static void disturb(random_state_t *random, const question_t *question) {
    for (size_t i = random_below(random, 30); i > 0; i--) {
        model_t *model = &models[random_below(random, THINGS)], before = *model;
        write_random(random, model);
        model->stayed &= is_asked_for(question, model) && (!moves(question) || same_place(question, &before, model));
    }
    switch (random_below(random, 4)) {
    case 0:
        view_fixture_apply(&fixture);
        break;
    case 1:
        if (fixture.closed_count < VIEW_FIXTURE_CLOSED_MAX) {
            view_fixture_close_batch(&fixture);
        }
        break;
    case 2:
        if (fixture.closed_count > 0) {
            view_fixture_apply_one(&fixture);
        }
        break;
    default:
        break;
    }
}

static void walk(random_state_t *random) {
    static page_t page;
    row_t after = {0}, last = {0};
    question_t question = random_question(random);
    page_descending = question.descending;
    for (uint32_t i = 0; i < THINGS; i++) {
        models[i].stayed = is_asked_for(&question, &models[i]);
        models[i].met = false;
    }
    do {
        uint16_t shards = (uint16_t)(1 + random_below(random, 4));
        page = (page_t){0};
        for (uint16_t shard = 0; shard < shards; shard++) {
            query_place_t place = {.shard = shard, .shards = shards};
            ask_shard(&question, place, &after, KIB(1) + random_below(random, KIB(8)), &page);
        }
        page_finish(&page, question.limit, &after);
        for (uint32_t i = 0; i < page.count; i++) {
            cr_assert(last.key[0] == 0 || page_row_order(&last, &page.rows[i]) < 0, "%s behind %s", page.rows[i].key,
                      last.key);
            last = page.rows[i];
            meet(&question, &last);
        }
        disturb(random, &question);
    } while (page.more);
    for (uint32_t i = 0; i < THINGS; i++) {
        cr_assert(!models[i].stayed || models[i].met, "%s was skipped", models[i].key);
    }
}

Test(query_model, nobody_is_skipped_or_repeated_while_others_write, .init = open_view, .fini = close_view) {
    random_state_t random = random_start("query_model, nobody_is_skipped_or_repeated_while_others_write");
    create_all(&random);
    for (int i = 0; i < WALKS; i++) {
        walk(&random);
    }
}
