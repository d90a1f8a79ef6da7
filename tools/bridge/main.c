/* SPDX-License-Identifier: MIT */
/*
 * doran-bridge: HTTP in front of the actors. Starts in this order: settings, connection to the server, HTTP; says that
 * it is ready; on a signal it takes no more connections, answers what it has, and ends.
 *
 * Exit codes: 0 clean stop, 1 cannot start (one sentence on stderr), 2 usage.
 */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "broker/files.h"
#include "tools/bridge/edge.h"
#include "tools/bridge/live.h"
#include "tools/bridge/openapi.h"
#include "tools/bridge/pages.h"
#include "tools/bridge/people.h"
#include "tools/bridge/pump.h"
#include "tools/bridge/serve.h"
#include "tools/bridge/tls.h"
#include "tools/bridge/web.h"

#define DEFAULT_DATA "./data"
#define DEFAULT_HTTP "127.0.0.1:8080"
#define WEB_BESIDE "/../../web"

enum {
    EXIT_STOPPED = 0,
    EXIT_CANNOT_START = 1,
    EXIT_USAGE = 2,
    ASSIGNMENTS_MAX = 64,
    HOST_BYTES = 256,
    URL_BYTES = HOST_BYTES + 32,
    ERROR_BYTES = 1024,
    FILES_KEPT = 100, /* descriptors */
    PRIORITIES = 2,   /* of events: pump.h */
    DRAIN_S = 5,
    DRAIN_LOOK_MS = 10,
};

typedef struct program {
    const char *data, *http, *web, *certificate, *key;
    const char *assignments[ASSIGNMENTS_MAX];
    size_t assignment_count;
    char host[HOST_BYTES], url[URL_BYTES], path[FILES_PATH_BYTES], error[ERROR_BYTES];
    uint16_t port;
    bridge_t bridge;
    pump_t *pump;
    tls_t *tls;
    struct event *signals[3], *drained;
} program_t;

static const char usage[] =
    "usage: doran-bridge [--data DIR] [--http ADDRESS:PORT] [--tls-certificate FILE --tls-key FILE] [--set "
    "NAME=VALUE]...\n"
    "\n"
    "  --data DIR           folder of the server, where its place and our key are found (DORAN_DATA; default ./data)\n"
    "  --http ADDRESS:PORT  where browsers connect (DORAN_HTTP; default 127.0.0.1:8080); port 0 takes a free one\n"
    "  --web DIR            the web app as its build left it (DORAN_WEB; default ../../web beside this program's "
    "folder)\n"
    "  --tls-certificate FILE, --tls-key FILE\n"
    "                       speaks https with these, in PEM; SIGHUP has them, and the web app, read again\n"
    "  --set NAME=VALUE     a setting; `doran settings` lists them\n"
    "  --openapi            prints what is answered here, for programs, and ends; needs no server\n"
    "  --version, --help\n";

static const char *environment(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value == NULL || value[0] == 0 ? otherwise : value;
}

static int usage_fail(const char *what, const char *why) {
    fprintf(stderr, "doran-bridge: %s %s; doran-bridge --help shows what is taken\n", what, why);
    return EXIT_USAGE;
}

/* The document of /openapi.json. */
static int print_openapi(void) {
    json_t *document = openapi_document();
    bool printed = json_dumpf(document, stdout, JSON_INDENT(1)) == 0 && fflush(stdout) == 0;
    json_decref(document);
    if (!printed) {
        perror("doran-bridge: the document cannot be printed");
    }
    return printed ? EXIT_STOPPED : EXIT_CANNOT_START;
}

/* -1: go on; else the exit code. */
static int take_option(program_t *self, int option, char **values) {
    switch (option) {
    case 'd':
        self->data = optarg;
        return -1;
    case 'h':
        self->http = optarg;
        return -1;
    case 'w':
        self->web = optarg;
        return -1;
    case 'c':
        self->certificate = optarg;
        return -1;
    case 'k':
        self->key = optarg;
        return -1;
    case 's':
        if (self->assignment_count == ASSIGNMENTS_MAX) {
            return usage_fail(optarg, "is one setting too many");
        }
        self->assignments[self->assignment_count++] = optarg;
        return -1;
    case 'o':
        return print_openapi();
    case 'v':
        printf("doran-bridge %s\n", DORAN_VERSION);
        return EXIT_STOPPED;
    case '?':
        fputs(usage, stdout);
        return EXIT_STOPPED;
    case ':':
        return usage_fail(values[optind - 1], "needs a value");
    default:
        return usage_fail(values[optind - 1], "is not an option");
    }
}

/* Where the build leaves it: build/web, of build/release/bin. Static. */
static const char *web_beside(void) {
    static char path[FILES_PATH_BYTES];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof WEB_BESIDE);
    path[len > 0 ? len : 0] = 0;
    char *slash = strrchr(path, '/');
    snprintf(slash != NULL ? slash : path, sizeof WEB_BESIDE, "%s", WEB_BESIDE);
    return path;
}

static int parse(program_t *self, int count, char **values) {
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},    {"http", required_argument, NULL, 'h'},
        {"web", required_argument, NULL, 'w'},     {"tls-certificate", required_argument, NULL, 'c'},
        {"tls-key", required_argument, NULL, 'k'}, {"set", required_argument, NULL, 's'},
        {"openapi", no_argument, NULL, 'o'},       {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'H'},          {0}};
    self->data = environment("DORAN_DATA", DEFAULT_DATA);
    self->http = environment("DORAN_HTTP", DEFAULT_HTTP);
    self->web = environment("DORAN_WEB", web_beside());
    opterr = 0;
    for (int option, code; (option = getopt_long(count, values, "+:", options, NULL)) != -1;) {
        option = option == 'H' ? '?' : option == '?' ? 0 : option;
        if ((code = take_option(self, option, values)) >= 0) {
            return code;
        }
    }
    if ((self->certificate == NULL) != (self->key == NULL)) {
        return usage_fail(self->key == NULL ? "--tls-certificate" : "--tls-key", "is half of a pair");
    }
    return optind < count ? usage_fail(values[optind], "is not an option") : -1;
}

/* ADDRESS:PORT, [v6]:PORT. */
static int split_http(program_t *self) {
    const char *colon = strrchr(self->http, ':');
    const char *begin = self->http[0] == '[' ? self->http + 1 : self->http;
    const char *end = colon != NULL && colon > self->http && colon[-1] == ']' ? colon - 1 : colon;
    char *rest;
    unsigned long port =
        colon != NULL && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &rest, 10) : UINT32_MAX;
    if (port > UINT16_MAX || *rest != 0 || end <= begin || (size_t)(end - begin) >= sizeof self->host) {
        return usage_fail(self->http, "is not of the form ADDRESS:PORT");
    }
    memcpy(self->host, begin, (size_t)(end - begin));
    self->port = (uint16_t)port;
    return -1;
}

/* Only a wrong flag is wrong usage. */
static int load_settings(program_t *self) {
    settings_t *settings = &self->bridge.settings;
    int code = EXIT_CANNOT_START;
    status_t status = settings_load(settings, self->data, NULL, 0, self->error, sizeof self->error);
    if (status == STATUS_OK) {
        code = EXIT_USAGE;
        status = settings_load(settings, self->data, self->assignments, self->assignment_count, self->error,
                               sizeof self->error);
    }
    if (status == STATUS_OK) {
        return -1;
    }
    fprintf(stderr, "doran-bridge: %s\n", self->error);
    return code;
}

/* Until all is answered, and taken by those who asked, or their time is up. */
static void look_for_end(evutil_socket_t none, short events, void *context) {
    const program_t *self = context;
    (void)none;
    (void)events;
    if (self->bridge.calls == 0 && http_counts(self->bridge.http).connections == 0) {
        event_base_loopbreak(self->bridge.base);
    }
}

static void end_loop(evutil_socket_t number, short events, void *context) {
    program_t *self = context;
    struct timeval limit = {.tv_sec = DRAIN_S}, often = {.tv_usec = DRAIN_LOOK_MS * 1000};
    (void)number;
    (void)events;
    if (self->bridge.draining) {
        return;
    }
    self->bridge.draining = true;
    live_drain(self->bridge.live);
    http_drain(self->bridge.http);
    event_base_loopexit(self->bridge.base, &limit);
    self->drained = event_new(self->bridge.base, -1, EV_PERSIST, look_for_end, self);
    CHECK(self->drained != NULL && event_add(self->drained, &often) == 0, "out of memory");
}

static bool load_web(program_t *self) {
    web_t *web = web_new(self->web, self->error, sizeof self->error);
    if (web != NULL) {
        web_destroy(&self->bridge.web);
        self->bridge.web = web;
    }
    return web != NULL;
}

static void reload(evutil_socket_t number, short events, void *context) {
    program_t *self = context;
    (void)number;
    (void)events;
    if (self->tls != NULL && !tls_reload(self->tls, self->error, sizeof self->error)) {
        fprintf(stderr, "doran-bridge: %s\n", self->error);
    }
    if (!load_web(self)) {
        fprintf(stderr, "doran-bridge: %s\n", self->error);
    }
}

static void take_signals(program_t *self) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        self->signals[i] = evsignal_new(self->bridge.base, numbers[i], numbers[i] == SIGHUP ? reload : end_loop, self);
        CHECK(self->signals[i] != NULL && event_add(self->signals[i], NULL) == 0, "signal %d", numbers[i]);
    }
}

static bool connect_server(program_t *self) {
    doran_options_t options = {.data = self->data, .role = "gateway", .in_flight_max = 4096, .busy_fails = 1};
    self->bridge.server = doran_open(&options, self->error, sizeof self->error);
    return self->bridge.server != NULL;
}

static bool load_tls(program_t *self) {
    if (self->certificate == NULL) {
        return true;
    }
    self->tls = tls_new(self->bridge.base, self->certificate, self->key, self->error, sizeof self->error);
    return self->tls != NULL;
}

/* As many as the system allows, and some are left for the server, the log and whoever is told that there are too many.
 */
static uint32_t connections_max(const settings_t *settings) {
    struct rlimit files;
    uint64_t most = settings->connections_max;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        uint64_t left = files.rlim_max > 2 * FILES_KEPT ? files.rlim_max - FILES_KEPT : FILES_KEPT;
        most = left < most ? left : most;
    }
    return (uint32_t)most;
}

static bool listen_http(program_t *self) {
    const settings_t *settings = &self->bridge.settings;
    http_options_t options = {.base = self->bridge.base,
                              .address = self->host,
                              .port = self->port,
                              .body_bytes_max = settings->message_bytes_max,
                              .connections_max = connections_max(settings),
                              .address_connections_max = (uint32_t)settings->address_connections_max,
                              .head_ms = (uint32_t)settings->http_head_ms,
                              .body_ms = (uint32_t)settings->http_body_ms,
                              .answer_ms = (uint32_t)settings->http_answer_ms,
                              .idle_ms = (uint32_t)settings->http_idle_ms,
                              .tls = self->tls,
                              .headers = self->tls != NULL ? serve_tls_headers : serve_headers,
                              .serve = serve_request,
                              .refuse = serve_refusal,
                              .context = &self->bridge};
    self->bridge.http = http_new(&options, self->error, sizeof self->error);
    if (self->bridge.http == NULL) {
        return false;
    }
    snprintf(self->url, sizeof self->url, strchr(self->host, ':') != NULL ? "%s://[%s]:%u" : "%s://%s:%u",
             self->tls != NULL ? "https" : "http", self->host, http_port(self->bridge.http));
    return true;
}

/* DIR/run/bridge.json appears when the bridge is ready. */
static bool announce(program_t *self) {
    json_t *file = json_pack("{si ss}", "pid", (int)getpid(), "url", self->url);
    char *text = file != NULL ? json_dumps(file, JSON_INDENT(2)) : NULL;
    CHECK(text != NULL, "out of memory");
    status_t status = files_path(self->path, self->error, sizeof self->error, "%s/run/bridge.json", self->data);
    if (status == STATUS_OK) {
        status = files_write(self->path, 0600, text, strlen(text), self->error, sizeof self->error);
    }
    free(text);
    json_decref(file);
    return status == STATUS_OK;
}

/* What is taken back before the loop waits again costs no system call. */
static struct event_base *new_base(void) {
    struct event_config *config = event_config_new();
    CHECK(config != NULL && event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0, "out of memory");
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static bool start(program_t *self) {
    bridge_t *bridge = &self->bridge;
    bridge->data = self->data;
    bridge->base = new_base();
    CHECK(bridge->base != NULL && event_base_priority_init(bridge->base, PRIORITIES) == 0, "no event loop");
    bridge->tape = bridge_new_tape();
    bridge->pages = pages_new();
    bridge->room_bytes = 2 * (size_t)bridge->settings.message_bytes_max;
    bridge->room = malloc(bridge->room_bytes);
    CHECK(bridge->room != NULL, "out of memory");
    take_signals(self);
    if (!connect_server(self)) {
        return false;
    }
    self->pump = pump_new(bridge);
    bridge->people = people_new(bridge, self->error, sizeof self->error);
    bridge->live = live_new(bridge);
    bridge->edge = edge_new(bridge, self->error, sizeof self->error);
    return bridge->people != NULL && bridge->edge != NULL && load_web(self) && load_tls(self) && listen_http(self) &&
           announce(self);
}

/* Another bridge may have announced itself since. */
static void take_back(const program_t *self) {
    json_t *file = self->path[0] != 0 ? json_load_file(self->path, 0, NULL) : NULL;
    if (json_integer_value(json_object_get(file, "pid")) == getpid()) {
        unlink(self->path);
    }
    json_decref(file);
}

static void stop(program_t *self) {
    bridge_t *bridge = &self->bridge;
    take_back(self);
    live_destroy(&bridge->live);
    people_destroy(&bridge->people);
    pump_destroy(&self->pump);
    doran_close(&bridge->server);
    http_destroy(&bridge->http);
    edge_destroy(&bridge->edge);
    tls_destroy(&self->tls);
    for (size_t i = 0; i < ARRAY_LENGTH(self->signals); i++) {
        if (self->signals[i] != NULL) {
            event_free(self->signals[i]);
        }
    }
    if (self->drained != NULL) {
        event_free(self->drained);
    }
    bridge_free_tape(&bridge->tape);
    pages_destroy(&bridge->pages);
    web_destroy(&bridge->web);
    free(bridge->room);
    if (bridge->base != NULL) {
        event_base_free(bridge->base);
    }
}

/* What JSON and HTTP let go of may have been a password. */
static void wipe_and_free(void *memory) {
    if (memory != NULL) {
        sodium_memzero(memory, malloc_usable_size(memory));
        free(memory);
    }
}

int main(int count, char **values) {
    static program_t self;
    int code = parse(&self, count, values);
    code = code < 0 ? split_http(&self) : code;
    code = code < 0 ? load_settings(&self) : code;
    if (code >= 0) {
        return code;
    }
    CHECK(sodium_init() >= 0, "libsodium does not start");
    json_set_alloc_funcs(malloc, wipe_and_free);
    event_set_mem_functions(malloc, realloc, wipe_and_free);
    if (!start(&self)) {
        fprintf(stderr, "doran-bridge: %s\n", self.error);
        stop(&self);
        return EXIT_CANNOT_START;
    }
    printf("ready %s\n", self.url);
    fflush(stdout);
    event_base_dispatch(self.bridge.base);
    stop(&self);
    return EXIT_STOPPED;
}
