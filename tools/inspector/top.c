/* SPDX-License-Identifier: MIT */
/*
 * top: the server's figures again and again, until an interrupt or --count. The connection survives a restart of the
 * server (that is the client's doing); meanwhile the screen says that it does not answer. Only a server that did not
 * answer the first time is an error.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "schemas/records.h"
#include "tools/client/clock.h"
#include "tools/inspector/body.h"
#include "tools/inspector/connect.h"
#include "tools/inspector/output.h"
#include "tools/inspector/top_text.h"

enum { INTERVAL_MS_DEFAULT = 1000, ANSWER_MS_MIN = 1000, RUN_MS = 200 };

/* To the first column of the first line; all behind it is cleared. */
#define REDRAW "\033[H\033[J"

typedef struct top {
    const arguments_t *arguments;
    doran_t *server;
    bool redraws;
    bool answered; /* the question under way */
    doran_code_t code;
    char text[256];                /* of an error */
    json_t *look;                  /* NULL: the answer made no sense */
    json_t *before;                /* the look before it that was an answer, or NULL */
    uint64_t looked_us, before_us; /* when they came */
    uint64_t shown;
} top_t;

static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static uint64_t interval_us(const top_t *self) {
    uint64_t ms = self->arguments->interval != 0 ? self->arguments->interval : INTERVAL_MS_DEFAULT;
    return ms * 1000;
}

/* The first answer may take as long as any; later ones should not hold up the screen. */
static uint32_t answer_ms(const top_t *self) {
    uint32_t timeout_ms = arguments_timeout(self->arguments);
    uint64_t wanted_ms = interval_us(self) / 1000;
    wanted_ms = wanted_ms > ANSWER_MS_MIN ? wanted_ms : ANSWER_MS_MIN;
    return self->shown == 0 || wanted_ms > timeout_ms ? timeout_ms : (uint32_t)wanted_ms;
}

static void take_figures(top_t *self, span_t body) {
    char *text = body_to_json(body, &record_stat_reply);
    json_t *figures = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (json_is_object(figures)) {
        self->looked_us = clock_us();
        self->look = top_look(figures, self->before, self->looked_us - self->before_us);
    }
    json_decref(figures);
    free(text);
}

static void take_answer(void *context, const doran_reply_t *reply) {
    top_t *self = context;
    self->answered = true;
    self->code = reply->code;
    snprintf(self->text, sizeof self->text, "%s", reply->text);
    if (reply->code == DORAN_OK) {
        take_figures(self, span_of(reply->body, reply->body_bytes));
    }
}

/* Works until then, or until the answer is there if that is waited for. */
static void run(top_t *self, uint64_t until_us, bool for_answer) {
    for (uint64_t now_us = clock_us(); now_us < until_us && !interrupted; now_us = clock_us()) {
        uint64_t left_ms = (until_us - now_us) / 1000 + 1;
        (void)doran_run(self->server, left_ms < RUN_MS ? (int)left_ms : RUN_MS);
        if (for_answer && self->answered) {
            return;
        }
    }
}

/* Asks once; behind it there is a code and, unless something is wrong, a look. */
static void look(top_t *self) {
    uint32_t timeout_ms = answer_ms(self);
    self->answered = false;
    self->look = NULL;
    self->code = doran_submit(self->server, "broker/self", "stat", NULL, 0, timeout_ms, take_answer, self);
    if (self->code == DORAN_OK) {
        run(self, UINT64_MAX, true); /* the request's time ends it */
    }
}

/* Is it worth another try? */
static bool passes(doran_code_t code) {
    return code == DORAN_DEADLINE_EXCEEDED || code == DORAN_UNREACHABLE || code == DORAN_DRAINING ||
           code == DORAN_BUSY || code == DORAN_UNAUTHENTICATED;
}

/* What there is to say if the question did not end well. Returns the exit code; DONE: it may go on. */
static int judge(top_t *self) {
    if (self->code == DORAN_OK && self->look == NULL) {
        output_problem("top: the answer makes no sense to this version of the program");
        return ERROR_ANSWERED;
    }
    if (self->code != DORAN_OK && (self->shown == 0 || !passes(self->code))) {
        return connect_problem("top", self->code, self->text);
    }
    return DONE;
}

static void print(const top_t *self, const json_t *shown) {
    if (self->arguments->json) {
        output_line(shown);
        return;
    }
    if (self->redraws) {
        printf(REDRAW);
    } else if (self->shown > 0) {
        printf("\n");
    }
    top_print(shown);
}

/* Shows the look, which becomes the one before, or that there is none. */
static void show(top_t *self) {
    if (self->look == NULL) {
        json_t *silence = top_silence(self->text);
        print(self, silence);
        json_decref(silence);
    } else {
        print(self, self->look);
        json_decref(self->before);
        self->before = self->look;
        self->before_us = self->looked_us;
        self->look = NULL;
    }
    self->shown++;
}

static int watch(top_t *self) {
    uint64_t count = self->arguments->count != 0 ? self->arguments->count : UINT64_MAX;
    uint64_t next_us = clock_us();
    int code = DONE;
    while (!interrupted) {
        look(self);
        if (interrupted) {
            break;
        }
        code = judge(self);
        if (code != DONE) {
            break;
        }
        show(self);
        if (fflush(stdout) != 0) {
            return NOT_REACHED; /* main says why */
        }
        if (self->shown == count) {
            break;
        }
        uint64_t now_us = clock_us();
        next_us = next_us + interval_us(self) > now_us ? next_us + interval_us(self) : now_us;
        run(self, next_us, false);
    }
    return code;
}

int command_top(const arguments_t *arguments) {
    top_t self = {.arguments = arguments, .redraws = !arguments->json && isatty(STDOUT_FILENO) == 1};
    self.server = connect_server(arguments);
    if (self.server == NULL) {
        return NOT_REACHED;
    }
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int code = watch(&self);
    json_decref(self.before);
    json_decref(self.look);
    doran_close(&self.server);
    return code;
}
