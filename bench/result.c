/* SPDX-License-Identifier: MIT */
/*
 * All names and values here are ours, so nothing needs escaping.
 */
#include "bench/result.h"

double result_per_second(const result_t *self) {
    return self->seconds > 0 ? (double)self->acknowledged / self->seconds : 0;
}

static unsigned long long percentile(const result_t *self, double part) {
    return histogram_percentile(&self->latency, part);
}

static double ratio_of(const result_t *self) {
    return self->limit > 0 ? result_per_second(self) / self->limit : 0;
}

static void print_errors(const result_t *self, FILE *out) {
    const char *separator = "";
    for (int code = 1; code < CODES; code++) {
        if (self->errors[code] > 0) {
            fprintf(out, "%s\"%s\":%llu", separator, doran_code_name((doran_code_t)code),
                    (unsigned long long)self->errors[code]);
            separator = ",";
        }
    }
}

static void print_server(const figures_t *server, FILE *out) {
    if (server->local) {
        fprintf(out, "\"cpu_s\":%.2f,\"rss_anon_kib\":%llu,", server->cpu_s, (unsigned long long)server->rss_anon_kib);
    } else {
        fprintf(out, "\"cpu_s\":null,\"rss_anon_kib\":null,");
    }
    if (server->known) {
        fprintf(out, "\"fdatasyncs\":%llu,\"sync_p99_us\":%llu", (unsigned long long)server->fdatasyncs,
                (unsigned long long)server->sync_p99_us);
    } else {
        fprintf(out, "\"fdatasyncs\":null,\"sync_p99_us\":null");
    }
}

static void print_verdict(const verdict_t *verdict, FILE *out) {
    fprintf(out, "\"ok\":%s,\"lost\":%llu,\"doubled\":%llu,\"reordered\":%llu,\"gaps\":%llu,\"oversold\":%llu",
            verdict_ok(verdict) ? "true" : "false", (unsigned long long)verdict->lost,
            (unsigned long long)verdict->doubled, (unsigned long long)verdict->reordered,
            (unsigned long long)verdict->gaps, (unsigned long long)verdict->oversold);
}

void result_print_json(const result_t *self, FILE *out) {
    fprintf(out, "{\"workload\":\"%s\",\"transport\":\"%s\",\"curve\":%s,", self->workload, self->transport,
            self->curve ? "true" : "false");
    fprintf(out, "\"clients\":%u,\"window\":%u,\"rate\":%.10g,\"size\":%u,\"actors\":%u,", self->clients, self->window,
            self->rate, self->size, self->actors);
    if (self->subscribers > 0) {
        fprintf(out, "\"subscribers\":%u,\"delivered\":%llu,", self->subscribers, (unsigned long long)self->delivered);
    }
    fprintf(out, "\"seconds\":%.3f,\"acknowledged\":%llu,\"errors\":{", self->seconds,
            (unsigned long long)self->acknowledged);
    print_errors(self, out);
    fprintf(out, "},\"per_second\":%.1f,", result_per_second(self));
    fprintf(out, "\"latency_us\":{\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"p999\":%llu,\"max\":%llu},",
            percentile(self, 0.5), percentile(self, 0.9), percentile(self, 0.99), percentile(self, 0.999),
            (unsigned long long)self->latency.max);
    fprintf(out, "\"server\":{");
    print_server(&self->server, out);
    fprintf(out, "},\"verdict\":{");
    print_verdict(&self->verdict, out);
    fprintf(out, "}");
    if (self->has_limit) {
        fprintf(out, ",\"limit\":%.1f,", self->limit);
        if (self->has_ratio) {
            fprintf(out, "\"ratio\":%.3f", ratio_of(self));
        } else {
            fprintf(out, "\"ratio\":null");
        }
    }
    fprintf(out, "}");
}

static void print_text_server(const result_t *self, FILE *out) {
    const figures_t *server = &self->server;
    if (server->known) {
        fprintf(out, "  server     %llu fdatasyncs, 99 %% of them under %llu us",
                (unsigned long long)server->fdatasyncs, (unsigned long long)server->sync_p99_us);
        if (server->local) {
            fprintf(out, "; %.2f s of processor time, %llu KiB of memory of its own", server->cpu_s,
                    (unsigned long long)server->rss_anon_kib);
        }
        fprintf(out, "\n");
    }
}

void result_print_text(const result_t *self, FILE *out) {
    fprintf(out, "%s over %s%s: %u clients, %u in flight, %u bytes\n", self->workload, self->transport,
            self->curve ? " with CURVE" : "", self->clients, self->window, self->size);
    fprintf(out, "  answered   %llu in %.2f s: %.0f a second\n", (unsigned long long)self->acknowledged, self->seconds,
            result_per_second(self));
    if (self->subscribers > 0) {
        fprintf(out, "  delivered  %llu to %u subscribers of each of %u rooms\n", (unsigned long long)self->delivered,
                self->subscribers, self->actors);
    }
    fprintf(out, "  latency    p50 %llu us, p90 %llu us, p99 %llu us, p99.9 %llu us, max %llu us\n",
            percentile(self, 0.5), percentile(self, 0.9), percentile(self, 0.99), percentile(self, 0.999),
            (unsigned long long)self->latency.max);
    for (int code = 1; code < CODES; code++) {
        if (self->errors[code] > 0) {
            fprintf(out, "  error      %llu times %s\n", (unsigned long long)self->errors[code],
                    doran_code_name((doran_code_t)code));
        }
    }
    print_text_server(self, out);
    if (self->has_limit) {
        fprintf(out, "  limit      %.0f a second without the server", self->limit);
        fprintf(out, self->has_ratio ? "; the server reaches %.0f %%\n" : "\n", 100 * ratio_of(self));
    }
    const verdict_t *verdict = &self->verdict;
    if (verdict_ok(verdict)) {
        fprintf(out, "  verdict    ok\n");
    } else {
        fprintf(out, "  verdict    WRONG: %llu lost, %llu doubled, %llu reordered, %llu gaps, %llu oversold\n",
                (unsigned long long)verdict->lost, (unsigned long long)verdict->doubled,
                (unsigned long long)verdict->reordered, (unsigned long long)verdict->gaps,
                (unsigned long long)verdict->oversold);
    }
}
