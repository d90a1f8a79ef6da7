/* SPDX-License-Identifier: MIT */
/*
 * tail: the events of an actor as they happen. That none is missing or comes twice is the client's doing; here is what
 * they look like, and the end.
 *
 * Behind --after SEQ, without a log epoch, it first asks where the log is now, which says the epoch.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/schema.h"
#include "tools/client/clock.h"
#include "tools/inspector/body.h"
#include "tools/inspector/connect.h"
#include "tools/inspector/output.h"

enum { RUN_MS = 200 };

typedef struct tail {
    const arguments_t *arguments;
    doran_t *server;
    doran_subscription_t *subscription;
    bool after_given, epoch_given;
    doran_position_t after;
    uint64_t left; /* events that may still be shown */
    bool on;       /* it was told where it is */
    bool over;
    int code;
} tail_t;

static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

/* SEQ or EPOCH:SEQ, in decimal. */
static bool parse_after(tail_t *self, const char *text) {
    char *end = NULL;
    uint64_t first = strtoull(text, &end, 10), second = 0;
    bool digits = text[0] >= '0' && text[0] <= '9';
    self->epoch_given = *end == ':';
    if (digits && self->epoch_given) {
        digits = end[1] >= '0' && end[1] <= '9';
        second = strtoull(end + 1, &end, 10);
    }
    self->after_given = true;
    self->after = (doran_position_t){.log_epoch = first, .seq = self->epoch_given ? second : first};
    return digits && *end == '\0';
}

/* NULL: not known to this program. */
static const record_t *record_of(const doran_event_t *event) {
    const kind_t *kind = kind_of(span_of(event->topic, strcspn(event->topic, "/")));
    for (uint32_t i = 0; kind != NULL && i < kind->event_count; i++) {
        if (strcmp(kind->events[i].name, event->type) == 0) {
            return kind->events[i].record;
        }
    }
    return NULL;
}

/* The text as JSON. */
static void print_quoted(const char *text) {
    json_t *value = json_string(text);
    char *quoted = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    CHECK(quoted != NULL, "out of memory");
    printf("%s", quoted);
    free(quoted);
    json_decref(value);
}

static void print_line(const doran_event_t *event, const char *body) {
    printf("{\"topic\":\"%s\",\"log_epoch\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"type\":", event->topic,
           event->position.log_epoch, event->position.seq);
    print_quoted(event->type);
    printf(",\"body\":%s}\n", body);
}

static void print_for_people(const doran_event_t *event, const char *body) {
    json_t *type = json_string(event->type), *value = json_loads(body, 0, NULL);
    printf("%8" PRIu64 "  ", event->position.seq);
    output_value(type);
    printf("  ");
    if (value != NULL) {
        output_value(value);
    } else { /* a number beyond 63 bits */
        printf("%s", body);
    }
    printf("\n");
    json_decref(type);
    json_decref(value);
}

static void finish(tail_t *self, int code) {
    self->over = true;
    self->code = code;
    doran_unsubscribe(&self->subscription);
}

static void show(tail_t *self, const doran_event_t *event) {
    char *body = body_to_json(span_of(event->body, event->body_bytes), record_of(event));
    if (body == NULL) {
        output_problem("tail %s: event %" PRIu64 " makes no sense to this version of the program", event->topic,
                       event->position.seq);
        finish(self, ERROR_ANSWERED);
        return;
    }
    if (self->arguments->json) {
        print_line(event, body);
    } else {
        print_for_people(event, body);
    }
    free(body);
    self->left -= 1;
    if (self->left == 0) {
        finish(self, DONE);
    }
}

static void subscribe(tail_t *self);

/* Where it begins, or that the log is another one. */
static void take_reset(tail_t *self, const doran_event_t *event) {
    bool asked = self->after_given && !self->epoch_given && !self->on;
    bool nothing_missed = !self->after_given && !self->on;
    self->on = true;
    if (asked && self->after.seq < event->position.seq) {
        self->epoch_given = true;
        self->after.log_epoch = event->position.log_epoch;
        doran_unsubscribe(&self->subscription);
        subscribe(self);
    } else if (!nothing_missed && (!asked || self->after.seq > event->position.seq)) {
        output_problem("%s: the log is another one now; its events up to %" PRIu64 ":%" PRIu64 " are not shown",
                       event->topic, event->position.log_epoch, event->position.seq);
    }
}

static void take_event(void *context, const doran_event_t *event) {
    tail_t *self = context;
    switch (event->notice) {
    case DORAN_EVENT:
        show(self, event);
        break;
    case DORAN_SUBSCRIBED:
        self->on = true;
        break;
    case DORAN_RESET:
        take_reset(self, event);
        break;
    case DORAN_ENDED:
        finish(self, connect_problem(event->topic, event->code, event->text));
        break;
    }
}

static void subscribe(tail_t *self) {
    const char *topic = self->arguments->words[0];
    const doran_position_t *after = self->epoch_given ? &self->after : NULL;
    doran_code_t code = doran_subscribe(self->server, topic, after, take_event, self, &self->subscription);
    if (code != DORAN_OK) {
        (void)connect_problem(topic, code, NULL);
        finish(self, code == DORAN_INVALID_ADDRESS ? WRONG_USAGE : connect_exit_code(code));
    }
}

/* Until the end, an interrupt, or the limit of time for a first answer. */
static void follow(tail_t *self) {
    uint32_t timeout_ms = arguments_timeout(self->arguments);
    uint64_t until_us = clock_us() + 1000 * (uint64_t)timeout_ms;
    while (!self->over && !interrupted) {
        (void)doran_run(self->server, RUN_MS);
        if (fflush(stdout) != 0) {
            finish(self, NOT_REACHED); /* main says why */
        } else if (!self->on && !self->over && clock_us() >= until_us) {
            output_problem("%s does not answer within %u ms", doran_endpoint(self->server), timeout_ms);
            finish(self, NOT_REACHED);
        }
    }
}

int command_tail(const arguments_t *arguments) {
    tail_t self = {.arguments = arguments, .left = arguments->limit != 0 ? arguments->limit : UINT64_MAX};
    if (!connect_is_address(arguments->words[0]) || (arguments->as != NULL && !connect_is_address(arguments->as))) {
        return WRONG_USAGE;
    }
    if (arguments->after != NULL && !parse_after(&self, arguments->after)) {
        output_problem("--after takes SEQ or EPOCH:SEQ, not \"%s\"", arguments->after);
        return WRONG_USAGE;
    }
    self.server = connect_server(arguments);
    if (self.server == NULL) {
        return NOT_REACHED;
    }
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    subscribe(&self);
    follow(&self);
    doran_close(&self.server);
    return self.code;
}
