/* SPDX-License-Identifier: MIT */
#include "tests/crash/values.h"

#include <inttypes.h>

#include "tests/storage/random.h"

enum { NAME_BYTES = 16, EMAIL_BYTES = 32, SHORT_BYTES_MAX = 200, LONG_BYTES_MAX = 2000, LONG_ONE_IN = 8 };

const char *value_method(operation_type_t type) {
    switch (type) {
    case OPERATION_CREATE:
        return "create";
    case OPERATION_UPDATE:
        return "update";
    case OPERATION_READ:
        return "get";
    }
    return "";
}

static void spell_name(char name[NAME_BYTES + 1], uint64_t value) {
    snprintf(name, NAME_BYTES + 1, "%016" PRIx64, value);
}

/* Most are short, so that many requests share a batch; some make it cross a segment's end. */
static size_t spell_info(char info[LONG_BYTES_MAX], uint64_t value) {
    random_state_t letters = {.word = value};
    size_t max = random_below(&letters, LONG_ONE_IN) == 0 ? LONG_BYTES_MAX : SHORT_BYTES_MAX;
    size_t len = 1 + random_below(&letters, max);
    for (size_t i = 0; i < len; i++) {
        info[i] = (char)('a' + random_below(&letters, 26));
    }
    return len;
}

void value_pack(pack_t *pack, operation_type_t type, uint64_t value) {
    char name[NAME_BYTES + 1], info[LONG_BYTES_MAX], email[EMAIL_BYTES];
    if (type == OPERATION_READ) {
        pack_map(pack, 0);
        return;
    }
    spell_name(name, value);
    pack_map(pack, type == OPERATION_CREATE ? 3 : 2);
    if (type == OPERATION_CREATE) {
        pack_cstring(pack, "email");
        snprintf(email, sizeof email, "%s@example.com", name); /* of this request alone */
        pack_cstring(pack, email);
    }
    pack_cstring(pack, "name");
    pack_cstring(pack, name);
    pack_cstring(pack, "info");
    pack_text(pack, span_of(info, spell_info(info, value)));
}

static span_t member_text(const tape_t *tape, uint32_t body, const char *name) {
    uint32_t token = tape_find(tape, body, name);
    return token > 0 && tape->tokens[token].type == TOKEN_TEXT ? token_span(&tape->tokens[token]) : (span_t){0};
}

/* The number that the record holds, 0 if it is not as any request wrote it. */
static uint64_t held(const tape_t *tape, uint32_t body) {
    char text[NAME_BYTES + 1] = "", info[LONG_BYTES_MAX], *end;
    span_t name = member_text(tape, body, "name");
    if (name.len != NAME_BYTES) {
        return 0;
    }
    memcpy(text, name.ptr, NAME_BYTES);
    uint64_t value = strtoull(text, &end, 16);
    span_t expected = span_of(info, spell_info(info, value));
    return *end == 0 && span_equal(member_text(tape, body, "info"), expected) ? value : 0;
}

answer_t value_answer(const tape_t *tape, uint32_t body, operation_type_t type, const char *key, span_t *id) {
    answer_t answer = {.outcome = OUTCOME_ACKNOWLEDGED};
    uint32_t version = tape_find(tape, body, "version");
    *id = member_text(tape, body, "id");
    bool right_actor = id->len > 0 && (key[0] == 0 || span_equal(*id, span_text(key)));
    if (right_actor && version > 0 && tape->tokens[version].type == TOKEN_U64) {
        answer.version = tape->tokens[version].u64;
    }
    if (type != OPERATION_UPDATE) {
        answer.value = held(tape, body);
    }
    return answer;
}

answer_t value_error(status_t status) {
    outcome_t outcome = OUTCOME_REFUSED;
    if (status == STATUS_NOT_FOUND) {
        outcome = OUTCOME_ABSENT;
    } else if (status_retryable(status)) {
        outcome = OUTCOME_UNKNOWN;
    }
    return (answer_t){.outcome = outcome, .status = status};
}
