/* SPDX-License-Identifier: MIT */
/*
 * Nothing here reads back what was written before the next requests are made: that is for the end, where logs, ledgers
 * and rows are read whole. What was acknowledged is not sent again, so no retry can make a loss good.
 */
#include "tests/crash/lives.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>

#include "tests/crash/server.h"
#include "tests/crash/trial.h"

enum {
    READY_US = 30000000,
    PHASE_US = 60000000, /* no phase of a life lasts as long */
    STOP_US = 15000000,
    PATH_BYTES = 512,
    LINE_BYTES = 1024,
    POLL_US = 5000, /* the SDK's timers are not among what is polled */
    /* Kills. */
    RECOVERY_KILL_ONE_IN = 4,
    RECOVERY_KILLS_MAX = 8,
    RECOVERY_US = 50000,    /* after the start of the program */
    EARLY_KILL_ONE_IN = 10, /* not long after the start, whatever is going on */
    EARLY_US = 40000,
    LOAD_US_MIN = 3000, /* after the first answer */
    LOAD_US_MAX = 600000,
    LONG_LOAD_ONE_IN = 4,
    LONG_LOAD_US_MAX = 2500000,
    IN_VAIN_MAX = 3, /* kills that do not count, for each that does */
    /* The last life. */
    LAST_LOAD_US = 1000000,
    ANSWER_US = 100000000, /* the SDK sends again after a minute at the latest */
    RESERVATION_MS = 1500,
};

static const check_t *const checks[] = {&check_rooms, &check_orders, &check_accounts, &check_jobs, &check_stored};
enum { CHECKS = ARRAY_LENGTH(checks) };

typedef struct lives {
    const run_folder_t *folder;
    run_result_t result;
    trial_t *trial; /* from the first start on */
    void *contexts[CHECKS];
    server_options_t server_options;
    server_t server;
    uint32_t count;
    uint64_t start_us[SERVER_DISKS]; /* how long the last start took with the disk */
    bool broken;                     /* something happened after which going on makes no sense */
} lives_t;

static size_t below(lives_t *self, size_t limit) {
    return random_below(self->folder->random, limit);
}

PRINTF_LIKE(2, 3) static bool broken(lives_t *self, const char *format, ...) {
    char line[LINE_BYTES / 2];
    int len = snprintf(line, sizeof line, "wrong: server, after kill %u: ", self->result.counted);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + len, sizeof line - (size_t)len, format, arguments);
    va_end(arguments);
    self->folder->report(self->folder->context, line);
    self->result.failures++;
    self->broken = true;
    return false;
}

/* code is as server_ended says it. */
static bool broken_by_end(lives_t *self, int code) {
    char text[SERVER_END_BYTES];
    server_tell_end(&self->server_options, code, text);
    return broken(self, "it ended by itself, with %s", text);
}

static bool broken_by_silence(lives_t *self) {
    char methods[LINE_BYTES / 4];
    trial_tell_waiting(self->trial, methods, sizeof methods);
    return broken(self, "%u requests are not answered: %s", trial_in_flight(self->trial), methods);
}

/* Starting */

/* reservation_ms 0: some. */
static void choose_settings(lives_t *self, size_t reservation_ms) {
    static const size_t reservations_ms[] = {300, 700, 2000};
    server_choose(&self->server_options, self->folder->random);
    server_set(&self->server_options, "reservation_ms",
               reservation_ms > 0 ? reservation_ms : reservations_ms[below(self, ARRAY_LENGTH(reservations_ms))]);
}

static bool wait_ready(lives_t *self) {
    switch (server_wait(&self->server, READY_US)) {
    case SERVER_READY:
        self->start_us[self->server_options.disk] = server_now_us() - self->server.started_us;
        return true;
    case SERVER_STARTING:
        return broken(self, "it is not ready after %d s", READY_US / 1000000);
    case SERVER_ENDED:
        return broken_by_end(self, server_ended(&self->server));
    }
    return false;
}

static bool kill_now(lives_t *self) {
    int ended = server_kill(&self->server);
    if (self->trial != NULL) {
        trial_killed(self->trial);
    }
    return ended == SERVER_KILLED || broken_by_end(self, ended);
}

/* Starts it and kills it before it is ready; if that was too late, it was a kill without requests. */
static bool kill_in_recovery(lives_t *self) {
    choose_settings(self, 0);
    uint64_t usual_us = self->start_us[self->server_options.disk];
    server_start(&self->server, &self->server_options);
    switch (server_wait(&self->server, below(self, usual_us > 0 ? usual_us : RECOVERY_US))) {
    case SERVER_STARTING:
        self->result.during_recovery++;
        break;
    case SERVER_READY:
        self->result.discounted++;
        break;
    case SERVER_ENDED:
        return broken_by_end(self, server_ended(&self->server));
    }
    return kill_now(self);
}

/* disturbed: is killed at least once while it recovers. */
static bool start(lives_t *self, bool disturbed, size_t reservation_ms) {
    uint32_t before = self->result.during_recovery;
    for (int i = 0; disturbed && i < RECOVERY_KILLS_MAX; i++) {
        if (!kill_in_recovery(self)) {
            return false;
        }
        disturbed = self->result.during_recovery == before || below(self, RECOVERY_KILL_ONE_IN) == 0;
    }
    choose_settings(self, reservation_ms);
    server_start(&self->server, &self->server_options);
    return wait_ready(self);
}

/* Keys and addresses are there once the first start is through. */
static bool begin(lives_t *self) {
    char error[512];
    self->trial = trial_open(&(trial_options_t){.data = self->folder->data,
                                                .random = self->folder->random,
                                                .report = self->folder->report,
                                                .context = self->folder->context},
                             error, sizeof error);
    if (self->trial == NULL) {
        return broken(self, "%s", error);
    }
    bool good = true;
    for (size_t i = 0; i < CHECKS && good; i++) {
        self->contexts[i] = checks[i]->create(self->trial);
        good = checks[i]->set_up == NULL || checks[i]->set_up(self->contexts[i]);
    }
    self->broken = !good;
    return good;
}

static bool come_back(lives_t *self) {
    if (self->trial == NULL) {
        return begin(self);
    }
    for (size_t i = 0; i < CHECKS; i++) {
        if (checks[i]->come_back != NULL) {
            checks[i]->come_back(self->contexts[i]);
        }
    }
    return true;
}

/* The loop */

static void wait_for_something(lives_t *self, uint64_t until_us) {
    struct pollfd watched[TRIAL_CONNECTIONS + 1];
    uint64_t now_us = server_now_us(), left_us = until_us > now_us ? until_us - now_us : 0;
    struct timespec wait = {.tv_nsec = (long)(left_us < POLL_US ? left_us : POLL_US) * 1000};
    for (size_t i = 0; i < TRIAL_CONNECTIONS; i++) {
        watched[i] = (struct pollfd){.fd = doran_fd(trial_connection(self->trial, i)), .events = POLLIN};
    }
    watched[TRIAL_CONNECTIONS] = (struct pollfd){.fd = self->server.process, .events = POLLIN};
    CHECK(ppoll(watched, ARRAY_LENGTH(watched), &wait, NULL) >= 0 || errno == EINTR, "%s", strerror(errno));
}

/* One round. False: the server has ended by itself. */
static bool turn_over(lives_t *self, bool load, uint64_t until_us) {
    for (size_t i = 0; i < CHECKS && load; i++) {
        if (checks[i]->fill != NULL) {
            checks[i]->fill(self->contexts[i]);
        }
    }
    trial_step(self->trial);
    wait_for_something(self, until_us);
    trial_step(self->trial);
    return server_wait(&self->server, 0) != SERVER_ENDED || broken_by_end(self, server_ended(&self->server));
}

/* Works until the server is to be killed: some time after its first answer, or very soon. */
static bool work(lives_t *self) {
    bool early = below(self, EARLY_KILL_ONE_IN) == 0, answered = early;
    bool long_load = below(self, LONG_LOAD_ONE_IN) == 0;
    uint64_t before = trial_acknowledged(self->trial), now_us = server_now_us();
    uint64_t kill_us = early ? now_us + 1 + below(self, EARLY_US) : now_us + PHASE_US;
    while (server_now_us() < kill_us) {
        if (!turn_over(self, true, kill_us)) {
            return false;
        }
        if (!answered && trial_acknowledged(self->trial) > before) {
            answered = true;
            kill_us = server_now_us() + LOAD_US_MIN + 10 * server_disk_us(&self->server_options) +
                      below(self, long_load ? LONG_LOAD_US_MAX : LOAD_US_MAX);
        }
    }
    return answered || broken_by_silence(self);
}

static bool life(lives_t *self) {
    if (!start(self, self->count++ % RECOVERY_KILL_ONE_IN == 0, 0) || !come_back(self)) {
        return false;
    }
    uint64_t before = trial_acknowledged(self->trial);
    if (!work(self) || !kill_now(self)) {
        return false;
    }
    trial_step(self->trial); /* what it sent before it died */
    uint32_t in_flight = trial_in_flight(self->trial);
    if (trial_acknowledged(self->trial) > before && in_flight >= LIVES_IN_FLIGHT_MIN) {
        self->result.counted++;
        self->result.in_flight += in_flight;
    } else {
        self->result.discounted++;
    }
    return true;
}

/* The end */

/* Goes on for a while on a server that stays: what is due now happens now, not at the next start. */
static bool load_once_more(lives_t *self) {
    uint64_t until_us = server_now_us() + LAST_LOAD_US;
    while (server_now_us() < until_us) {
        if (!turn_over(self, true, until_us)) {
            return false;
        }
    }
    return true;
}

static bool answer_all(lives_t *self) {
    uint64_t until_us = server_now_us() + ANSWER_US;
    while (trial_in_flight(self->trial) > 0 && server_now_us() < until_us) {
        if (!turn_over(self, false, until_us)) {
            return false;
        }
    }
    return trial_in_flight(self->trial) == 0 || broken_by_silence(self);
}

static void judge(lives_t *self) {
    for (size_t i = 0; i < CHECKS; i++) {
        char line[256];
        checks[i]->judge(self->contexts[i]);
        checks[i]->tell(self->contexts[i], line, sizeof line);
        printf("  %s: %s\n", checks[i]->name, line);
    }
}

/* What the server gave up, or found damaged: there is no reason to. */
static void judge_log(lives_t *self) {
    char path[PATH_BYTES], line[LINE_BYTES];
    snprintf(path, sizeof path, "%s/log/dorand.jsonl", self->folder->data);
    FILE *log = fopen(path, "re");
    if (log == NULL) {
        (void)broken(self, "it has no log: %s", strerror(errno));
        return;
    }
    while (fgets(line, sizeof line, log) != NULL) {
        const char *message = strstr(line, "\"message\":");
        if (strstr(line, "\"log.level\":\"error\"") != NULL) {
            (void)broken(self, "its log has %s", message == NULL ? line : message);
        }
    }
    fclose(log);
}

static void settle(lives_t *self) {
    if (!start(self, false, RESERVATION_MS) || !come_back(self) || !load_once_more(self) || !answer_all(self)) {
        return;
    }
    judge(self);
    int code = server_stop(&self->server, STOP_US);
    if (code < 0) {
        (void)broken(self, "it did not stop in %d s", STOP_US / 1000000);
    } else if (code != 0) {
        (void)broken_by_end(self, code);
    }
    judge_log(self);
}

static void finish(lives_t *self) {
    if (self->server.pid > 0) {
        (void)server_kill(&self->server);
    }
    if (self->trial != NULL) {
        self->result.requests = trial_answered(self->trial);
        self->result.acknowledged = trial_acknowledged(self->trial);
        self->result.failures += trial_failures(self->trial);
        self->result.losses = trial_losses(self->trial);
    }
    for (size_t i = 0; i < CHECKS; i++) {
        checks[i]->destroy(self->contexts[i]);
    }
    trial_close(&self->trial);
}

static bool has_seen_enough(const lives_t *self) {
    return self->broken || (self->folder->until_loss && self->trial != NULL && trial_losses(self->trial) > 0);
}

run_result_t lives_run(const run_folder_t *folder) {
    lives_t self = {.folder = folder};
    self.server_options = (server_options_t){.dorand = folder->dorand, .data = folder->data, .output = folder->output};
    uint32_t in_vain_max = IN_VAIN_MAX * (folder->kills + 1);
    while (!has_seen_enough(&self) && self.result.counted < folder->kills && self.result.discounted < in_vain_max) {
        (void)life(&self);
    }
    if (!has_seen_enough(&self)) {
        settle(&self);
    }
    finish(&self);
    return self.result;
}
