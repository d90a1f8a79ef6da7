/* SPDX-License-Identifier: MIT */
/*
 * timers, streams, dead-letters: what waits in the server, or was given up. Every shard knows its own, in order; each
 * page asks all of them behind the last place that is done with (places.h).
 */
#include <stdio.h>
#include <stdlib.h>

#include "schemas/address.h"
#include "schemas/records.h"
#include "tools/inspector/body.h"
#include "tools/inspector/connect.h"
#include "tools/inspector/output.h"
#include "tools/inspector/pages.h"
#include "tools/inspector/places.h"
#include "tools/inspector/waiting_text.h"

enum { PAGE_ITEMS = 500, REQUEST_BYTES = 1024 };

typedef struct view {
    const char *method;
    const record_t *reply, *item;
    void (*head)(void); /* for people; NULL: there is none */
    void (*print)(json_t *item);
} view_t;

static const view_t timers_view = {"timers", &record_timers_reply, &record_timer_item, waiting_timers_head,
                                   waiting_timer};
static const view_t streams_view = {"streams", &record_streams_reply, &record_stream_item, waiting_streams_head,
                                    waiting_stream};
static const view_t letters_view = {"dead_letters", &record_dead_letters_reply, &record_dead_letter_item, NULL,
                                    waiting_letter};

typedef struct waiting {
    const arguments_t *arguments;
    const view_t *view;
    doran_t *server;
    places_t page;
    uint8_t after[STORE_KEY_BYTES_MAX]; /* the last place done with */
    size_t after_bytes;
    bool malformed; /* an answer of this page */
    char text[256]; /* of the error that a shard answered */
} waiting_t;

static void take_answer(void *context, const doran_reply_t *reply) {
    waiting_t *self = context;
    if (reply->code != DORAN_OK) {
        snprintf(self->text, sizeof self->text, "%s", reply->text);
    } else if (places_add(&self->page, self->view->reply, span_of(reply->body, reply->body_bytes)) != STATUS_OK) {
        self->malformed = true;
    }
}

static span_t after_of(const waiting_t *self) {
    return span_of(self->after, self->after_bytes);
}

/* Does the next page begin where this one did? Then it would never end. */
static bool stands_still(const waiting_t *self) {
    return self->page.more && self->after_bytes > 0 &&
           places_compare(span_of(self->page.last, self->page.last_bytes), after_of(self)) <= 0;
}

static void pack_request(const waiting_t *self, uint64_t most, pack_t *pack) {
    rows_request_t request = {0};
    FIELD_SET(rows_request, &request, limit, most < PAGE_ITEMS ? most : PAGE_ITEMS);
    if (self->arguments->word_count > 0) {
        FIELD_SET(rows_request, &request, kind, span_text(self->arguments->words[0]));
    }
    if (self->after_bytes > 0) {
        FIELD_SET(rows_request, &request, after, after_of(self));
    }
    record_encode(&record_rows_request, &request, pack);
    CHECK(pack_ok(pack), "%d bytes are too few", REQUEST_BYTES);
}

/* Fills the page with the items behind `after`. */
static int ask(void *list, uint64_t most, size_t *complete, bool *more) {
    waiting_t *self = list;
    const char *method = self->view->method;
    uint8_t bytes[REQUEST_BYTES];
    pack_t pack = pack_into(bytes, sizeof bytes);
    pack_request(self, most, &pack);
    places_reset(&self->page);
    doran_code_t code = doran_query(self->server, "broker", method, bytes, pack.len, arguments_timeout(self->arguments),
                                    take_answer, self);
    if (code != DORAN_OK) {
        return connect_problem(method, code, self->text);
    }
    if (self->malformed || stands_still(self)) {
        output_problem("%s: an answer makes no sense to this version of the program", method);
        return ERROR_ANSWERED;
    }
    *complete = places_finish(&self->page);
    *more = self->page.more;
    memcpy(self->after, self->page.last, self->page.last_bytes);
    self->after_bytes = self->page.last_bytes;
    return DONE;
}

static void print_item(const void *list, size_t index) {
    const waiting_t *self = list;
    const place_item_t *item = &self->page.items[index];
    char *text = body_to_json(span_of(item->bytes, item->len), self->view->item);
    CHECK(text != NULL, "an item of %zu bytes was read before", item->len);
    json_t *object = json_loads(text, 0, NULL);
    if (object == NULL) { /* a number beyond 63 bits is none to jansson */
        printf("%s\n", text);
    } else {
        json_object_del(object, "place");
        if (self->arguments->json) {
            output_line(object);
        } else {
            self->view->print(object);
        }
    }
    json_decref(object);
    free(text);
}

static int show(const arguments_t *arguments, const view_t *view) {
    const pages_t pages = {.ask = ask, .head = view->head, .print = print_item};
    waiting_t self = {.arguments = arguments, .view = view};
    if (arguments->word_count > 0 && !address_kind_valid(span_text(arguments->words[0]))) {
        output_problem("\"%s\" is no kind", arguments->words[0]);
        return WRONG_USAGE;
    }
    self.server = connect_server(arguments);
    if (self.server == NULL) {
        return NOT_REACHED;
    }
    places_init(&self.page);
    int code = pages_show(&pages, arguments, &self);
    places_fini(&self.page);
    doran_close(&self.server);
    return code;
}

int command_timers(const arguments_t *arguments) {
    return show(arguments, &timers_view);
}

int command_streams(const arguments_t *arguments) {
    return show(arguments, &streams_view);
}

int command_dead_letters(const arguments_t *arguments) {
    return show(arguments, &letters_view);
}
