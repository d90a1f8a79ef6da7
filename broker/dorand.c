/* SPDX-License-Identifier: MIT */
/*
 * dorand: the server. Starts in this order: settings, folder and its lock, keys, recovery, ring, router, first admin;
 * says that it is ready; then waits for a signal or a change of the allowed keys, and stops in the direction of the
 * data.
 *
 * Exit codes: 0 clean stop, 1 cannot start (one sentence on stderr), 2 usage, 3 stopped itself (a disk failed).
 */
#include <czmq.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "broker/files.h"
#include "broker/first_admin.h"
#include "broker/folder.h"
#include "broker/keys.h"
#include "broker/log.h"
#include "broker/ring.h"
#include "broker/router.h"
#include "broker/zap.h"

#define DEFAULT_DATA "./data"
#define DEFAULT_LISTEN "tcp://127.0.0.1:7420"

enum { EXIT_STOPPED = 0, EXIT_CANNOT_START = 1, EXIT_USAGE = 2, EXIT_DISK = 3, ASSIGNMENTS_MAX = 64 };

typedef struct arguments {
    const char *data, *listen;
    const char *assignments[ASSIGNMENTS_MAX];
    size_t assignment_count;
    bool standby;
} arguments_t;

typedef struct server {
    arguments_t arguments;
    settings_t settings;
    folder_t folder;
    zap_t *zap;
    ring_t *ring;
    router_t *router;
    int signals, keys_watch; /* descriptors */
    char error[FOLDER_ERROR_BYTES];
} server_t;

static const char usage[] =
    "usage: dorand [--data DIR] [--listen ENDPOINT[,ENDPOINT]] [--set NAME=VALUE]... [--standby]\n"
    "\n"
    "  --data DIR         folder of everything that the server keeps (DORAN_DATA; default ./data)\n"
    "  --listen ENDPOINT  where clients connect with CURVE (DORAN_LISTEN; default tcp://127.0.0.1:7420);\n"
    "                     tcp://127.0.0.1:* takes a free port\n"
    "  --set NAME=VALUE   a setting; `doran settings` lists them\n"
    "  --standby          wait until the server that owns the folder has ended\n"
    "  --version, --help\n";

static const char *environment(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value == NULL || value[0] == 0 ? otherwise : value;
}

static int arguments_fail(const char *what, const char *why) {
    fprintf(stderr, "dorand: %s %s; dorand --help shows what is taken\n", what, why);
    return EXIT_USAGE;
}

/* -1: go on; else the exit code. */
static int arguments_parse(arguments_t *self, int count, char **values) {
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"set", required_argument, NULL, 's'},
                                            {"standby", no_argument, NULL, 'b'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    self->data = environment("DORAN_DATA", DEFAULT_DATA);
    self->listen = environment("DORAN_LISTEN", DEFAULT_LISTEN);
    opterr = 0;
    for (int option; (option = getopt_long(count, values, "+:", options, NULL)) != -1;) {
        switch (option) {
        case 'd':
            self->data = optarg;
            break;
        case 'l':
            self->listen = optarg;
            break;
        case 's':
            if (self->assignment_count == ASSIGNMENTS_MAX) {
                return arguments_fail(optarg, "is one setting too many");
            }
            self->assignments[self->assignment_count++] = optarg;
            break;
        case 'b':
            self->standby = true;
            break;
        case 'v':
            printf("dorand %s\n", DORAN_VERSION);
            return EXIT_STOPPED;
        case 'h':
            fputs(usage, stdout);
            return EXIT_STOPPED;
        case ':':
            return arguments_fail(values[optind - 1], "needs a value");
        default:
            return arguments_fail(values[optind - 1], "is not an option");
        }
    }
    return optind < count ? arguments_fail(values[optind], "is not an option") : -1;
}

/* -1: go on; else the exit code: only a wrong flag is wrong usage. */
static int load_settings(server_t *self) {
    const arguments_t *asked = &self->arguments;
    int code = EXIT_CANNOT_START;
    status_t status = settings_load(&self->settings, asked->data, NULL, 0, self->error, sizeof self->error);
    if (status == STATUS_OK) {
        code = EXIT_USAGE;
        status = settings_load(&self->settings, asked->data, asked->assignments, asked->assignment_count, self->error,
                               sizeof self->error);
    }
    if (status == STATUS_OK) {
        return -1;
    }
    fprintf(stderr, "dorand: %s\n", self->error);
    return code;
}

static int cannot_start(const server_t *self) {
    fprintf(stderr, "dorand: %s\n", self->error);
    log_line(LOG_LEVEL_ERROR, "cannot start: %s", self->error);
    return EXIT_CANNOT_START;
}

/* Signals are taken from a descriptor, by the main thread alone; a pipe that closes under a write is an error, no
 * signal. */
static void take_signals(server_t *self) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0, "%s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a full disk */
    self->signals = signalfd(-1, &set, SFD_CLOEXEC);
    CHECK(self->signals >= 0, "%s", strerror(errno));
}

static void watch_keys(server_t *self) {
    char path[FILES_PATH_BYTES];
    snprintf(path, sizeof path, "%s/keys/allowed", self->folder.path);
    self->keys_watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (self->keys_watch < 0 ||
        inotify_add_watch(self->keys_watch, path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0) {
        log_line(LOG_LEVEL_WARN, "%s cannot be watched (%s); SIGHUP reads it again", path, strerror(errno));
    }
}

static void run_path(const server_t *self, char path[FILES_PATH_BYTES]) {
    snprintf(path, FILES_PATH_BYTES, "%s/run/dorand.json", self->folder.path);
}

/* A page of the database that its file does not have, or that the disk cannot read, arrives as SIGBUS in whoever
 * touches it (the file is mapped). */
static char page_failed[FILES_PATH_BYTES + 128]; /* the sentence, ready: a handler may only write it */
static volatile sig_atomic_t page_failed_code = EXIT_CANNOT_START;

static void take_bus_error(int signal_number, siginfo_t *info, void *context) {
    (void)context;
    if (info->si_code == BUS_ADRERR) {
        ssize_t written = write(STDERR_FILENO, page_failed, strlen(page_failed));
        (void)written;
        _exit(page_failed_code);
    }
    signal(signal_number, SIG_DFL); /* not ours: it happens again, and ends us */
}

static void watch_pages(const server_t *self) {
    struct sigaction action = {.sa_sigaction = take_bus_error, .sa_flags = SA_SIGINFO};
    snprintf(page_failed, sizeof page_failed,
             "dorand: %s/lmdb/data.mdb: a page is missing or cannot be read; the file was cut, or the disk is sick\n",
             self->folder.path);
    CHECK(sigaction(SIGBUS, &action, NULL) == 0, "%s", strerror(errno));
}

/* DIR/run/dorand.json appears when the server is ready. */
static status_t announce(server_t *self, const key_pair_t *pair) {
    char path[FILES_PATH_BYTES];
    json_t *endpoints = json_array();
    for (size_t i = 0; router_endpoint(self->router, i) != NULL; i++) {
        json_array_append_new(endpoints, json_string(router_endpoint(self->router, i)));
    }
    json_t *file = json_pack("{si so ss ss}", "pid", (int)getpid(), "endpoints", endpoints, "server_key",
                             pair->public_key, "version", DORAN_VERSION);
    CHECK(file != NULL, "out of memory");
    char *text = json_dumps(file, JSON_INDENT(2));
    CHECK(text != NULL, "out of memory");
    run_path(self, path);
    status_t status = files_write(path, 0600, text, strlen(text), self->error, sizeof self->error);
    free(text);
    json_decref(file);
    return status;
}

static void say_ready(const server_t *self) {
    printf("ready");
    for (size_t i = 0; router_endpoint(self->router, i) != NULL; i++) {
        printf(" %s", router_endpoint(self->router, i));
    }
    printf("\n");
    fflush(stdout);
    log_line(LOG_LEVEL_INFO, "ready at %s, version %s", router_endpoint(self->router, 0), DORAN_VERSION);
}

/* Cuts the text at commas, in place. */
static status_t split(server_t *self, char *text, const char *parts[LISTEN_MAX], size_t *count) {
    for (*count = 0; text != NULL; parts[(*count)++] = strsep(&text, ",")) {
        if (*count == LISTEN_MAX) {
            return files_fail(self->error, sizeof self->error, "--listen names more than %d endpoints", LISTEN_MAX);
        }
    }
    return STATUS_OK;
}

static status_t start_zap(server_t *self) {
    keys_t *keys;
    zap_options_t options = {.handshakes_per_key_per_s = (uint32_t)self->settings.handshakes_per_key_per_s};
    status_t status = keys_load(self->folder.path, &keys, self->error, sizeof self->error);
    if (status == STATUS_OK) {
        options.keys = keys;
        status = zap_start(&options, &self->zap, self->error, sizeof self->error);
    }
    return status;
}

static status_t start_router(server_t *self, const key_pair_t *pair) {
    const settings_t *settings = &self->settings;
    char run_dir[FILES_PATH_BYTES], *listen = strdup(self->arguments.listen);
    const char *parts[LISTEN_MAX];
    CHECK(listen != NULL, "out of memory");
    snprintf(run_dir, sizeof run_dir, "%s/run", self->folder.path);
    router_options_t options = {.broker = {.shards = (uint16_t)settings_shards(settings),
                                           .peers_max = (uint32_t)settings->peers_max,
                                           .in_flight_max = (uint32_t)settings->in_flight_max,
                                           .peer_in_flight_max = (uint32_t)settings->peer_in_flight_max,
                                           .message_bytes_max = (uint32_t)settings->message_bytes_max,
                                           .peer_queue_bytes_max = (uint32_t)settings->peer_queue_bytes_max,
                                           .request_timeout_ms = (uint32_t)settings->request_timeout_ms,
                                           .heartbeat_ms = (uint32_t)settings->heartbeat_ms,
                                           .peer_idle_ms = (uint32_t)settings->peer_idle_ms,
                                           .session_ms = settings->session_ms,
                                           .handles_max = (uint32_t)settings->handles_max,
                                           .peer_handles_max = (uint32_t)settings->peer_handles_max,
                                           .subscriptions_max = (uint32_t)settings->subscriptions_max,
                                           .peer_subscriptions_max = (uint32_t)settings->peer_subscriptions_max},
                                .run_dir = run_dir,
                                .listen = parts,
                                .server = pair};
    status_t status = split(self, listen, parts, &options.listen_count);
    if (status == STATUS_OK) {
        status = keys_read_secret(self->folder.path, options.broker.folder_secret, self->error, sizeof self->error);
    }
    if (status == STATUS_OK) {
        status = keys_load(self->folder.path, &options.broker.keys, self->error, sizeof self->error);
    }
    if (status == STATUS_OK) {
        status = router_start(&options, &self->router, self->error, sizeof self->error);
    }
    explicit_bzero(options.broker.folder_secret, sizeof options.broker.folder_secret);
    free(listen);
    return status;
}

static status_t start_ring(server_t *self) {
    const settings_t *settings = &self->settings;
    uint16_t shards = (uint16_t)settings_shards(settings);
    uint8_t secret[FOLDER_SECRET_BYTES];
    status_t status = keys_read_secret(self->folder.path, secret, self->error, sizeof self->error);
    if (status != STATUS_OK) {
        return status;
    }
    ring_options_t options = {.shards = shards,
                              .shard = {.resident_actors_max = (uint32_t)(settings->resident_actors_max / shards),
                                        .idle_ms = (uint32_t)settings->idle_ms,
                                        /* The applier starts at the bound; writes are refused at twice that. */
                                        .memtable_bytes_max = 2 * settings->memtable_bytes_max / shards,
                                        .session_ms = settings->session_ms,
                                        .settings = settings,
                                        .outbox_messages_max = (uint32_t)settings->outbox_messages_max},
                              .applier = {.journal_dir = self->folder.journal_path,
                                          .memtable_bytes_max = settings->memtable_bytes_max,
                                          .journal_tail_bytes_max = settings->journal_tail_bytes_max,
                                          .slice_records = settings->apply_slice_records},
                              .segment_bytes = settings->segment_bytes,
                              .apply_after_ms = settings->apply_after_ms,
                              .folder = self->folder.path,
                              .store = self->folder.store,
                              .journal = self->folder.journal,
                              .segments = self->folder.segments};
    keys_derive(secret, "doran keyed hash", options.shard.hash_key, sizeof options.shard.hash_key);
    explicit_bzero(secret, sizeof secret);
    self->ring = ring_new(&options);
    explicit_bzero(options.shard.hash_key, sizeof options.shard.hash_key);
    self->folder.store = NULL; /* the ring's now */
    self->folder.journal = NULL;
    self->folder.segments = NULL;
    return STATUS_OK;
}

static status_t start(server_t *self) {
    key_pair_t pair;
    char path[FILES_PATH_BYTES];
    size_t bytes = sizeof self->error;
    status_t status = folder_lock(&self->folder, self->arguments.data, self->arguments.standby, self->error, bytes);
    if (status != STATUS_OK) {
        return status;
    }
    take_signals(self); /* not before: a server that stands by ends at once when it is told to */
    log_open(self->folder.path);
    watch_pages(self);
    run_path(self, path);
    unlink(path); /* of a server that was killed */
    status = keys_prepare(self->folder.path, self->error, bytes);
    if (status == STATUS_OK) {
        status = keys_read_pair(self->folder.path, "server", &pair, self->error, bytes);
    }
    if (status == STATUS_OK) {
        status = folder_recover(&self->folder, &self->settings, self->error, bytes);
    }
    if (status != STATUS_OK) {
        return status;
    }
    watch_keys(self); /* before the keys are read, so that no change of them is missed */
    router_prepare();
    status = start_ring(self);
    if (status == STATUS_OK) {
        status = start_zap(self);
    }
    if (status == STATUS_OK) {
        status = start_router(self, &pair);
    }
    if (status == STATUS_OK) {
        first_admin_provide(self->router, self->folder.path);
        status = announce(self, &pair);
    }
    return status;
}

/* The allow-list goes to both who ask it: at the handshake, and for the rights of peers that are in already. */
static void reload_keys(server_t *self) {
    keys_t *for_zap = NULL, *for_router = NULL;
    if (keys_load(self->folder.path, &for_zap, self->error, sizeof self->error) != STATUS_OK ||
        keys_load(self->folder.path, &for_router, self->error, sizeof self->error) != STATUS_OK) {
        keys_destroy(&for_zap);
        log_line(LOG_LEVEL_ERROR, "the allowed keys stay as they were: %s", self->error);
        return;
    }
    log_line(LOG_LEVEL_INFO, "%zu keys are allowed", keys_count(for_zap));
    zap_set_keys(self->zap, for_zap);
    router_set_keys(self->router, for_router);
}

/* True: stop. */
static bool take_signal(server_t *self) {
    struct signalfd_siginfo info;
    if (read(self->signals, &info, sizeof info) != sizeof info) {
        return false;
    }
    if (info.ssi_signo == SIGHUP) {
        reload_keys(self);
        return false;
    }
    log_line(LOG_LEVEL_INFO, "stopping on signal %u", info.ssi_signo);
    return true;
}

static void wait_for_signal(server_t *self) {
    char events[4096];
    zmq_pollitem_t items[] = {{.fd = self->signals, .events = ZMQ_POLLIN},
                              {.fd = self->keys_watch, .events = ZMQ_POLLIN}};
    for (bool stop = false; !stop;) {
        int count = zmq_poll(items, self->keys_watch < 0 ? 1 : 2, -1);
        if (count > 0 && (items[1].revents & ZMQ_POLLIN) != 0) {
            while (read(self->keys_watch, events, sizeof events) > 0) {
            }
            reload_keys(self);
        }
        if (count > 0 && (items[0].revents & ZMQ_POLLIN) != 0) {
            stop = take_signal(self);
        }
    }
}

static void stop(server_t *self) {
    char path[FILES_PATH_BYTES];
    if (self->router != NULL) {
        router_stop(self->router);
    }
    ring_destroy(&self->ring);
    router_destroy(&self->router);
    zap_stop(&self->zap);
    if (self->folder.lock >= 0) {
        run_path(self, path);
        unlink(path);
        log_line(LOG_LEVEL_INFO, "stopped");
    }
    folder_close(&self->folder);
}

int main(int count, char **values) {
    server_t self = {.folder = {.lock = -1}, .signals = -1, .keys_watch = -1};
    int code = arguments_parse(&self.arguments, count, values);
    if (code >= 0) {
        return code;
    }
    code = load_settings(&self);
    if (code >= 0) {
        return code;
    }
    if (start(&self) != STATUS_OK) {
        code = cannot_start(&self);
        stop(&self);
        return code;
    }
    page_failed_code = EXIT_DISK;
    say_ready(&self);
    wait_for_signal(&self);
    stop(&self);
    return EXIT_STOPPED;
}
