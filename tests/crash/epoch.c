/* SPDX-License-Identifier: MIT */
/*
 * One loop moves all clients: it waits for whatever has something to say (sockets, the server's end, the timer of the
 * kill) and lets each take a step. What differs between the phases of a life is what is sent, and when it is over.
 */
#include "tests/crash/epoch.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/crash/sdk.h"
#include "tests/crash/server.h"
#include "tests/crash/wire.h"

enum {
    WIRES = 4,
    SDKS = 2,
    WIRE_WINDOW = 160,
    SDK_WINDOW = 48,
    POLL_MS = 10, /* the SDK's timers are not among what is polled */
    DRAIN_US = 1000000,
    READY_US = 30000000,
    PHASE_US = 60000000, /* no phase of a life lasts as long */
    STOP_US = 15000000,
    /* Kills. */
    RECOVERY_KILL_ONE_IN = 4,
    RECOVERY_KILLS_MAX = 8,
    RECOVERY_US = 50000,    /* after the start of the program */
    EARLY_KILL_ONE_IN = 10, /* not long after the start, whatever is going on */
    EARLY_US = 40000,
    LOAD_US_MIN = 3000,
    LOAD_US_MAX = 250000,
    LONG_LOAD_ONE_IN = 4, /* long enough for the applier to come round */
    LONG_LOAD_US_MAX = 1200000,
    ALREADY_KILLED_MAX = 3, /* of these, so many in vain for each that counts */
};

typedef struct epoch {
    const run_folder_t *folder;
    epoch_result_t result;
    void *context; /* of ZeroMQ */
    history_t *history;
    users_t *users;
    wire_t *wires[WIRES];
    sdk_t *sdks[SDKS];
    server_options_t server_options;
    server_t server;
    key_pair_t keys;
    char server_key[KEY_TEXT_BYTES];
    int timer; /* descriptor, readable when the server is to be killed */
    uint32_t lives;
    uint64_t start_us[SERVER_DISKS]; /* how long the last start took with the disk */
    uint64_t sent_from;              /* which wire takes the next request that may go to any */
    bool broken;                     /* something happened after which going on makes no sense */
} epoch_t;

typedef enum step { STEP_REACHED, STEP_KILL, STEP_BROKEN } step_t;

static size_t below(epoch_t *self, size_t limit) {
    return random_below(self->folder->random, limit);
}

/* Failures of the server as such */

PRINTF_LIKE(2, 3) static bool broken(epoch_t *self, const char *format, ...) {
    char line[512];
    int len = snprintf(line, sizeof line, "unexpected: after kill %u: ", self->history->life);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + len, sizeof line - (size_t)len, format, arguments);
    va_end(arguments);
    self->folder->report(self->folder->context, line);
    self->result.verdict.unexpected++;
    self->broken = true;
    return false;
}

/* code is as server_ended says it. */
static bool broken_by_end(epoch_t *self, int code) {
    char text[SERVER_END_BYTES];
    server_tell_end(&self->server_options, code, text);
    return broken(self, "the server ended by itself, with %s", text);
}

/* Starting */

static void note_start(epoch_t *self) {
    uint64_t us = server_now_us() - self->server.started_us;
    epoch_result_t *result = &self->result;
    self->start_us[self->server_options.disk] = us;
    result->start_us_min = result->start_us_min == 0 || us < result->start_us_min ? us : result->start_us_min;
    result->start_us_max = us > result->start_us_max ? us : result->start_us_max;
}

static bool wait_ready(epoch_t *self) {
    switch (server_wait(&self->server, READY_US)) {
    case SERVER_READY:
        note_start(self);
        return true;
    case SERVER_STARTING:
        return broken(self, "the server is not ready after %d s", READY_US / 1000000);
    case SERVER_ENDED:
        return broken_by_end(self, server_ended(&self->server));
    }
    return false;
}

static bool kill_now(epoch_t *self) {
    int ended = server_kill(&self->server);
    return ended == SERVER_KILLED || broken_by_end(self, ended);
}

/* Starts it and kills it before it is ready; if that was too late, it was a kill without requests. */
static bool kill_in_recovery(epoch_t *self) {
    server_choose(&self->server_options, self->folder->random);
    uint64_t usual_us = self->start_us[self->server_options.disk];
    uint64_t delay_us = below(self, usual_us > 0 ? usual_us : RECOVERY_US);
    server_start(&self->server, &self->server_options);
    switch (server_wait(&self->server, delay_us)) {
    case SERVER_STARTING:
        self->result.run.during_recovery++;
        break;
    case SERVER_READY:
        self->result.run.discounted++;
        break;
    case SERVER_ENDED:
        return broken_by_end(self, server_ended(&self->server));
    }
    history_killed(self->history);
    return kill_now(self);
}

/* disturbed: is killed at least once while it recovers. */
static bool start(epoch_t *self, bool disturbed) {
    uint32_t before = self->result.run.during_recovery;
    for (int i = 0; disturbed && i < RECOVERY_KILLS_MAX; i++) {
        if (!kill_in_recovery(self)) {
            return false;
        }
        disturbed = self->result.run.during_recovery == before || below(self, RECOVERY_KILL_ONE_IN) == 0;
    }
    server_choose(&self->server_options, self->folder->random);
    server_start(&self->server, &self->server_options);
    return wait_ready(self);
}

/* Keys and addresses are there once the first start is through. */
static bool read_keys(epoch_t *self) {
    char error[512];
    key_pair_t server;
    if (keys_read_pair(self->folder->data, "operator", &self->keys, error, sizeof error) != STATUS_OK ||
        keys_read_pair(self->folder->data, "server", &server, error, sizeof error) != STATUS_OK) {
        return broken(self, "%s", error);
    }
    memcpy(self->server_key, server.public_key, sizeof self->server_key);
    return true;
}

static bool open_sdks(epoch_t *self) {
    static const char *const names[SDKS] = {"sdk-tcp", "sdk-ipc"};
    char error[512];
    for (size_t i = 0; i < SDKS && self->sdks[i] == NULL; i++) {
        self->sdks[i] = sdk_open(&(sdk_options_t){.history = self->history,
                                                  .users = self->users,
                                                  .data = self->folder->data,
                                                  .name = names[i],
                                                  .tcp = i == 0,
                                                  .window = SDK_WINDOW},
                                 error, sizeof error);
        if (self->sdks[i] == NULL) {
            return broken(self, "%s", error);
        }
    }
    return true;
}

/* Half of the wires come by tcp, half by ipc. */
static bool connect_all(epoch_t *self) {
    char ipc[SERVER_ENDPOINT_BYTES];
    if (!read_keys(self) || !open_sdks(self)) {
        return false;
    }
    snprintf(ipc, sizeof ipc, "ipc://%s/run/operator", self->folder->data);
    for (size_t i = 0; i < WIRES; i++) {
        bool tcp = i % 2 == 0;
        wire_connect(self->wires[i], tcp ? self->server.tcp : ipc, tcp ? &self->keys : NULL, self->server_key);
    }
    return true;
}

/* The loop */

static void poll_all(epoch_t *self) {
    zmq_pollitem_t items[WIRES + SDKS + 2];
    size_t count = 0;
    for (size_t i = 0; i < WIRES; i++) {
        items[count++] = (zmq_pollitem_t){.socket = wire_socket(self->wires[i]), .events = ZMQ_POLLIN};
    }
    for (size_t i = 0; i < SDKS; i++) {
        items[count++] = (zmq_pollitem_t){.fd = sdk_fd(self->sdks[i]), .events = ZMQ_POLLIN};
    }
    items[count++] = (zmq_pollitem_t){.fd = self->timer, .events = ZMQ_POLLIN};
    items[count++] = (zmq_pollitem_t){.fd = self->server.process, .events = ZMQ_POLLIN};
    CHECK(zmq_poll(items, (int)count, POLL_MS) >= 0 || zmq_errno() == EINTR, "%s", zmq_strerror(zmq_errno()));
}

static void step_all(epoch_t *self) {
    uint64_t now_us = server_now_us();
    for (size_t i = 0; i < WIRES; i++) {
        wire_step(self->wires[i], now_us);
    }
    for (size_t i = 0; i < SDKS; i++) {
        sdk_step(self->sdks[i]);
    }
}

static void set_timer(epoch_t *self, uint64_t after_us) {
    struct itimerspec time = {
        .it_value = {.tv_sec = (time_t)(after_us / 1000000u), .tv_nsec = (long)(after_us % 1000000u) * 1000}};
    CHECK(timerfd_settime(self->timer, 0, &time, NULL) == 0, "%s", strerror(errno));
}

static bool time_to_kill(const epoch_t *self) {
    uint64_t times;
    return read(self->timer, &times, sizeof times) > 0;
}

/* Mostly writes; sometimes nearly only reads: then there are batches without a write, which may pass the sync, but
   never before a write that they saw. */
static void choose_mix(epoch_t *self) {
    static const uint32_t reads_per_mille[] = {50, 50, 400, 995};
    users_set_mix(self->users, reads_per_mille[below(self, ARRAY_LENGTH(reads_per_mille))]);
}

/* Lets all work until the goal is reached or the server is to be killed. The decision to kill falls between receiving
   and sending, so that what counts as in flight was sent before. */
static step_t work(epoch_t *self, bool (*reached)(epoch_t *), void (*send)(epoch_t *)) {
    uint64_t deadline = server_now_us() + PHASE_US;
    while (server_now_us() < deadline) {
        if (time_to_kill(self)) {
            return STEP_KILL;
        }
        send(self);
        if (reached(self)) {
            return STEP_REACHED;
        }
        poll_all(self);
        step_all(self);
        if (server_wait(&self->server, 0) == SERVER_ENDED) {
            (void)broken_by_end(self, server_ended(&self->server));
            return STEP_BROKEN;
        }
    }
    uint32_t unanswered = 0;
    for (size_t i = 0; i < WIRES; i++) {
        unanswered += wire_unanswered(self->wires[i]);
    }
    for (size_t i = 0; i < SDKS; i++) {
        unanswered += sdk_unanswered(self->sdks[i]);
    }
    (void)broken(self, "nothing more happens; %u requests are not answered", unanswered);
    return STEP_BROKEN;
}

/* The phases */

static void send_nothing(epoch_t *self) {
    (void)self;
}

static bool all_ready(epoch_t *self) {
    bool ready = true;
    for (size_t i = 0; i < WIRES; i++) {
        ready = ready && wire_ready(self->wires[i]);
    }
    return ready;
}

/* Spreads the reading over the wires. False: none has room. */
static bool send_read(epoch_t *self, uint32_t actor) {
    plan_t plan = {.type = OPERATION_READ, .actor = actor};
    for (size_t i = 0; i < WIRES; i++) {
        if (wire_send(self->wires[self->sent_from++ % WIRES], &plan)) {
            return true;
        }
    }
    users_touch(self->users, actor);
    return false;
}

static void send_reads(epoch_t *self) {
    uint32_t actor;
    while (users_take_touched(self->users, &actor) && send_read(self, actor)) {
    }
    for (size_t i = 0; i < WIRES; i++) {
        wire_flush(self->wires[i]);
    }
}

static bool all_read(epoch_t *self) {
    uint32_t open = 0;
    for (size_t i = 0; i < WIRES; i++) {
        open += wire_open(self->wires[i]);
    }
    return open == 0;
}

static void send_again(epoch_t *self) {
    for (size_t i = 0; i < WIRES; i++) {
        wire_send_again(self->wires[i]);
    }
}

static void send_load(epoch_t *self) {
    for (size_t i = 0; i < WIRES; i++) {
        wire_fill(self->wires[i]);
    }
    for (size_t i = 0; i < SDKS; i++) {
        sdk_fill(self->sdks[i]);
    }
}

static bool never(epoch_t *self) {
    (void)self;
    return false;
}

static bool all_answered(epoch_t *self) {
    uint32_t unanswered = 0;
    for (size_t i = 0; i < WIRES; i++) {
        unanswered += wire_unanswered(self->wires[i]);
    }
    for (size_t i = 0; i < SDKS; i++) {
        unanswered += sdk_unanswered(self->sdks[i]);
    }
    return unanswered == 0;
}

/* Brings the clients back to a server that is ready: connected, everything read back, unanswered requests sent again.
 */
static step_t come_back(epoch_t *self) {
    if (!connect_all(self)) {
        return STEP_BROKEN;
    }
    step_t step = work(self, all_ready, send_nothing);
    if (step == STEP_REACHED) {
        step = work(self, all_read, send_reads);
    }
    if (step == STEP_REACHED) {
        send_again(self);
    }
    return step;
}

/* Killing */

static void drain_all(epoch_t *self) {
    uint64_t deadline = server_now_us() + DRAIN_US;
    zmq_pollitem_t items[WIRES];
    bool drained;
    do {
        drained = true;
        for (size_t i = 0; i < WIRES; i++) {
            drained = wire_drain(self->wires[i]) && drained;
            items[i] = (zmq_pollitem_t){.socket = wire_socket(self->wires[i]), .events = ZMQ_POLLIN};
        }
    } while (!drained && zmq_poll(items, WIRES, 1) >= 0 && server_now_us() < deadline);
}

static void close_all(epoch_t *self) {
    for (size_t i = 0; i < WIRES; i++) {
        wire_close(self->wires[i]);
    }
    history_killed(self->history);
}

/* What the server had sent before it died is taken first: those requests were answered. */
static void count_kill(epoch_t *self) {
    uint32_t acknowledged = 0, in_flight = 0;
    for (size_t i = 0; i < WIRES; i++) {
        acknowledged += wire_acknowledged(self->wires[i]);
        in_flight += wire_in_flight(self->wires[i]);
    }
    if (acknowledged > 0 && in_flight >= KILL_IN_FLIGHT_MIN) {
        self->result.run.counted++;
        self->result.run.in_flight += in_flight;
    } else {
        self->result.run.discounted++;
    }
}

static bool life(epoch_t *self) {
    bool early = below(self, EARLY_KILL_ONE_IN) == 0;
    if (!start(self, self->lives++ % RECOVERY_KILL_ONE_IN == 0)) {
        return false;
    }
    set_timer(self, early ? 1 + below(self, EARLY_US) : 0);
    step_t step = come_back(self);
    choose_mix(self);
    if (step == STEP_REACHED) {
        bool long_load = below(self, LONG_LOAD_ONE_IN) == 0;
        uint64_t least_us = LOAD_US_MIN + 10 * server_disk_us(&self->server_options);
        set_timer(self, least_us + below(self, long_load ? LONG_LOAD_US_MAX : LOAD_US_MAX));
        step = work(self, never, send_load);
    }
    if (step != STEP_KILL || !kill_now(self)) {
        return false;
    }
    drain_all(self);
    count_kill(self);
    close_all(self);
    return true;
}

/* The end */

static bool stop(epoch_t *self) {
    int code = server_stop(&self->server, STOP_US);
    close_all(self);
    if (code < 0) {
        return broken(self, "the server did not stop in %d s", STOP_US / 1000000);
    }
    return code == 0 || broken_by_end(self, code);
}

/* Everything is answered, then the server is stopped in order. */
static bool settle(epoch_t *self) {
    return start(self, false) && come_back(self) == STEP_REACHED &&
           work(self, all_answered, send_nothing) == STEP_REACHED && stop(self);
}

static bool look_at_all(epoch_t *self) {
    char error[512];
    if (!start(self, false)) {
        return false;
    }
    users_touch_all(self->users);
    if (come_back(self) != STEP_REACHED) {
        return false;
    }
    return sdk_list(self->sdks[0], error, sizeof error) || broken(self, "%s", error);
}

static void judge(epoch_t *self) {
    verdict_t verdict = checker_check(self->history, self->folder->report, self->folder->context);
    verdict.unexpected += self->result.verdict.unexpected;
    self->result.verdict = verdict;
    for (size_t i = 0; i < WIRES; i++) {
        wire_stats_t stats = wire_stats(self->wires[i]);
        self->result.sent_again += stats.sent_again;
        self->result.later += stats.later;
        if (stats.strange > 0 || stats.sessions_lost > 0) {
            (void)broken(self, "a client got %llu answers that it never asked for, and lost its session %llu times",
                         (unsigned long long)stats.strange, (unsigned long long)stats.sessions_lost);
        }
    }
    for (size_t i = 0; i < SDKS; i++) {
        uint64_t given_up = self->sdks[i] == NULL ? 0 : sdk_given_up(self->sdks[i]);
        if (given_up > 0) {
            (void)broken(self, "the SDK gave up %llu requests", (unsigned long long)given_up);
        }
    }
}

static void sum_up(epoch_result_t *result) {
    const verdict_t *verdict = &result->verdict;
    result->run.requests = verdict->requests;
    result->run.acknowledged = verdict->acknowledged;
    result->run.losses = verdict->lost;
    result->run.failures = verdict->lost + verdict->doubled + verdict->differed + verdict->unexpected;
}

/* All of it */

static void open_epoch(epoch_t *self, const run_folder_t *folder) {
    static const char *const names[WIRES] = {"wire-tcp-1", "wire-ipc-1", "wire-tcp-2", "wire-ipc-2"};
    static const uint32_t kept[WIRES] = {0, 400, 400, 0};
    *self = (epoch_t){.folder = folder};
    self->server_options = (server_options_t){.dorand = folder->dorand, .data = folder->data, .output = folder->output};
    self->context = zmq_ctx_new();
    self->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    CHECK(self->context != NULL && self->timer >= 0, "%s", strerror(errno));
    self->history = history_new();
    self->users = users_new(self->history, folder->random);
    for (size_t i = 0; i < WIRES; i++) {
        self->wires[i] = wire_new(&(wire_options_t){.context = self->context,
                                                    .history = self->history,
                                                    .users = self->users,
                                                    .random = folder->random,
                                                    .name = names[i],
                                                    .window = WIRE_WINDOW,
                                                    .kept = kept[i]});
    }
}

static void close_epoch(epoch_t *self) {
    if (self->server.pid > 0) {
        (void)server_kill(&self->server);
    }
    for (size_t i = 0; i < WIRES; i++) {
        wire_destroy(&self->wires[i]);
    }
    for (size_t i = 0; i < SDKS; i++) {
        sdk_close(&self->sdks[i]);
    }
    zmq_ctx_term(self->context);
    users_destroy(&self->users);
    history_destroy(&self->history);
    close(self->timer);
}

epoch_result_t epoch_run(const run_folder_t *folder) {
    epoch_t self;
    open_epoch(&self, folder);
    uint32_t in_vain_max = ALREADY_KILLED_MAX * (folder->kills + 1);
    while (!self.broken && self.result.run.counted < folder->kills && self.result.run.discounted < in_vain_max) {
        (void)life(&self);
    }
    if (!self.broken && settle(&self)) {
        (void)look_at_all(&self);
    }
    judge(&self);
    sum_up(&self.result);
    close_epoch(&self);
    return self.result;
}
