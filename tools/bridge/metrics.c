/* SPDX-License-Identifier: MIT */
/* One row for each route, and one for what fits none. */
#include "tools/bridge/metrics.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "schemas/histogram.h"
#include "tools/bridge/live.h"

enum { STATUSES = 600 };

typedef struct row {
    uint64_t statuses[STATUSES];
    histogram_t durations;
} row_t;

struct metrics {
    time_t started;
    row_t *rows[]; /* routes_count, then that of none; NULL: nobody asked yet */
};

metrics_t *metrics_new(void) {
    metrics_t *self = calloc(1, sizeof *self + (routes_count + 1) * sizeof(row_t *));
    CHECK(self != NULL, "out of memory");
    self->started = time(NULL);
    return self;
}

void metrics_destroy(metrics_t **self_p) {
    metrics_t *self = *self_p;
    *self_p = NULL;
    for (uint32_t i = 0; self != NULL && i <= routes_count; i++) {
        free(self->rows[i]);
    }
    free(self);
}

void metrics_count(metrics_t *self, const route_t *route, int status, uint64_t duration_us) {
    row_t **row = &self->rows[route != NULL ? (size_t)(route - routes) : routes_count];
    CHECK(status > 0 && status < STATUSES, "status %d", status);
    if (*row == NULL) {
        *row = calloc(1, sizeof **row);
        CHECK(*row != NULL, "out of memory");
    }
    (*row)->statuses[status]++;
    histogram_record(&(*row)->durations, duration_us);
}

static const char *name_of(uint32_t row) {
    return row < routes_count ? routes[row].name : "none";
}

static void head(struct evbuffer *to, const char *name, const char *type, const char *text) {
    evbuffer_add_printf(to, "# HELP doran_bridge_%s %s\n# TYPE doran_bridge_%s %s\n", name, text, name, type);
}

static void print_requests(const metrics_t *self, struct evbuffer *to) {
    head(to, "requests_total", "counter", "Requests that were answered.");
    for (uint32_t i = 0; i <= routes_count; i++) {
        for (uint32_t status = 0; self->rows[i] != NULL && status < STATUSES; status++) {
            if (self->rows[i]->statuses[status] > 0) {
                evbuffer_add_printf(to, "doran_bridge_requests_total{route=\"%s\",status=\"%u\"} %llu\n", name_of(i),
                                    status, (unsigned long long)self->rows[i]->statuses[status]);
            }
        }
    }
}

static void print_durations(const metrics_t *self, struct evbuffer *to) {
    static const uint64_t bounds_us[] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                         100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
    head(to, "request_seconds", "histogram", "From a whole request to its answer.");
    for (uint32_t i = 0; i <= routes_count; i++) {
        const row_t *row = self->rows[i];
        for (size_t at = 0; row != NULL && at < ARRAY_LENGTH(bounds_us); at++) {
            evbuffer_add_printf(to, "doran_bridge_request_seconds_bucket{route=\"%s\",le=\"%g\"} %llu\n", name_of(i),
                                (double)bounds_us[at] / 1e6,
                                (unsigned long long)histogram_up_to(&row->durations, bounds_us[at]));
        }
        if (row != NULL) {
            evbuffer_add_printf(to,
                                "doran_bridge_request_seconds_bucket{route=\"%s\",le=\"+Inf\"} %llu\n"
                                "doran_bridge_request_seconds_sum{route=\"%s\"} %.6f\n"
                                "doran_bridge_request_seconds_count{route=\"%s\"} %llu\n",
                                name_of(i), (unsigned long long)row->durations.count, name_of(i),
                                (double)row->durations.sum / 1e6, name_of(i), (unsigned long long)row->durations.count);
        }
    }
}

static void print(struct evbuffer *to, const char *name, const char *type, const char *text, double value) {
    head(to, name, type, text);
    evbuffer_add_printf(to, "doran_bridge_%s %.15g\n", name, value);
}

static void print_connections(const bridge_t *bridge, struct evbuffer *to) {
    http_counts_t counts = http_counts(bridge->http);
    print(to, "connections", "gauge", "HTTP connections.", counts.connections);
    print(to, "connections_total", "counter", "HTTP connections accepted.", (double)counts.accepted);
    print(to, "connections_refused_total", "counter", "Of them, past a bound.", (double)counts.refused_connections);
    print(to, "malformed_total", "counter", "What was refused since it was no request.",
          (double)counts.refused_requests);
    print(to, "timeouts_total", "counter", "Connections that were too slow, or idle.", (double)counts.timeouts);
    print(to, "sockets", "gauge", "Connections that stay: WebSockets and streams of events.", live_count(bridge->live));
    print(to, "in_flight", "gauge", "Requests not yet answered.", bridge->calls);
    print(to, "server_in_flight", "gauge", "Messages to the server not yet answered.", doran_in_flight(bridge->server));
    print(to, "server_ready", "gauge", "Whether the server answers.", doran_ready(bridge->server));
}

static uint32_t open_files(void) {
    DIR *folder = opendir("/proc/self/fd");
    uint32_t count = 0;
    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count > 3 ? count - 3 : 0; /* `.`, `..`, and the folder itself */
}

static double resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    char line[128] = "", *second = line;
    if (file != NULL) {
        second = fgets(line, sizeof line, file) != NULL ? line + strcspn(line, " ") : line;
        fclose(file);
    }
    return (double)strtoull(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

/* Under the names that every Prometheus client gives them. */
static void print_process(const metrics_t *self, struct evbuffer *to) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    evbuffer_add_printf(to,
                        "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.3f\n"
                        "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %.0f\n"
                        "# TYPE process_open_fds gauge\nprocess_open_fds %u\n"
                        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %lld\n",
                        seconds, resident_bytes(), open_files(), (long long)self->started);
}

void metrics_print(const metrics_t *self, const bridge_t *bridge, struct evbuffer *to) {
    print_requests(self, to);
    print_durations(self, to);
    print_connections(bridge, to);
    print_process(self, to);
}
