/* SPDX-License-Identifier: MIT */
#include "tests/crash/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "schemas/check.h"
#include "schemas/limits.h"

/* Half of the disks are slow. */
static const uint32_t disks_us[SERVER_DISKS] = {0, 0, 500, 4000};

uint64_t server_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void server_choose(server_options_t *options, random_state_t *random) {
    static const size_t segments[] = {KIB(64), KIB(256), MIB(1), MIB(4)};
    static const size_t slices[] = {100, 1000, 5000, 20000};
    static const size_t idle_ms[] = {10, 300000};
    options->disk = random_below(random, SERVER_DISKS);
    memset(options->settings, 0, sizeof options->settings);
    server_set(options, "shards", 1 + random_below(random, 4));
    server_set(options, "segment_bytes", segments[random_below(random, ARRAY_LENGTH(segments))]);
    server_set(options, "memtable_bytes_max", MIB(1) + random_below(random, MIB(1)));
    server_set(options, "journal_tail_bytes_max", MIB(1) + random_below(random, MIB(4)));
    server_set(options, "apply_slice_records", slices[random_below(random, ARRAY_LENGTH(slices))]);
    server_set(options, "resident_actors_max", 64 + random_below(random, 4000));
    server_set(options, "idle_ms", idle_ms[random_below(random, ARRAY_LENGTH(idle_ms))]);
    server_set(options, "heartbeat_ms", 100);
}

void server_set(server_options_t *options, const char *name, size_t value) {
    size_t count = 0;
    while (count < SERVER_SETTINGS_MAX && options->settings[count][0] != 0) {
        count++;
    }
    CHECK(count < SERVER_SETTINGS_MAX, "%zu settings", count);
    snprintf(options->settings[count], SERVER_SETTING_BYTES, "%s=%zu", name, value);
}

uint32_t server_disk_us(const server_options_t *options) {
    return disks_us[options->disk];
}

/* In the child; only what is safe after fork. */
_Noreturn static void become(const server_options_t *options, char **arguments, char **environment, int lines,
                             pid_t parent) {
    int output = open(options->output, O_WRONLY | O_CREAT | O_APPEND, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || output < 0 || dup2(lines, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0) {
        _exit(127);
    }
    close_range(STDERR_FILENO + 1, ~0u, 0);
    execve(options->dorand, arguments, environment);
    _exit(127);
}

static size_t list_arguments(const server_options_t *options, char **arguments) {
    size_t count = 0;
    const char *const fixed[] = {options->dorand, "--data", options->data, "--listen", "tcp://127.0.0.1:*"};
    for (; count < ARRAY_LENGTH(fixed); count++) {
        arguments[count] = (char *)fixed[count];
    }
    for (size_t i = 0; i < SERVER_SETTINGS_MAX && options->settings[i][0] != 0; i++) {
        arguments[count++] = "--set";
        arguments[count++] = (char *)options->settings[i];
    }
    arguments[count] = NULL;
    return count;
}

/* This program's environment and these; preload may be NULL. The caller frees the array. */
static char **environment_with(char *preload, char *setting) {
    size_t count = 0, used = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **all = calloc(count + 3, sizeof *all);
    CHECK(all != NULL, "out of memory");
    for (; used < count; used++) {
        all[used] = environ[used];
    }
    all[used++] = setting;
    all[used] = preload;
    return all;
}

void server_start(server_t *self, const server_options_t *options) {
    char *arguments[8 + 2 * SERVER_SETTINGS_MAX], slow_us[32];
    int ends[2];
    uint32_t disk_us = server_disk_us(options);
    snprintf(slow_us, sizeof slow_us, "CRASH_SLOW_US=%u", disk_us);
    char **environment = environment_with(disk_us > 0 ? "LD_PRELOAD=" CRASH_SLOW_DISK : NULL, slow_us);
    list_arguments(options, arguments);
    CHECK(pipe2(ends, O_CLOEXEC) == 0, "%s", strerror(errno));
    *self = (server_t){.lines = ends[0], .started_us = server_now_us()};
    pid_t parent = getpid();
    self->pid = fork();
    CHECK(self->pid >= 0, "%s", strerror(errno));
    if (self->pid == 0) {
        become(options, arguments, environment, ends[1], parent);
    }
    free(environment);
    close(ends[1]);
    self->process = pidfd_open(self->pid, 0);
    CHECK(self->process >= 0, "%s", strerror(errno));
}

static void forget(server_t *self) {
    close(self->process);
    close(self->lines);
    self->pid = 0;
}

static int reap(server_t *self) {
    int status;
    pid_t reaped;
    do {
        reaped = waitpid(self->pid, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    CHECK(reaped == self->pid, "%s", strerror(errno));
    forget(self);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* "ready tcp://127.0.0.1:40123 ipc://…": true, and where it listens. */
static bool find_endpoint(server_t *self) {
    char *end = strchr(self->first_line, '\n');
    char *begin = strstr(self->first_line, "tcp://");
    if (end == NULL || strncmp(self->first_line, "ready ", 6) != 0 || begin == NULL) {
        return false;
    }
    size_t len = strcspn(begin, " \n");
    CHECK(len < sizeof self->tcp, "an endpoint of %zu bytes", len);
    memcpy(self->tcp, begin, len);
    self->tcp[len] = 0;
    return true;
}

/* True when it is ready. */
static bool read_line(server_t *self) {
    size_t room = sizeof self->first_line - 1 - self->first_line_bytes;
    ssize_t len = read(self->lines, self->first_line + self->first_line_bytes, room);
    self->first_line_bytes += len > 0 ? (size_t)len : 0;
    self->first_line[self->first_line_bytes] = 0;
    return find_endpoint(self);
}

server_state_t server_wait(server_t *self, uint64_t timeout_us) {
    uint64_t deadline = server_now_us() + timeout_us;
    for (;;) {
        uint64_t now = server_now_us(), left = now < deadline ? deadline - now : 0;
        struct timespec wait = {.tv_sec = (time_t)(left / 1000000u), .tv_nsec = (long)(left % 1000000u) * 1000};
        struct pollfd watched[] = {{.fd = self->lines, .events = POLLIN}, {.fd = self->process, .events = POLLIN}};
        int count = ppoll(watched, ARRAY_LENGTH(watched), &wait, NULL);
        if (count > 0 && (watched[0].revents & POLLIN) != 0 && read_line(self)) {
            return SERVER_READY;
        }
        if (count > 0 && watched[1].revents != 0) {
            return SERVER_ENDED;
        }
        if (left == 0) {
            return SERVER_STARTING;
        }
    }
}

int server_kill(server_t *self) {
    kill(self->pid, SIGKILL);
    return reap(self);
}

int server_stop(server_t *self, uint64_t timeout_us) {
    struct pollfd ended = {.fd = self->process, .events = POLLIN};
    kill(self->pid, SIGTERM);
    if (poll(&ended, 1, (int)(timeout_us / 1000)) == 1) {
        return reap(self);
    }
    (void)server_kill(self);
    return -1;
}

int server_ended(server_t *self) {
    return reap(self);
}

void server_tell_end(const server_options_t *options, int code, char text[SERVER_END_BYTES]) {
    char words[SERVER_END_BYTES / 2] = "";
    FILE *output = fopen(options->output, "re");
    while (output != NULL && fgets(words, sizeof words, output) != NULL) {
    }
    if (output != NULL) {
        fclose(output);
    }
    words[strcspn(words, "\n")] = 0;
    snprintf(text, SERVER_END_BYTES, "%s %d, saying: %s", code > 128 ? "signal" : "exit code",
             code > 128 ? code - 128 : code, words);
}
