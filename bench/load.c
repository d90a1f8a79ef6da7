/* SPDX-License-Identifier: MIT */
/*
 * Every worker goes through the same phases, and nobody enters one before all have left the one before; the main thread
 * takes part in the barrier, reads the server's figures at its ends and shows how far it is.
 *
 *   connect │ prepare │ measured │ judge │
 */
#include "bench/load.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/client/clock.h"

enum { PROGRESS_US = 500000, HEAD_START_US = 20000 };

typedef enum phase { CONNECT, PREPARE, MEASURED, JUDGE, PHASES } phase_t;

static const char *const phase_names[] = {"connect", "prepare", "measure", "judge"};

typedef struct crew {
    const workload_t *workload;
    const bench_options_t *options;
    const client_tuning_t *tuning;
    worker_t *workers;
    pthread_barrier_t begin, end;
    pass_t measured;
    _Atomic bool failed; /* a worker's problem ends all phases after this one */
    _Atomic uint32_t at_work;
} crew_t;

typedef struct crew_member {
    crew_t *crew;
    worker_t *worker;
    pthread_t thread;
} crew_member_t;

/* The part of --count that this worker has. */
static uint64_t count_of(const bench_options_t *options, uint32_t index) {
    if (options->count == 0) {
        return UINT64_MAX;
    }
    return options->count / options->clients + (index < options->count % options->clients);
}

static bool measure(const crew_t *crew, worker_t *worker) {
    pass_t pass = crew->measured;
    pass.count = count_of(crew->options, worker->index);
    return worker_pass(worker, &pass);
}

static bool run_phase(const crew_t *crew, worker_t *worker, phase_t phase) {
    switch (phase) {
    case CONNECT:
        return worker_init(worker, crew->options, crew->tuning, worker->index);
    case PREPARE:
        return crew->workload->prepare == NULL || crew->workload->prepare(worker);
    case MEASURED:
        return measure(crew, worker);
    case JUDGE:
        return crew->workload->judge == NULL || crew->workload->judge(worker);
    case PHASES:
        break;
    }
    return false;
}

static void *work(void *argument) {
    crew_member_t *member = argument;
    crew_t *crew = member->crew;
    for (phase_t phase = CONNECT; phase < PHASES; phase++) {
        pthread_barrier_wait(&crew->begin);
        if (!atomic_load(&crew->failed) && !run_phase(crew, member->worker, phase)) {
            atomic_store(&crew->failed, true);
        }
        atomic_fetch_sub(&crew->at_work, 1);
        pthread_barrier_wait(&crew->end);
    }
    return NULL;
}

/* Shows on a terminal how far it is; elsewhere nothing. */
static void progress_show(const char *what, double elapsed_s, uint64_t answers, double per_second) {
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%-8s %6.1f s %12llu %10.0f/s ", what, elapsed_s, (unsigned long long)answers, per_second);
        fflush(stderr);
    }
}

static void progress_clear(void) {
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%60s\r", "");
    }
}

static uint64_t answers_of(const crew_t *crew) {
    uint64_t answers = 0;
    for (uint32_t i = 0; i < crew->options->clients; i++) {
        answers += atomic_load_explicit(&crew->workers[i].answers, memory_order_relaxed);
    }
    return answers;
}

/* Until all workers have left the phase; each of them ends by itself. */
static void watch(crew_t *crew, phase_t phase) {
    uint64_t begin_us = clock_us(), shown_us = begin_us, shown = 0;
    while (atomic_load(&crew->at_work) > 0) {
        usleep(10000);
        uint64_t now_us = clock_us();
        if (now_us - shown_us >= PROGRESS_US && phase != CONNECT) {
            uint64_t answers = answers_of(crew);
            double rate = answers > shown ? (double)(answers - shown) * 1e6 / (double)(now_us - shown_us) : 0;
            progress_show(phase_names[phase], (double)(now_us - begin_us) / 1e6, answers, rate);
            shown_us = now_us;
            shown = answers;
        }
    }
}

static void plan_measured(crew_t *crew) {
    const bench_options_t *options = crew->options;
    uint64_t begin_us = clock_us() + HEAD_START_US; /* until all threads are there */
    crew->measured =
        (pass_t){.submit = crew->workload->submit,
                 .answered = crew->workload->answered,
                 .pending = crew->workload->pending,
                 .look = crew->workload->look,
                 .begin_us = begin_us,
                 .end_us = options->seconds > 0 ? begin_us + (uint64_t)(options->seconds * 1e6) : UINT64_MAX,
                 .rate = options->rate / options->clients,
                 .measured = true,
                 .listens = crew->workload->listens};
}

/* The clients are idle between the phases, so theirs may be used. */
static figures_t read_figures(const crew_t *crew) {
    return atomic_load(&crew->failed) ? (figures_t){0} : figures_read(crew->workers[0].client);
}

static void run_phases(crew_t *crew, result_t *result) {
    figures_t before = {0}, after = {0};
    for (phase_t phase = CONNECT; phase < PHASES; phase++) {
        if (phase == MEASURED) {
            before = read_figures(crew);
            plan_measured(crew);
        }
        atomic_store(&crew->at_work, crew->options->clients);
        pthread_barrier_wait(&crew->begin);
        watch(crew, phase);
        pthread_barrier_wait(&crew->end);
        if (phase == MEASURED) {
            after = read_figures(crew);
        }
    }
    progress_clear();
    result->server = figures_since(&before, &after);
}

static void sum_up(const crew_t *crew, result_t *result) {
    uint64_t last_us = crew->measured.begin_us;
    for (uint32_t i = 0; i < crew->options->clients; i++) {
        const worker_t *worker = &crew->workers[i];
        result->acknowledged += worker->acknowledged;
        result->delivered += worker->delivered;
        for (int code = 0; code < CODES; code++) {
            result->errors[code] += worker->errors[code];
        }
        histogram_merge(&result->latency, &worker->latency);
        verdict_add(&result->verdict, &worker->verdict);
        last_us = worker->last_us > last_us ? worker->last_us : last_us;
    }
    result->seconds = (double)(last_us - crew->measured.begin_us) / 1e6;
}

static void describe(const crew_t *crew, result_t *result) {
    const bench_options_t *options = crew->options;
    bool tcp = strncmp(doran_endpoint(crew->workers[0].client), "tcp://", 6) == 0;
    *result = (result_t){.workload = crew->workload->name,
                         .transport = tcp ? "tcp" : "ipc",
                         .curve = tcp,
                         .clients = options->clients,
                         .window = options->window,
                         .size = options->size,
                         .actors = options->actors,
                         .subscribers = options->subscribers,
                         .rate = options->rate,
                         .server = result->server};
}

static bool problem_of(const crew_t *crew, char *error, size_t error_bytes) {
    for (uint32_t i = 0; i < crew->options->clients; i++) {
        if (crew->workers[i].problem[0] != 0) {
            snprintf(error, error_bytes, "%s", crew->workers[i].problem);
            return true;
        }
    }
    return false;
}

bool load_run(const workload_t *workload, const bench_options_t *options, const client_tuning_t *tuning,
              result_t *result, char *error, size_t error_bytes) {
    uint32_t clients = options->clients;
    crew_t crew = {.workload = workload, .options = options, .tuning = tuning};
    crew_member_t *members = calloc(clients, sizeof *members);
    crew.workers = calloc(clients, sizeof *crew.workers);
    CHECK(members != NULL && crew.workers != NULL, "no memory");
    pthread_barrier_init(&crew.begin, NULL, clients + 1);
    pthread_barrier_init(&crew.end, NULL, clients + 1);
    for (uint32_t i = 0; i < clients; i++) {
        crew.workers[i].index = i;
        members[i] = (crew_member_t){.crew = &crew, .worker = &crew.workers[i]};
        int rc = pthread_create(&members[i].thread, NULL, work, &members[i]);
        CHECK(rc == 0, "no thread: %s", strerror(rc));
    }
    run_phases(&crew, result);
    for (uint32_t i = 0; i < clients; i++) {
        pthread_join(members[i].thread, NULL);
    }
    bool failed = problem_of(&crew, error, error_bytes);
    if (!failed) {
        describe(&crew, result);
        sum_up(&crew, result);
    }
    for (uint32_t i = 0; i < clients; i++) {
        if (workload->clean != NULL) {
            workload->clean(&crew.workers[i]);
        }
        worker_fini(&crew.workers[i]);
    }
    pthread_barrier_destroy(&crew.begin);
    pthread_barrier_destroy(&crew.end);
    free(crew.workers);
    free(members);
    return !failed;
}
