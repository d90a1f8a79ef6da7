/* SPDX-License-Identifier: MIT */
/*
 * ls: the actors of a kind, all or those with a value in an indexed field. Every shard knows its own, in order; each
 * page asks all of them behind the last key that is done with (rows.h). Where a field has its rows in the order of a
 * time, a place in the list is VALUE:KEY, of which the value is the row's own affair; a key has no colon.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/records.h"
#include "schemas/rows.h"
#include "tools/inspector/body.h"
#include "tools/inspector/connect.h"
#include "tools/inspector/output.h"
#include "tools/inspector/pages.h"

enum { PAGE_ROWS = 1000, REQUEST_BYTES = 8192, STATE_INDENT = 18 };

typedef struct listing {
    const arguments_t *arguments;
    doran_t *server;
    rows_t page;
    span_t field, value; /* of --where; absent without */
    rows_place_t after;  /* the last place done with */
    bool malformed;      /* an answer of this page */
    char text[256];      /* of the error that a shard answered */
} listing_t;

static void take_answer(void *context, const doran_reply_t *reply) {
    listing_t *self = context;
    if (reply->code != DORAN_OK) {
        snprintf(self->text, sizeof self->text, "%s", reply->text);
    } else if (rows_add(&self->page, span_of(reply->body, reply->body_bytes)) != STATUS_OK) {
        self->malformed = true;
    }
}

/* Does the page end behind where it begins? */
static bool is_behind(const listing_t *self) {
    int order = rows_place_compare(&self->page.last, &self->after);
    return self->after.key[0] == 0 || (self->page.descending ? order < 0 : order > 0);
}

/* Fills the page with the rows behind `after`. */
static int ask(void *list, uint64_t most, size_t *complete, bool *more) {
    listing_t *self = list;
    const char *kind = self->arguments->words[0];
    uint8_t bytes[REQUEST_BYTES];
    pack_t pack = pack_into(bytes, sizeof bytes);
    list_request_t request = {0};
    FIELD_SET(list_request, &request, after, span_text(self->after.key));
    if (self->after.value[0] != 0) {
        FIELD_SET(list_request, &request, after_value, span_text(self->after.value));
    }
    FIELD_SET(list_request, &request, limit, most < PAGE_ROWS ? most : PAGE_ROWS);
    if (self->field.ptr != NULL) {
        FIELD_SET(list_request, &request, field, self->field);
        FIELD_SET(list_request, &request, value, self->value);
    }
    if (self->arguments->states) {
        FIELD_SET(list_request, &request, states, true);
    }
    if (self->arguments->descending) {
        FIELD_SET(list_request, &request, descending, true);
    }
    record_encode(&record_list_request, &request, &pack);
    CHECK(pack_ok(&pack), "%d bytes are too few", REQUEST_BYTES);
    rows_reset(&self->page);
    doran_code_t code =
        doran_query(self->server, kind, "list", bytes, pack.len, arguments_timeout(self->arguments), take_answer, self);
    if (code != DORAN_OK) {
        return connect_problem(kind, code, self->text);
    }
    if (self->malformed || (self->page.more && !is_behind(self))) { /* it would never end */
        output_problem("ls %s: an answer makes no sense to this version of the program", kind);
        return ERROR_ANSWERED;
    }
    *complete = rows_finish(&self->page);
    *more = self->page.more;
    self->after = self->page.last;
    return DONE;
}

static void print_head(void) {
    printf("  version    bytes  address\n");
}

/* malloc'd; NULL: there is none. */
static char *state_text(const char *kind, const row_t *row) {
    const kind_t *known = kind_of(span_text(kind));
    return row->state == NULL
               ? NULL
               : body_to_json(span_of(row->state, row->state_bytes), known != NULL ? known->state : NULL);
}

/* ,"place":"VALUE:KEY", which is for --after, where the rows have values. */
static void print_place(const rows_place_t *place) {
    if (place->value[0] == 0) {
        return;
    }
    json_t *value = json_sprintf("%s:%s", place->value, place->key);
    char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    CHECK(text != NULL, "out of memory");
    printf(",\"place\":%s", text);
    free(text);
    json_decref(value);
}

static void print_row(const void *list, size_t index) {
    const listing_t *self = list;
    const row_t *row = &self->page.items[index];
    const char *kind = self->arguments->words[0];
    char *state = state_text(kind, row);
    if (self->arguments->json) {
        printf("{\"address\":\"%s/%s\",\"version\":%" PRIu64 ",\"bytes\":%" PRIu64, kind, row->place.key, row->version,
               row->bytes);
        print_place(&row->place);
        printf(state != NULL ? ",\"state\":%s}\n" : "}\n", state);
    } else {
        printf("%9" PRIu64 "  %7" PRIu64 "  %s/%s\n", row->version, row->bytes, kind, row->place.key);
        if (state != NULL) {
            body_show_fields(state, STATE_INDENT);
        }
    }
    free(state);
}

static const pages_t pages = {.ask = ask, .head = print_head, .print = print_row};

/* Takes FIELD=VALUE apart. */
static bool read_where(listing_t *self, const char *where) {
    const char *equals = where == NULL ? NULL : strchr(where, '=');
    const field_t *field = &record_list_request.fields[list_request_field_FIELD];
    const field_t *value = &record_list_request.fields[list_request_value_FIELD];
    if (where == NULL) {
        return true;
    }
    if (equals == NULL || equals == where || (size_t)(equals - where) > field->max || strlen(equals + 1) > value->max) {
        output_problem("--where wants FIELD=VALUE, such as status=ACTIVE");
        return false;
    }
    self->field = span_of(where, (size_t)(equals - where));
    self->value = span_text(equals + 1);
    return true;
}

/* KEY or VALUE:KEY. */
static bool read_after(listing_t *self, const char *after) {
    const char *colon = strrchr(after, ':'), *key = colon != NULL ? colon + 1 : after;
    size_t value_bytes = colon != NULL ? (size_t)(colon - after) : 0;
    if (strlen(key) > KEY_BYTES_MAX || value_bytes > INDEX_VALUE_BYTES_MAX) {
        output_problem("--after is longer than a place in a list can be");
        return false;
    }
    snprintf(self->after.value, sizeof self->after.value, "%.*s", (int)value_bytes, after);
    snprintf(self->after.key, sizeof self->after.key, "%s", key);
    return true;
}

int command_ls(const arguments_t *arguments) {
    listing_t self = {.arguments = arguments};
    if (!read_after(&self, arguments->after != NULL ? arguments->after : "") || !read_where(&self, arguments->where)) {
        return WRONG_USAGE;
    }
    self.server = connect_server(arguments);
    if (self.server == NULL) {
        return NOT_REACHED;
    }
    rows_init(&self.page, arguments->descending);
    int code = pages_show(&pages, arguments, &self);
    rows_fini(&self.page);
    doran_close(&self.server);
    return code;
}
