/* SPDX-License-Identifier: MIT */
/*
 * Actor by actor: the operations of one stand together in the order in which they were sent, and every rule is one walk
 * over them.
 *
 * check_order asks, for each answered request a, for the least version that any request sent after a's answer admits
 * before itself: a read admits what it saw, a write the version before the one it made. Since the requests stand in the
 * order of sending, that is the least of a tail of the array, computed from its end:
 *
 *   sent:      a ........ b  c  d           least(b) = min(bound(b), bound(c), bound(d))
 *   answered:       a |                     first sent after it: b
 */
#include "tests/crash/checker.h"

#include <inttypes.h>
#include <stdarg.h>

#define NO_BOUND UINT64_MAX

typedef struct checker {
    const history_t *history;
    verdict_t verdict;
    checker_report_fn report;
    void *context;
    uint32_t *sorted; /* operations by actor, then as they were sent */
    bool *wrong;      /* per operation: reported already, its effect is not to be built on */
    uint64_t *stands; /* per operation: the version at which a read found its value, 0: none did */
    uint64_t *newest; /* per actor: the highest version that is certain */
    uint64_t *least;  /* of the actor under check: the least bound from here on */
    uint32_t *writes; /* of the actor under check, in some order */
    size_t write_count;
} checker_t;

typedef struct group { /* the operations of one actor */
    const uint32_t *operations;
    size_t count;
    uint32_t actor;
} group_t;

/* Reporting */

typedef struct text {
    char bytes[512];
    size_t len;
} text_t;

PRINTF_LIKE(2, 3) static void text_add(text_t *self, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(self->bytes + self->len, sizeof self->bytes - self->len, format, arguments);
    va_end(arguments);
    self->len += len > 0 ? (size_t)len : 0;
    self->len = self->len < sizeof self->bytes ? self->len : sizeof self->bytes - 1;
}

static const operation_t *operation_at(const checker_t *self, uint32_t index) {
    return &self->history->operations[index];
}

static const char *type_name(operation_type_t type) {
    switch (type) {
    case OPERATION_CREATE:
        return "create";
    case OPERATION_UPDATE:
        return "update";
    case OPERATION_READ:
        return "read";
    }
    return "?";
}

static const char *key_of(const checker_t *self, uint32_t actor) {
    const char *key = self->history->actors[actor];
    return key[0] == 0 ? "(not named yet)" : key;
}

/* "lost: session 01ab… request 7 (tcp-1), update of user/KEY after kill 3, acknowledged as version 9" */
static text_t about(const checker_t *self, const char *what, const operation_t *operation) {
    text_t text = {.len = 0};
    const history_client_t *client = &self->history->clients[operation->client];
    text_add(&text, "%s: session ", what);
    for (size_t i = 0; i < SESSION_BYTES; i++) {
        text_add(&text, "%02x", client->session[i]);
    }
    text_add(&text, " request %" PRIu64 " (%s), %s of user/%s after kill %u, ", operation->id, client->name,
             type_name(operation->type), key_of(self, operation->actor), operation->life);
    if (operation->completed == 0) {
        text_add(&text, "not answered");
    } else if (operation->answer.outcome == OUTCOME_ACKNOWLEDGED) {
        text_add(&text, "acknowledged as version %" PRIu64, operation->answer.version);
    } else {
        text_add(&text, "answered %s", status_code(operation->answer.status));
    }
    return text;
}

static void tell(checker_t *self, const text_t *text, uint64_t *counter) {
    *counter += 1;
    self->report(self->context, text->bytes);
}

/* What an operation is */

static bool acknowledged(const operation_t *operation) {
    return operation->completed > 0 && operation->answer.outcome == OUTCOME_ACKNOWLEDGED;
}

static bool is_write(const operation_t *operation) {
    return operation->type != OPERATION_READ;
}

/* The highest version that may have been made before it was sent. */
static uint64_t bound(const operation_t *operation) {
    if (operation->completed == 0 || operation->answer.outcome == OUTCOME_REFUSED) {
        return NO_BOUND;
    }
    if (operation->answer.outcome == OUTCOME_ABSENT) {
        return 0;
    }
    return operation->answer.version - (is_write(operation) ? 1 : 0);
}

/* A write whose effect is known and not yet found wrong. */
static bool sound_write(const checker_t *self, uint32_t index) {
    const operation_t *operation = operation_at(self, index);
    return is_write(operation) && acknowledged(operation) && !self->wrong[index];
}

/* Order */

/* The first operation of the group that was sent after this moment. */
static size_t first_after(const checker_t *self, const group_t *group, uint64_t moment) {
    size_t low = 0, high = group->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (operation_at(self, group->operations[middle])->invoked > moment) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void find_least(checker_t *self, const group_t *group) {
    uint64_t least = NO_BOUND;
    for (size_t i = group->count; i-- > 0;) {
        uint64_t here = bound(operation_at(self, group->operations[i]));
        least = here < least ? here : least;
        self->least[i] = least;
    }
}

/* The first operation from here on that contradicts this version; there is one. */
static uint32_t first_witness(const checker_t *self, const group_t *group, size_t from, uint64_t version) {
    size_t i = from;
    while (i + 1 < group->count && bound(operation_at(self, group->operations[i])) >= version) {
        i++;
    }
    return group->operations[i];
}

static void tell_lost(checker_t *self, uint32_t lost, uint32_t witness) {
    const operation_t *seen = operation_at(self, witness);
    text_t text = about(self, "lost", operation_at(self, lost));
    text_add(&text, "; then request %" PRIu64 " (%s), sent after kill %u, ", seen->id,
             self->history->clients[seen->client].name, seen->life);
    if (seen->answer.outcome == OUTCOME_ABSENT) {
        text_add(&text, "found no such actor");
    } else {
        text_add(&text, "%s version %" PRIu64, is_write(seen) ? "made" : "found", seen->answer.version);
    }
    self->wrong[lost] = true;
    tell(self, &text, &self->verdict.lost);
}

static void check_order(checker_t *self, const group_t *group) {
    find_least(self, group);
    for (size_t i = 0; i < group->count; i++) {
        const operation_t *operation = operation_at(self, group->operations[i]);
        bool judged = acknowledged(operation) && !self->wrong[group->operations[i]];
        size_t after = judged ? first_after(self, group, operation->completed) : group->count;
        if (after < group->count && operation->answer.version > self->least[after]) {
            uint32_t witness = first_witness(self, group, after, operation->answer.version);
            tell_lost(self, group->operations[i], witness);
        }
    }
}

/* Versions */

static int by_version(const void *a, const void *b, void *checker) {
    uint64_t left = operation_at(checker, *(const uint32_t *)a)->answer.version;
    uint64_t right = operation_at(checker, *(const uint32_t *)b)->answer.version;
    return (left > right) - (left < right);
}

static int by_value(const void *a, const void *b, void *checker) {
    uint64_t left = operation_at(checker, *(const uint32_t *)a)->value;
    uint64_t right = operation_at(checker, *(const uint32_t *)b)->value;
    return (left > right) - (left < right);
}

/* Gathers the sound writes of the group, by version. */
static void gather_sound(checker_t *self, const group_t *group) {
    self->write_count = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (sound_write(self, group->operations[i])) {
            self->writes[self->write_count++] = group->operations[i];
        }
    }
    qsort_r(self->writes, self->write_count, sizeof *self->writes, by_version, self);
}

static void check_one_each(checker_t *self, const group_t *group) {
    gather_sound(self, group);
    for (size_t i = 1; i < self->write_count; i++) {
        const operation_t *operation = operation_at(self, self->writes[i]);
        const operation_t *other = operation_at(self, self->writes[i - 1]);
        if (operation->answer.version == other->answer.version) {
            text_t text = about(self, "lost", operation);
            text_add(&text, ", and so is request %" PRIu64 " (%s)", other->id,
                     self->history->clients[other->client].name);
            self->wrong[self->writes[i]] = true;
            tell(self, &text, &self->verdict.lost);
        }
    }
}

/* Values */

/* The write in self->writes, which are by version, that made this version; -1: none is known. */
static int64_t maker_of(const checker_t *self, uint64_t version) {
    size_t low = 0, high = self->write_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (operation_at(self, self->writes[middle])->answer.version < version) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < self->write_count && operation_at(self, self->writes[low])->answer.version == version;
    return found ? (int64_t)self->writes[low] : -1;
}

/* A read found at a's version what another request wrote. */
static void check_made(checker_t *self, const group_t *group) {
    gather_sound(self, group);
    for (size_t i = 0; i < group->count; i++) {
        const operation_t *read = operation_at(self, group->operations[i]);
        if (is_write(read) || !acknowledged(read)) {
            continue;
        }
        int64_t maker = maker_of(self, read->answer.version);
        if (maker < 0 || self->wrong[maker] || operation_at(self, (uint32_t)maker)->value == read->answer.value) {
            continue;
        }
        text_t text = about(self, "lost", operation_at(self, (uint32_t)maker));
        text_add(&text, " with value %016" PRIx64 "; request %" PRIu64 " found %016" PRIx64 " there",
                 operation_at(self, (uint32_t)maker)->value, read->id, read->answer.value);
        self->wrong[maker] = true;
        tell(self, &text, &self->verdict.lost);
    }
}

/* The write in self->writes, which are by value, of this value; -1: nobody's. */
static int64_t writer_of(const checker_t *self, uint64_t value) {
    size_t low = 0, high = self->write_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (operation_at(self, self->writes[middle])->value < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < self->write_count && operation_at(self, self->writes[low])->value == value ? (int64_t)self->writes[low]
                                                                                            : -1;
}

static void gather_writes(checker_t *self, const group_t *group) {
    self->write_count = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (is_write(operation_at(self, group->operations[i]))) {
            self->writes[self->write_count++] = group->operations[i];
        }
    }
    qsort_r(self->writes, self->write_count, sizeof *self->writes, by_value, self);
}

static void check_value(checker_t *self, uint32_t index) {
    const operation_t *read = operation_at(self, index);
    int64_t found = writer_of(self, read->answer.value);
    const operation_t *writer = found < 0 ? NULL : operation_at(self, (uint32_t)found);
    if (writer == NULL || (writer->completed > 0 && !acknowledged(writer))) {
        text_t text = about(self, "unexpected", read);
        text_add(&text, ", found value %016" PRIx64 ", which %s", read->answer.value,
                 writer == NULL ? "nobody wrote there" : "a refused request carried");
        tell(self, &text, &self->verdict.unexpected);
        return;
    }
    uint64_t version = acknowledged(writer) ? writer->answer.version : self->stands[found];
    self->stands[found] = version == 0 ? read->answer.version : version;
    if (version != 0 && version != read->answer.version && !self->wrong[found]) {
        text_t text = about(self, "doubled", writer);
        text_add(&text, "; its value stands at versions %" PRIu64 " and %" PRIu64, version, read->answer.version);
        self->wrong[found] = true;
        tell(self, &text, &self->verdict.doubled);
    }
}

static void check_values(checker_t *self, const group_t *group) {
    gather_writes(self, group);
    for (size_t i = 0; i < group->count; i++) {
        const operation_t *read = operation_at(self, group->operations[i]);
        if (!is_write(read) && acknowledged(read) && !self->wrong[group->operations[i]]) {
            check_value(self, group->operations[i]);
        }
    }
}

/* Counts */

/* Versions are dense, so there are as many as requests that took effect. */
static void check_dense(checker_t *self, const group_t *group) {
    uint64_t newest = 0, makers = 0;
    for (size_t i = 0; i < group->count; i++) {
        uint32_t index = group->operations[i];
        const operation_t *operation = operation_at(self, index);
        bool refused = operation->completed > 0 && !acknowledged(operation);
        makers += is_write(operation) && !refused; /* also one that is wrong: its retry may have run again */
        if (acknowledged(operation) && !self->wrong[index] && operation->answer.version > newest) {
            newest = operation->answer.version;
        }
    }
    self->newest[group->actor] = newest;
    if (newest > makers) {
        text_t text = {.len = 0};
        text_add(&text, "doubled: user/%s has version %" PRIu64 ", but only %" PRIu64 " requests may have changed it",
                 key_of(self, group->actor), newest, makers);
        tell(self, &text, &self->verdict.doubled);
        self->verdict.doubled += newest - makers - 1;
    }
}

/* Answers */

/* The first version is the create's, the others are not. */
static bool sensible(const operation_t *operation) {
    uint64_t version = operation->answer.version;
    return version > 0 && (!is_write(operation) || (operation->type == OPERATION_CREATE) == (version == 1));
}

static void check_answer(checker_t *self, uint32_t index) {
    const operation_t *operation = operation_at(self, index);
    bool refused = operation->completed > 0 && operation->answer.outcome == OUTCOME_REFUSED;
    if (refused || (acknowledged(operation) && !sensible(operation))) {
        text_t text = about(self, "unexpected", operation);
        self->wrong[index] = true;
        tell(self, &text, &self->verdict.unexpected);
    }
}

/* Requests of one connection to one actor run in the order in which they were sent, but for those sent again. */
static void check_overtaking(checker_t *self, const group_t *group) {
    uint64_t before[HISTORY_CLIENTS_MAX] = {0};
    for (size_t i = 0; i < group->count; i++) {
        const operation_t *operation = operation_at(self, group->operations[i]);
        if (!sound_write(self, group->operations[i]) || operation->again) {
            continue;
        }
        if (operation->answer.version < before[operation->client]) {
            text_t text = about(self, "unexpected", operation);
            text_add(&text, ", though a request sent before it made version %" PRIu64, before[operation->client]);
            tell(self, &text, &self->verdict.unexpected);
        }
        before[operation->client] = operation->answer.version;
    }
}

static void check_repeats(checker_t *self) {
    for (size_t i = 0; i < self->history->repeat_count; i++) {
        const repeat_t *repeat = &self->history->repeats[i];
        const operation_t *operation = operation_at(self, repeat->operation);
        const answer_t *first = &operation->answer, *later = &repeat->answer;
        if (first->digest == later->digest && first->outcome == later->outcome && first->version == later->version) {
            continue;
        }
        text_t text = about(self, "differed", operation);
        text_add(&text,
                 " (digest %016" PRIx64 "), then sent again and answered %s, version %" PRIu64 " (digest %016" PRIx64
                 ")",
                 first->digest, status_code(later->status), later->version, later->digest);
        tell(self, &text, &self->verdict.differed);
    }
}

/* The server's list */

static int by_key(const void *a, const void *b, void *checker) {
    const checker_t *self = checker;
    return strcmp(self->history->actors[*(const uint32_t *)a], self->history->actors[*(const uint32_t *)b]);
}

static int64_t actor_of(const checker_t *self, const uint32_t *actors, const char *key) {
    size_t low = 0, high = self->history->actor_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(self->history->actors[actors[middle]], key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < self->history->actor_count && strcmp(self->history->actors[actors[low]], key) == 0;
    return found ? (int64_t)actors[low] : -1;
}

static void check_row(checker_t *self, const history_row_t *row, int64_t actor, uint64_t *unnamed) {
    text_t text = {.len = 0};
    if (actor < 0 && *unnamed > 0) {
        *unnamed -= 1; /* made by a create whose answer nobody has */
    } else if (actor < 0) {
        text_add(&text, "doubled: user/%s is listed, but no request made it", row->key);
        tell(self, &text, &self->verdict.doubled);
    } else if (row->version < self->newest[actor]) {
        text_add(&text, "lost: user/%s is listed with version %" PRIu64 ", but version %" PRIu64 " was acknowledged",
                 row->key, row->version, self->newest[actor]);
        tell(self, &text, &self->verdict.lost);
    }
}

static void check_rows(checker_t *self, const uint32_t *actors) {
    const history_t *history = self->history;
    uint64_t unnamed = 0;
    bool *listed = calloc(history->actor_count + 1, sizeof *listed);
    CHECK(listed != NULL, "out of memory");
    for (size_t i = 0; i < history->actor_count; i++) {
        unnamed += history->actors[i][0] == 0;
    }
    for (size_t i = 0; i < history->row_count; i++) {
        int64_t actor = actor_of(self, actors, history->rows[i].key);
        check_row(self, &history->rows[i], actor, &unnamed);
        if (actor >= 0) {
            listed[actor] = true;
        }
    }
    for (size_t i = 0; i < history->actor_count; i++) {
        if (!listed[i] && self->newest[i] > 0) {
            text_t text = {.len = 0};
            text_add(&text, "lost: user/%s is not listed, but version %" PRIu64 " was acknowledged", history->actors[i],
                     self->newest[i]);
            tell(self, &text, &self->verdict.lost);
        }
    }
    free(listed);
}

static void check_list(checker_t *self) {
    if (!self->history->listed) {
        return;
    }
    uint32_t *actors = calloc(self->history->actor_count + 1, sizeof *actors);
    CHECK(actors != NULL, "out of memory");
    for (uint32_t i = 0; i < self->history->actor_count; i++) {
        actors[i] = i;
    }
    qsort_r(actors, self->history->actor_count, sizeof *actors, by_key, self);
    check_rows(self, actors);
    free(actors);
}

/* All of it */

/* Puts the operations of each actor together, keeping their order: a counting sort. begins has a place more than there
   are actors. */
static void sort_by_actor(checker_t *self, size_t *begins) {
    const history_t *history = self->history;
    for (size_t i = 0; i < history->operation_count; i++) {
        begins[history->operations[i].actor + 1]++;
    }
    for (size_t i = 0; i < history->actor_count; i++) {
        begins[i + 1] += begins[i];
    }
    for (size_t i = 0; i < history->operation_count; i++) {
        self->sorted[begins[history->operations[i].actor]++] = (uint32_t)i;
    }
    memmove(begins + 1, begins, history->actor_count * sizeof *begins); /* each is at its end, where the next begins */
    begins[0] = 0;
}

static void check_group(checker_t *self, const group_t *group) {
    for (size_t i = 0; i < group->count; i++) {
        check_answer(self, group->operations[i]);
    }
    check_order(self, group);
    check_made(self, group);
    check_one_each(self, group);
    check_values(self, group);
    check_dense(self, group);
    check_overtaking(self, group);
}

static void check_actors(checker_t *self) {
    size_t *begins = calloc(self->history->actor_count + 2, sizeof *begins);
    CHECK(begins != NULL, "out of memory");
    sort_by_actor(self, begins);
    for (uint32_t i = 0; i < self->history->actor_count; i++) {
        group_t group = {.operations = self->sorted + begins[i], .count = begins[i + 1] - begins[i], .actor = i};
        check_group(self, &group);
    }
    free(begins);
}

static void *array_new(size_t count, size_t bytes) {
    void *array = calloc(count + 1, bytes);
    CHECK(array != NULL, "out of memory for %zu elements", count);
    return array;
}

verdict_t checker_check(const history_t *history, checker_report_fn report, void *context) {
    size_t count = history->operation_count;
    checker_t self = {.history = history,
                      .report = report,
                      .context = context,
                      .sorted = array_new(count, sizeof *self.sorted),
                      .wrong = array_new(count, sizeof *self.wrong),
                      .stands = array_new(count, sizeof *self.stands),
                      .newest = array_new(history->actor_count, sizeof *self.newest),
                      .least = array_new(count, sizeof *self.least),
                      .writes = array_new(count, sizeof *self.writes)};
    self.verdict.requests = count;
    for (size_t i = 0; i < count; i++) {
        self.verdict.acknowledged += acknowledged(&history->operations[i]);
    }
    self.verdict.answered_again = history->repeat_count;
    check_actors(&self);
    check_repeats(&self);
    check_list(&self);
    free(self.sorted);
    free(self.wrong);
    free(self.stands);
    free(self.newest);
    free(self.least);
    free(self.writes);
    return self.verdict;
}
