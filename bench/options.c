/* SPDX-License-Identifier: MIT */
/*
 * getopt_long with one table; what a number may be stands beside it.
 */
#include "bench/options.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/check.h"

enum {
    CLIENTS_DEFAULT = 4,
    ACTORS_DEFAULT = 100000,
    ROOMS_DEFAULT = 1000,
    SUBSCRIBERS_DEFAULT = 10,
    SECONDS_DEFAULT = 10,
};

typedef struct problem_text {
    char *text;
    size_t bytes;
} problem_text_t;

PRINTF_LIKE(2, 3) static bool refuse(problem_text_t *self, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(self->text, self->bytes, format, values);
    va_end(values);
    return false;
}

static bool parse_number(const char *name, double min, double max, double *value, problem_text_t *problem) {
    char *end;
    double parsed = strtod(optarg, &end);
    if (end == optarg || *end != 0 || !isfinite(parsed) || parsed < min || parsed > max) {
        return refuse(problem, "--%s takes a number from %.10g to %.10g.", name, min, max);
    }
    *value = parsed;
    return true;
}

static bool parse_whole(const char *name, double min, double max, double *value, problem_text_t *problem) {
    return parse_number(name, min, max, value, problem) &&
           (*value == floor(*value) || refuse(problem, "--%s takes a whole number.", name));
}

static bool parse_transport(bench_options_t *self, problem_text_t *problem) {
    if (strcmp(optarg, "tcp") != 0 && strcmp(optarg, "ipc") != 0) {
        return refuse(problem, "--transport is tcp or ipc.");
    }
    self->transport = strcmp(optarg, "tcp") == 0 ? TRANSPORT_TCP : TRANSPORT_IPC;
    return true;
}

static const struct option flags[] = {
    {"data", required_argument, NULL, 'd'},
    {"endpoint", required_argument, NULL, 'e'},
    {"transport", required_argument, NULL, 't'},
    {"clients", required_argument, NULL, 'c'},
    {"window", required_argument, NULL, 'w'},
    {"rate", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 's'},
    {"count", required_argument, NULL, 'n'},
    {"size", required_argument, NULL, 'b'},
    {"actors", required_argument, NULL, 'a'},
    {"subscribers", required_argument, NULL, 'u'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool parse_flag(bench_options_t *self, int flag, problem_text_t *problem) {
    double number = 0;
    bool fits = true;
    switch (flag) {
    case 'd':
        self->data = optarg;
        break;
    case 'e':
        self->endpoint = optarg;
        break;
    case 't':
        fits = parse_transport(self, problem);
        break;
    case 'c':
        fits = parse_whole("clients", 1, CLIENTS_MAX, &number, problem);
        self->clients = (uint32_t)number;
        break;
    case 'w':
        fits = parse_whole("window", 1, (double)CLIENTS_MAX * WINDOW_PER_CLIENT_MAX, &number, problem);
        self->window = (uint32_t)number;
        break;
    case 'r':
        fits = parse_number("rate", 0.01, 1e8, &self->rate, problem);
        break;
    case 's':
        fits = parse_number("seconds", 0.01, 1e6, &self->seconds, problem);
        break;
    case 'n':
        fits = parse_whole("count", 1, 1e12, &number, problem);
        self->count = (uint64_t)number;
        break;
    case 'b':
        fits = parse_whole("size", 0, ECHO_BYTES_MAX, &number, problem);
        self->size = (uint32_t)number;
        break;
    case 'a':
        fits = parse_whole("actors", 1, ACTORS_MAX, &number, problem);
        self->actors = (uint32_t)number;
        break;
    case 'u':
        fits = parse_whole("subscribers", 1, CLIENTS_MAX, &number, problem);
        self->subscribers = (uint32_t)number;
        break;
    case 'j':
        self->json = true;
        break;
    case 'h':
        self->help = true;
        break;
    default:
        fits = refuse(problem, "Unknown or incomplete flag %s.", optarg != NULL ? optarg : "");
    }
    return fits;
}

static bool is_fan_out(const bench_options_t *self) {
    return strcmp(self->workload, "fan-out") == 0;
}

static bool posts(const bench_options_t *self) {
    return is_fan_out(self) || strcmp(self->workload, "room-post") == 0;
}

static bool check_rooms(const bench_options_t *self, problem_text_t *problem) {
    if (posts(self) && (self->size < POST_BYTES_MIN || self->size > POST_BYTES_MAX)) {
        return refuse(problem, "%s takes a --size from %d to %d.", self->workload, POST_BYTES_MIN, POST_BYTES_MAX);
    }
    if (self->subscribers > 0 && !posts(self)) {
        return refuse(problem, "Nobody subscribes in %s.", self->workload);
    }
    if (self->subscribers > self->clients) {
        return refuse(problem, "Each of the --subscribers of a room needs one of the --clients.");
    }
    return true;
}

static bool check_together(const bench_options_t *self, problem_text_t *problem) {
    if (self->window < self->clients) {
        return refuse(problem, "The window is that of all clients together; it must be at least --clients.");
    }
    if (bench_options_window(self, 0) > WINDOW_PER_CLIENT_MAX) {
        return refuse(problem, "A client takes at most %d of the window; give more --clients.", WINDOW_PER_CLIENT_MAX);
    }
    if (self->actors < self->clients) {
        return refuse(problem, "Each client has its own actors; give at least as many --actors as --clients.");
    }
    if (strcmp(self->workload, "order") == 0 && self->actors / self->clients < ORDER_SKUS) {
        return refuse(problem, "An order has %d SKUs of its client; give at least so many --actors for each.",
                      ORDER_SKUS);
    }
    bool user_update = strcmp(self->workload, "user-update") == 0;
    if (user_update && (self->size < USER_BYTES_MIN || self->size > USER_BYTES_MAX)) {
        return refuse(problem, "user-update takes a --size from %d to %d.", USER_BYTES_MIN, USER_BYTES_MAX);
    }
    return check_rooms(self, problem);
}

static uint32_t lesser(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* What was not said. Everybody subscribes in fan-out, and it has a room for each. */
static void fill_in(bench_options_t *self) {
    bool fan_out = is_fan_out(self);
    if (posts(self) && self->subscribers == 0) {
        uint32_t most = fan_out ? CLIENTS_MAX : SUBSCRIBERS_DEFAULT;
        self->subscribers = self->clients == 0 ? SUBSCRIBERS_DEFAULT : lesser(self->clients, most);
    }
    if (self->clients == 0) {
        self->clients = self->subscribers > CLIENTS_DEFAULT ? self->subscribers : CLIENTS_DEFAULT;
    }
    if (self->actors == 0) {
        self->actors = fan_out ? self->clients : posts(self) ? ROOMS_DEFAULT : ACTORS_DEFAULT;
    }
}

static bool is_workload(const char *name) {
    static const char *const names[] = {"echo", "user-update", "order", "room-post", "fan-out", "limits"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool bench_options_parse(bench_options_t *self, int argc, char *const argv[], char *error, size_t error_bytes) {
    problem_text_t problem = {.text = error, .bytes = error_bytes};
    *self = (bench_options_t){.transport = TRANSPORT_TCP, .window = 1000, .size = 64};
    optind = 0; /* start anew, also in a process that parsed before */
    opterr = 0;
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) >= 0) {
        if (flag == '?') {
            return refuse(&problem, "Unknown or incomplete flag %s.", argv[optind - 1]);
        }
        if (!parse_flag(self, flag, &problem)) {
            return false;
        }
    }
    if (self->help) {
        return true;
    }
    if (optind != argc - 1 || !is_workload(argv[optind])) {
        return refuse(&problem, "Say one workload: echo, user-update, order, room-post, fan-out or limits.");
    }
    self->workload = argv[optind];
    if (self->data == NULL && self->endpoint == NULL) {
        const char *data = getenv("DORAN_DATA");
        self->data = data != NULL ? data : "./data";
    }
    bool counts = self->count > 0 && strcmp(self->workload, "limits") != 0;
    self->seconds = self->seconds > 0 || counts ? self->seconds : SECONDS_DEFAULT;
    fill_in(self);
    return check_together(self, &problem);
}

void bench_options_help(void) {
    puts("Loads a DoranDoran server and checks what it answers.\n"
         "\n"
         "usage: doran-bench echo|user-update|order|room-post|fan-out|limits [FLAGS]\n"
         "\n"
         "  echo         an actor answers what it is sent; nothing is stored\n"
         "  user-update  durable updates of users bench-0000001 …, made first where they are missing\n"
         "  order        orders of 3 SKUs each, from creation until everything is reserved; --actors is of SKUs\n"
         "  room-post    durable posts into rooms bench-0000001 …, each delivered to the subscribers of its room\n"
         "  fan-out      the same with a room for each client and all of them subscribed; latency is the deliveries'\n"
         "  limits       echo beside bare ZeroMQ, over ipc and tcp; one fdatasync after another on the data's disk\n"
         "\n"
         "  --data DIR         folder of a server on this machine ($DORAN_DATA, else ./data)\n"
         "  --endpoint EP      tcp://host:port or ipc://path; with --data: with the keys from there\n"
         "  --transport T      tcp or ipc, where no endpoint is given (tcp)\n"
         "  --clients N        threads, each with a connection (4)\n"
         "  --window N         requests in flight, of all clients together (1000)\n"
         "  --rate R           requests a second at random times; latency counts from the time intended (as fast as "
         "the\n"
         "                     window allows)\n"
         "  --seconds S        how long (10)\n"
         "  --count N          how many requests\n"
         "  --size N           bytes of payload (64)\n"
         "  --actors N         how many actors, chosen evenly (100000; 1000 rooms; fan-out: as many as clients)\n"
         "  --subscribers N    of each room, each on another client's connection (10; fan-out: all clients)\n"
         "  --json             one line of JSON\n"
         "\n"
         "exit: 0 ok · 1 could not run · 2 usage · 3 the server's answers were wrong");
}
