/* SPDX-License-Identifier: MIT */
/* Every part is a table, also where it has one row: so figures stand still while they change. */
#include "tools/inspector/top_text.h"

#include <stdbool.h>
#include <stdio.h>

#include "tools/inspector/output.h"

enum { INDENT = 2, US_PER_S = 1000000 };

static json_int_t number(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static void set_new(json_t *object, const char *name, json_t *value) {
    CHECK(json_object_set_new(object, name, value) == 0, "out of memory");
}

/* Looks */

/* How fast a counter rises. null: nobody knows. */
static json_t *rate(const json_t *now, const json_t *before, const char *name, uint64_t elapsed_us) {
    json_int_t rise = number(now, name) - number(before, name);
    bool known = before != NULL && elapsed_us > 0 && rise >= 0;
    return known ? json_integer((json_int_t)((double)rise * US_PER_S / (double)elapsed_us)) : json_null();
}

/* Not comparable: the counters of another process. */
static const json_t *same_process(const json_t *now, const json_t *before) {
    return number(now, "pid") == number(before, "pid") ? before : NULL;
}

static void add_totals(json_t *look) {
    json_int_t per_s = 0, lag_ms = 0, letters = 0;
    size_t index;
    json_t *shard;
    json_array_foreach(json_object_get(look, "shards"), index, shard) {
        json_int_t lag = number(shard, "timer_lag_ms");
        per_s += number(shard, "per_s");
        letters += number(shard, "dead_letters");
        lag_ms = lag > lag_ms ? lag : lag_ms;
    }
    set_new(look, "per_s", json_integer(per_s));
    set_new(look, "timer_lag_ms", json_integer(lag_ms));
    set_new(look, "dead_letters", json_integer(letters));
}

json_t *top_look(const json_t *figures, const json_t *before, uint64_t elapsed_us) {
    json_t *look = json_object();
    json_t *copy = json_deep_copy(figures);
    CHECK(look != NULL && copy != NULL, "out of memory");
    set_new(look, "answering", json_true());
    json_object_update(look, copy);
    json_decref(copy);
    before = same_process(look, before);
    json_t *journal = json_object_get(look, "journal");
    if (json_is_object(journal)) {
        set_new(journal, "syncs_per_s", rate(journal, json_object_get(before, "journal"), "syncs", elapsed_us));
    }
    set_new(look, "refused_per_s", rate(look, before, "refused", elapsed_us));
    add_totals(look);
    return look;
}

json_t *top_silence(const char *text) {
    json_t *look = json_pack("{s:b, s:s}", "answering", 0, "text", text);
    CHECK(look != NULL, "out of memory");
    return look;
}

/* For people */

/* A table of one row. */
static void print_row(const char *name, json_t *row) {
    json_t *rows = json_pack("[O]", row);
    CHECK(rows != NULL, "out of memory");
    printf("%s\n", name);
    output_table(rows, INDENT);
    json_decref(rows);
}

static void print_part(const json_t *look, const char *name) {
    json_t *part = json_object_get(look, name);
    if (json_is_object(part)) {
        print_row(name, part);
    }
}

static void print_broker(const json_t *look) {
    static const char *const names[] = {"peers",         "in_flight", "per_s",        "refused_per_s", "handles",
                                        "subscriptions", "lagged",    "timer_lag_ms", "dead_letters"};
    json_t *row = json_object();
    CHECK(row != NULL, "out of memory");
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        json_t *value = json_object_get(look, names[i]);
        if (value != NULL) {
            json_object_set(row, names[i], value);
        }
    }
    print_row("broker", row);
    json_decref(row);
}

static void print_head(const json_t *look) {
    printf("version ");
    output_value(json_object_get(look, "version"));
    printf(", process ");
    output_value(json_object_get(look, "pid"));
    printf(", up ");
    output_value(json_object_get(look, "uptime_s"));
    printf(" s%s%s\n", json_is_true(json_object_get(look, "ready")) ? "" : ", not ready",
           json_is_true(json_object_get(look, "storage_full")) ? ", storage full" : "");
}

void top_print(const json_t *look) {
    if (!json_is_true(json_object_get(look, "answering"))) {
        printf("not answering: ");
        output_value(json_object_get(look, "text"));
        printf("\n");
        return;
    }
    print_head(look);
    print_broker(look);
    printf("shards\n");
    output_table(json_object_get(look, "shards"), INDENT);
    print_part(look, "journal");
    print_part(look, "applier");
}
