/* SPDX-License-Identifier: MIT */
/* The ring's threads, started against the direction of the data and stopped with it. */
#include "broker/ring.h"

#include <czmq.h>
#include <stdarg.h>

#include "broker/log.h"
#include "broker/pipe.h"

struct ring {
    ring_options_t options;
    applier_t *applier;
    zactor_t *shard_actors[SHARDS_MAX], *journal_actor, *applier_actor, *work_actors[WORK_POOLS];
    shard_thread_t shard_threads[SHARDS_MAX];
    journal_thread_t journal_thread;
    applier_thread_t applier_thread;
    work_thread_t work_threads[WORK_POOLS];
};

/* Room ahead of the journal: a segment, or two maximal batches where segments are smaller. */
static uint64_t room_wanted(const ring_options_t *options) {
    uint64_t batches = 2 * (uint64_t)BATCH_RECORDS_BYTES;
    return options->segment_bytes > batches ? options->segment_bytes : batches;
}

static void destroy_batches(ring_t *self) {
    for (uint16_t i = 0; i < self->options.shards; i++) {
        for (size_t k = 0; k < BATCHES_PER_SHARD; k++) {
            batch_destroy(&self->shard_threads[i].batches[k]);
        }
    }
}

/* A log that came from another folder is another log. */
static uint64_t log_epoch_of(const store_meta_t *meta) {
    enum { EPOCH_BYTES = 6 }; /* every language's numbers can hold it */
    uint64_t epoch = 0;
    for (int i = 0; i < EPOCH_BYTES; i++) {
        epoch = epoch << 8 | meta->folder_id[i];
    }
    return epoch;
}

static void start_shards(ring_t *self) {
    store_meta_t meta = store_meta(self->options.store);
    memcpy(self->options.shard.folder, meta.folder_id, sizeof self->options.shard.folder);
    self->options.shard.log_epoch = log_epoch_of(&meta);
    for (uint16_t i = 0; i < self->options.shards; i++) {
        shard_thread_t *thread = &self->shard_threads[i];
        thread->store = self->options.store;
        thread->options = self->options.shard;
        thread->options.id = i;
        thread->options.count = self->options.shards;
        for (size_t k = 0; k < BATCHES_PER_SHARD; k++) {
            thread->batches[k] = batch_new(i);
        }
        self->shard_actors[i] = zactor_new(shard_thread_run, thread);
    }
}

static void start_works(ring_t *self) {
    const ring_options_t *options = &self->options;
    for (work_pool_t pool = 0; pool < WORK_POOLS; pool++) {
        self->work_threads[pool] = (work_thread_t){.pool = pool,
                                                   .store = options->store,
                                                   .folder = options->folder,
                                                   .works = options->works != NULL ? options->works : works};
        self->work_actors[pool] = zactor_new(work_thread_run, &self->work_threads[pool]);
    }
}

ring_t *ring_new(const ring_options_t *options) {
    ring_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->applier = applier_new(options->store, &options->applier);
    self->applier_thread = (applier_thread_t){.applier = self->applier,
                                              .segments = options->segments,
                                              .room_wanted = room_wanted(options),
                                              .receiver = pipe_receiver(RING_TO_APPLIER)};
    self->applier_actor = zactor_new(applier_thread_run, &self->applier_thread);
    self->journal_thread = (journal_thread_t){.journal = options->journal,
                                              .shards = options->shards,
                                              .room_wanted = room_wanted(options),
                                              .memtable_bytes_max = options->applier.memtable_bytes_max,
                                              .journal_tail_bytes_max = options->applier.journal_tail_bytes_max,
                                              .apply_after_ms = options->apply_after_ms,
                                              .applied = applier_applied(self->applier)};
    self->journal_actor = zactor_new(journal_thread_run, &self->journal_thread);
    start_shards(self);
    start_works(self);
    return self;
}

/* Journal and applier send to one another: who receives must outlive who sends, so the applier goes first, but for the
   end of its pipe. */
static void stop_journal_and_applier(ring_t *self) {
    pipe_message_t message;
    zactor_destroy(&self->applier_actor);
    zactor_destroy(&self->journal_actor);
    while (pipe_receive(self->applier_thread.receiver, &message)) {
        free(message.pointer);
    }
    pipe_close(&self->applier_thread.receiver);
}

void ring_destroy(ring_t **self_p) {
    ring_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (work_pool_t pool = 0; pool < WORK_POOLS; pool++) {
        zactor_destroy(&self->work_actors[pool]);
    }
    for (uint16_t i = 0; i < self->options.shards; i++) {
        zactor_destroy(&self->shard_actors[i]);
    }
    stop_journal_and_applier(self);
    destroy_batches(self);
    applier_destroy(&self->applier);
    journal_destroy(&self->options.journal);
    segments_destroy(&self->options.segments);
    store_destroy(&self->options.store);
    free(self);
    *self_p = NULL;
}

_Noreturn void ring_failed(const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fprintf(stderr, "dorand: stopped: %s\n", sentence);
    log_line(LOG_LEVEL_ERROR, "stopped: %s", sentence);
    _exit(3);
}
