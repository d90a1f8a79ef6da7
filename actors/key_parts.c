/* SPDX-License-Identifier: MIT */
/* Each class has a reader, which takes the parts off the rest of the key one after another. */
#include "actors/key_parts.h"

#include "schemas/address.h"

/* Takes what stands before the next NUL, and the NUL. */
static bool take_text(span_t *rest, span_t *text) {
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, 0, rest->len);
    if (end == NULL) {
        return false;
    }
    *text = span_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = span_of(end + 1, rest->len - text->len - 1);
    return true;
}

static bool take_bytes(span_t *rest, size_t count, span_t *bytes) {
    if (rest->len < count) {
        return false;
    }
    *bytes = span_of(rest->ptr, count);
    *rest = span_of(rest->ptr + count, rest->len - count);
    return true;
}

static bool take_number(span_t *rest, size_t bytes, uint64_t *number) {
    span_t digits;
    if (!take_bytes(rest, bytes, &digits)) {
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < bytes; i++) {
        *number = *number << 8 | digits.ptr[i];
    }
    return true;
}

static bool take_partition(span_t *rest, uint8_t *partition) {
    uint64_t number;
    bool taken = take_number(rest, 1, &number);
    *partition = taken ? (uint8_t)number : 0;
    return taken;
}

static bool take_nul(span_t *rest) {
    uint64_t byte;
    return take_number(rest, 1, &byte) && byte == 0;
}

static bool take_kind(span_t *rest, key_parts_t *parts) {
    return take_text(rest, &parts->kind) && address_kind_valid(parts->kind);
}

static bool is_key(span_t rest, key_parts_t *parts) {
    parts->key = rest;
    return address_key_valid(rest);
}

static bool take_actor(span_t *rest, key_parts_t *parts) {
    span_t key;
    return take_kind(rest, parts) && take_text(rest, &key) && is_key(key, parts);
}

/* Kind, key, method and tag: the name of a timer. */
static bool is_timer_name(span_t rest, key_parts_t *parts) {
    if (!take_actor(&rest, parts) || !take_text(&rest, &parts->method)) {
        return false;
    }
    parts->tag = rest;
    return parts->method.len >= 1 && parts->method.len <= METHOD_BYTES_MAX && rest.len <= TIMER_TAG_BYTES_MAX;
}

static bool read_head(span_t rest, key_parts_t *parts) {
    return take_kind(&rest, parts) && is_key(rest, parts);
}

static bool read_sub(span_t rest, key_parts_t *parts) {
    if (!take_actor(&rest, parts)) {
        return false;
    }
    parts->subkey = rest;
    return rest.len >= 1 && rest.len <= SUBKEY_BYTES_MAX;
}

static bool read_answer(span_t rest, key_parts_t *parts) {
    return take_nul(&rest) && take_bytes(&rest, SESSION_BYTES, &parts->session) &&
           take_number(&rest, sizeof parts->number, &parts->number) && rest.len == 0;
}

static bool read_idempotency(span_t rest, key_parts_t *parts) {
    return take_actor(&rest, parts) && take_bytes(&rest, IDEMPOTENCY_BYTES, &parts->hash) && rest.len == 0;
}

static bool read_outbox(span_t rest, key_parts_t *parts) {
    return take_kind(&rest, parts) && take_partition(&rest, &parts->to) &&
           take_number(&rest, sizeof parts->number, &parts->number) && rest.len == 0;
}

static bool read_acknowledged(span_t rest, key_parts_t *parts) {
    return take_kind(&rest, parts) && take_partition(&rest, &parts->to) && rest.len == 0;
}

static bool read_consumed(span_t rest, key_parts_t *parts) {
    return take_kind(&rest, parts) && take_bytes(&rest, FOLDER_ID_BYTES, &parts->folder) &&
           take_partition(&rest, &parts->from) && rest.len == 0;
}

static bool read_timer(span_t rest, key_parts_t *parts) {
    return take_nul(&rest) && take_number(&rest, sizeof parts->when_ms, &parts->when_ms) && is_timer_name(rest, parts);
}

static bool read_dead_letter(span_t rest, key_parts_t *parts) {
    return take_nul(&rest) && take_number(&rest, sizeof parts->when_ms, &parts->when_ms) &&
           take_number(&rest, sizeof(uint32_t), &parts->number) && rest.len == 0;
}

static bool read_index(span_t rest, key_parts_t *parts) {
    return take_kind(&rest, parts) && take_text(&rest, &parts->field) && take_text(&rest, &parts->value) &&
           parts->value.len <= INDEX_VALUE_BYTES_MAX && is_key(rest, parts);
}

static const struct class {
    char byte;
    const char *text;
    bool (*read)(span_t rest, key_parts_t *parts);
} classes[CLASS_COUNT] = {
    [CLASS_ACKNOWLEDGED] = {'a', "acknowledged mark", read_acknowledged},
    [CLASS_CONSUMED] = {'c', "consumed mark", read_consumed},
    [CLASS_DEAD_LETTER] = {'d', "dead letter", read_dead_letter},
    [CLASS_HEAD] = {'h', "head record", read_head},
    [CLASS_INDEX] = {'i', "index row", read_index},
    [CLASS_IDEMPOTENCY] = {'k', "answer of an idempotency key", read_idempotency},
    [CLASS_TIMER_NAME] = {'n', "name of a timer", is_timer_name},
    [CLASS_OUTBOX] = {'o', "message", read_outbox},
    [CLASS_ANSWER] = {'r', "answer", read_answer},
    [CLASS_SUB] = {'s', "own key", read_sub},
    [CLASS_TIMER] = {'t', "timer", read_timer},
};

const char *key_class_text(key_class_t class) {
    return class < CLASS_COUNT ? classes[class].text : "key";
}

bool key_parts_read(key_parts_t *self, span_t key) {
    *self = (key_parts_t){.class = CLASS_COUNT};
    if (key.len < 2) {
        return false;
    }
    self->partition = key.ptr[0];
    uint32_t found = 0;
    while (found < CLASS_COUNT && (uint8_t)classes[found].byte != key.ptr[1]) {
        found++;
    }
    self->class = (key_class_t)found;
    return found < CLASS_COUNT && key.len <= STORE_KEY_BYTES_MAX &&
           classes[found].read(span_of(key.ptr + 2, key.len - 2), self);
}
