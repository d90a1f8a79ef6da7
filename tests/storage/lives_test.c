/* SPDX-License-Identifier: MIT */
/*
 * Random lives of everything below the actors: journal, segments, applier, store, and the memtables and views of two
 * shards. Each life is a process that recovers, compares all that it reads with a model, works, and dies inside some
 * write or sync. The model lies in memory that lives share: what was acknowledged, and what was being appended, which
 * may have become durable or not, but only as a whole.
 */
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "storage/applier.h"
#include "storage/segments.h"
#include "storage/view.h"
#include "tests/storage/faults.h"
#include "tests/storage/random.h"
#include "tests/storage/scratch.h"

enum {
    LIVES = 150,
    SHARDS = 2,
    KEYS = 300,   /* key i belongs to shard i modulo SHARDS */
    ROWS = 10000, /* behind them short-lived rows: put fresh, dropped soon, each once */
    TURNS_MAX = 400,
    CALLS_MAX = 800, /* before death */
    SLICE_RECORDS = 25,
    SEGMENT_BYTES = 64 << 10,
    TAIL_BYTES_MAX = 48 << 10,
    MAP_BYTES = 64 << 20,
};

typedef struct model { /* number of the write that each key holds; 0: none */
    uint32_t acknowledged[KEYS + ROWS], appended[KEYS + ROWS];
    bool appending;
    size_t rows; /* put so far */
    uint32_t last_write;
    unsigned lives_that_recovered, rounds, turns;
} model_t;

static model_t *model;
static random_state_t chance;
static scratch_t store_folder, journal_folder;
static store_t *store;
static journal_t *journal;
static segments_t *segments;
static applier_t *applier;
static batch_t *batch;

static struct shard {
    view_t view;
    uint64_t number; /* of its last batch */
} shards[SHARDS];

/* A life is a child: it says what is wrong and ends with another status than death by fault. */
#define EXPECT(condition) CHECK(condition, "in life %u", model->lives_that_recovered)
#define OK(call) EXPECT((call) == STATUS_OK)

static span_t key_of(size_t i) {
    static char keys[KEYS + ROWS][16];
    char class = i < KEYS ? 'k' : 'r';
    return span_of(keys[i], (size_t)snprintf(keys[i], sizeof(keys[i]), "%c%c%05zu", (char)(i % SHARDS), class, i));
}

/* Up to 900 bytes, all told by the number. */
static span_t value_of(uint32_t write) {
    static uint8_t bytes[1000];
    if (write == 0)
        return (span_t){0};
    memset(bytes, (int)(write % 251), sizeof(bytes));
    memcpy(bytes, &write, sizeof(write));
    return span_of(bytes, sizeof(write) + write * 7919u % 900);
}

static bool reads(size_t i, uint32_t write) {
    span_t found, expected = value_of(write);
    OK(view_get(&shards[i % SHARDS].view, key_of(i), &found));
    return (found.ptr == NULL) == (expected.ptr == NULL) && span_equal(found, expected);
}

static bool all_read(const uint32_t *writes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!reads(i, writes[i]))
            return false;
    return true;
}

/* Keys of one shard in [from, to), by a walk, against the model. */
static void compare_range(const uint32_t *writes, size_t shard, size_t from, size_t to) {
    view_walk_t walk;
    size_t first = from / SHARDS * SHARDS + shard, last = to < KEYS ? to / SHARDS * SHARDS + shard : KEYS;
    uint8_t behind[] = {(uint8_t)shard, 'k' + 1};
    span_t key, value, end = to < KEYS ? key_of(last) : span_of(behind, sizeof(behind));
    view_walk_start(&walk, &shards[shard].view, key_of(first), end);
    for (size_t i = first; i < last; i += SHARDS) {
        if (writes[i] == 0)
            continue;
        EXPECT(view_walk_next(&walk, &key, &value));
        EXPECT(span_equal(key, key_of(i)) && span_equal(value, value_of(writes[i])));
    }
    EXPECT(!view_walk_next(&walk, &key, &value));
}

static void renew(size_t shard) {
    uint64_t applied;
    OK(store_reader_renew(shards[shard].view.reader, (uint16_t)shard, &applied));
    memtable_forget(shards[shard].view.memtable, applied);
    memtable_check(shards[shard].view.memtable);
}

static void start(void) {
    char error[256] = "";
    status_t status = store_open(store_folder.path, MAP_BYTES, &store, error, sizeof(error));
    CHECK(status == STATUS_OK, "%s", error);
    store_meta_t meta = store_meta(store);
    recovery_t *recovery = recovery_new();
    status = journal_open(journal_folder.path, meta.folder_id, meta.position, meta.generation, SEGMENT_BYTES,
                          recovery_visit, recovery, &journal, error, sizeof(error));
    CHECK(status == STATUS_OK, "%s", error);
    OK(recovery_apply(recovery, store, journal_position(journal), journal_generation(journal)));
    recovery_destroy(&recovery);
    OK(segments_open(journal_folder.path, meta.folder_id, SEGMENT_BYTES, &segments, error, sizeof(error)));
    applier_options_t options = {
        .journal_dir = journal_folder.path,
        .memtable_bytes_max = 1 << 20,
        .journal_tail_bytes_max = TAIL_BYTES_MAX,
        .slice_records = SLICE_RECORDS,
    };
    applier = applier_new(store, &options);
    batch = batch_new(0);
    for (size_t i = 0; i < SHARDS; i++) {
        OK(store_reader_open(store, &shards[i].view.reader));
        shards[i].view.memtable = memtable_new();
        renew(i);
    }
}

static void stop(void) {
    applier_destroy(&applier);
    for (size_t i = 0; i < SHARDS; i++) {
        memtable_destroy(&shards[i].view.memtable);
        store_reader_close(&shards[i].view.reader);
    }
    batch_destroy(&batch);
    segments_destroy(&segments);
    journal_destroy(&journal);
    store_destroy(&store);
}

static void no_difference(void *context, span_t prefix, uint64_t counted, uint64_t found) {
    (void)context;
    (void)prefix;
    CHECK(false, "counted %d, found %d", (int)counted, (int)found);
}

/* Exactly what was acknowledged is there, and of what was being appended all or nothing. */
static void compare_recovered(void) {
    uint64_t differing;
    OK(store_verify(shards[0].view.reader, no_difference, NULL, &differing));
    size_t count = KEYS + model->rows;
    if (model->appending && all_read(model->appended, count))
        memcpy(model->acknowledged, model->appended, sizeof(model->appended));
    model->appending = false;
    EXPECT(all_read(model->acknowledged, count));
    model->lives_that_recovered += 1;
}

static void write_one(size_t shard, size_t i, uint32_t write) {
    span_t value = value_of(write);
    memtable_put(shards[shard].view.memtable, key_of(i), value, shards[shard].number + 1);
    if (value.ptr == NULL)
        batch_delete(batch, key_of(i));
    else
        batch_put(batch, key_of(i), value);
    model->appended[i] = write;
}

/* A turn that fails has written nothing; here into the memtable only, as a turn does before it is known to stand. */
static void turn(size_t shard) {
    memtable_t *memtable = shards[shard].view.memtable;
    bool fails = random_below(&chance, 4) == 0;
    memtable_mark(memtable);
    for (size_t writes = 1 + random_below(&chance, 8); writes > 0; writes--) {
        size_t i = random_below(&chance, KEYS / SHARDS) * SHARDS + shard;
        uint32_t write = random_below(&chance, 4) == 0 ? 0 : ++model->last_write;
        if (fails)
            memtable_put(memtable, key_of(i), value_of(write), shards[shard].number + 1);
        else
            write_one(shard, i, write);
    }
    if (fails)
        memtable_rollback(memtable);
    model->turns += 1;
}

static void put_row(size_t shard) {
    size_t i = KEYS + model->rows;
    if (i % SHARDS != shard || model->rows == ROWS)
        return;
    model->rows += 1;
    model->appended[i] = ++model->last_write;
    memtable_put_fresh(shards[shard].view.memtable, key_of(i), value_of(model->last_write), shards[shard].number + 1);
    batch_put_fresh(batch, key_of(i), value_of(model->last_write));
}

/* One of the last rows, if it is still there. */
static void drop_row(size_t shard) {
    size_t back = 1 + random_below(&chance, 100);
    size_t i = KEYS + model->rows - back;
    if (back > model->rows || i % SHARDS != shard || model->appended[i] == 0)
        return;
    model->appended[i] = 0;
    batch_delete(batch, key_of(i));
    if (!memtable_remove_fresh(shards[shard].view.memtable, key_of(i)))
        memtable_put(shards[shard].view.memtable, key_of(i), (span_t){0}, shards[shard].number + 1);
}

static void keep_room(void) {
    while (journal_room(journal) < journal_batch_bytes(batch)) {
        uint64_t from, bytes;
        int fd;
        OK(segments_prepare(segments, &from, &bytes, &fd));
        journal_add_segment(journal, from, bytes, fd);
    }
}

static void work(size_t shard) {
    renew(shard);
    batch_reset(batch);
    batch->shard = (uint16_t)shard;
    memcpy(model->appended, model->acknowledged, sizeof(model->appended));
    for (size_t turns = random_below(&chance, 5); turns > 0; turns--)
        turn(shard);
    for (size_t rows = random_below(&chance, 4); rows > 0; rows--)
        put_row(shard);
    for (size_t rows = random_below(&chance, 8); rows > 0; rows--)
        drop_row(shard);
    if (batch->record_count == 0)
        return;
    batch->number = ++shards[shard].number;
    keep_room();
    model->appending = true;
    OK(journal_append(journal, &batch, 1));
    memcpy(model->acknowledged, model->appended, sizeof(model->appended));
    model->appending = false;
}

static void apply(void) {
    uint64_t before = applier_applied(applier);
    applier_told(applier, journal_position(journal), journal_generation(journal), 0);
    if (!applier_due(applier))
        return;
    OK(applier_step(applier));
    if (applier_applied(applier) == before)
        return;
    OK(segments_release(segments, applier_applied(applier)));
    model->rounds += 1;
}

static void live(void) {
    start();
    compare_recovered();
    for (size_t n = random_below(&chance, TURNS_MAX); n > 0; n--) {
        size_t shard = random_below(&chance, SHARDS);
        work(shard);
        if (random_below(&chance, 2) == 0)
            apply();
        size_t from = random_below(&chance, KEYS), to = random_below(&chance, KEYS + 50);
        compare_range(model->acknowledged, shard, from, to > from ? to : KEYS);
    }
    EXPECT(all_read(model->acknowledged, KEYS)); /* a dropped row may be met until it is applied */
    if (random_below(&chance, 2) == 0)
        OK(journal_close_header(journal));
    stop();
}

/* 0 or DEATH, else the life found something wrong. */
static int run_life(void) {
    fflush(stderr);
    long calls = random_below(&chance, 4) == 0 ? -1 : (long)random_below(&chance, CALLS_MAX);
    uint64_t seed = random_next(&chance);
    pid_t child = fork();
    if (child == 0) {
        chance.word = seed;
        calls_before_death = calls;
        live();
        _exit(0);
    }
    int how = 0;
    waitpid(child, &how, 0);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 255;
}

Test(lives, what_was_acknowledged_is_read_in_every_life) {
    chance = random_start("lives");
    store_folder = scratch_new();
    journal_folder = scratch_new();
    model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(model, MAP_FAILED);
    unsigned deaths = 0;
    for (int n = 0; n < LIVES; n++) {
        int status = run_life();
        cr_assert(status == 0 || status == DEATH, "life %d ended with %d", n, status);
        deaths += status == DEATH;
    }
    fprintf(stderr, "lives: %u died, %u recovered, %u turns, %zu rows, %u rounds\n", deaths,
            model->lives_that_recovered, model->turns, model->rows, model->rounds);
    cr_assert_gt(deaths, 0);
    cr_assert_gt(model->rounds, 0);
    munmap(model, sizeof(*model));
    scratch_remove(&store_folder);
    scratch_remove(&journal_folder);
}
