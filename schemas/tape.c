/* SPDX-License-Identifier: MIT */
/*
 * msgpack-c's parser, instantiated with callbacks that append tokens instead of building a tree.
 *
 * The parser (<msgpack/unpack_template.h>) is a state machine with a stack of containers; it calls back for each value
 * when its bytes are there, and after each element or pair of a container with what the callbacks returned for it.
 * Ours return the index of the value's token. So:
 *
 *   a container begins   →  append its token, next = the one after: right if it is empty
 *   an element is done   →  its container's next = end of the tape so far: right once the last one is done
 *
 * The parser gives no offsets, but the values come in the order of the bytes and their first byte tells their length,
 * so `at` follows along. It announces a container before its elements: `pending` counts the values promised and not yet
 * seen. Each takes at least a byte and a token, so a promise that cannot be kept is refused when it is made, and the
 * tokens cannot run out at any other place. The parser's stack is DEPTH_MAX, so its overflow is our limit of depth.
 */
#include "schemas/tape.h"

#include <msgpack/unpack.h>
#define MSGPACK_EMBED_STACK_SIZE DEPTH_MAX
#include <msgpack/unpack_define.h>

typedef struct reader {
    tape_t *tape;
    uint64_t pending; /* values announced and not yet begun; the root is the first */
    size_t at;        /* offset of the next value's first byte */
    status_t refusal; /* why a callback said no */
    bool top;         /* values inside the values of the root get no tokens */
    uint64_t skip;    /* of the pending values, the next so many get none */
    token_t skipped;  /* stands for them */
} reader_t;

#define SKIPPED UINT32_MAX /* index of a value without a token */

static int refuse(reader_t *self, status_t status) {
    self->refusal = status;
    return MSGPACK_UNPACK_PARSE_ERROR;
}

/* Bytes of the value that starts with this byte, without the elements of a container. Extensions never get here. */
static size_t value_bytes(uint8_t first, size_t text_len) {
    switch (first) {
    case 0xa0 ... 0xbf: /* fixstr */
        return 1 + text_len;
    case 0xc4: /* bin 8, 16, 32 */
    case 0xd9: /* str 8 */
        return 2 + text_len;
    case 0xc5:
    case 0xda:
        return 3 + text_len;
    case 0xc6:
    case 0xdb:
        return 5 + text_len;
    case 0xcc: /* uint 8, 16, 32, 64, then int */
    case 0xd0:
        return 2;
    case 0xcd:
    case 0xd1:
    case 0xdc: /* array 16 */
    case 0xde: /* map 16 */
        return 3;
    case 0xca: /* float */
    case 0xce:
    case 0xd2:
    case 0xdd: /* array 32 */
    case 0xdf: /* map 32 */
        return 5;
    case 0xcb: /* double */
    case 0xcf:
    case 0xd3:
        return 9;
    default: /* fixint, nil, bool, fixarray, fixmap */
        return 1;
    }
}

/* Appends a token of this type; the caller fills in its value. text_len: bytes of text or binary, else 0. */
static token_t *append(reader_t *self, token_type_t type, size_t text_len, uint32_t *index) {
    tape_t *tape = self->tape;
    CHECK(self->pending > 0, "count %u, at %zu", tape->count, self->at);
    uint32_t begin = (uint32_t)self->at;
    self->at += value_bytes(tape->input.ptr[self->at], text_len);
    self->pending -= 1;
    if (self->skip > 0) {
        self->skip -= 1;
        *index = SKIPPED;
        return &self->skipped;
    }
    CHECK(tape->count < tape->capacity, "count %u, capacity %u", tape->count, tape->capacity);
    *index = tape->count++;
    token_t *token = &tape->tokens[*index];
    *token = (token_t){.type = type, .next = tape->count, .begin = begin, .len = (uint32_t)text_len};
    return token;
}

static int append_u64(reader_t *self, uint64_t value, uint32_t *index) {
    append(self, TOKEN_U64, 0, index)->u64 = value;
    return 0;
}

/* Senders may write 5 as a signed integer; readers should not have to care. */
static int append_i64(reader_t *self, int64_t value, uint32_t *index) {
    if (value >= 0) {
        return append_u64(self, (uint64_t)value, index);
    }
    append(self, TOKEN_I64, 0, index)->i64 = value;
    return 0;
}

static int append_bytes(reader_t *self, token_type_t type, const char *bytes, unsigned int len, uint32_t *index) {
    token_t *token = append(self, type, len, index);
    /* For an empty value the parser gives no position, but NULL would mean absent. */
    token->ptr = len > 0 ? (const uint8_t *)bytes : self->tape->input.ptr;
    return 0;
}

static int append_container(reader_t *self, token_type_t type, size_t len, size_t values, uint32_t *index) {
    append(self, type, 0, index)->len = (uint32_t)len;
    bool root_map = *index == 0 && type == TOKEN_MAP;
    self->pending += values;
    self->skip += self->top && !root_map ? values : 0;
    if (self->pending > self->tape->input.len - self->at) {
        return refuse(self, STATUS_INVALID);
    }
    if (self->pending - self->skip > self->tape->capacity - self->tape->count) {
        return refuse(self, STATUS_TOO_LARGE);
    }
    return 0;
}

/* Is the key, which is the last of this map so far, equal to an earlier one? MAP_KEYS_MAX bounds the work. */
static bool key_occurs_before(const tape_t *tape, uint32_t map, uint32_t key) {
    span_t name = token_span(&tape->tokens[key]);
    for (uint32_t other = map + 1; other < key; other = tape->tokens[other + 1].next) {
        if (span_equal(name, token_span(&tape->tokens[other]))) {
            return true;
        }
    }
    return false;
}

/* Length of the UTF-8 character at p (Unicode, table 3-7: no overlong forms, no surrogates), or 0 if it is none. */
static size_t utf8_length(const uint8_t *p, size_t left) {
    uint8_t first = p[0];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (len < 2 || len > left) {
        return len > left ? 0 : len;
    }
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

static bool utf8_valid(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len;) {
        uint64_t eight;
        if (len - i >= sizeof eight) {
            memcpy(&eight, bytes + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) { /* mostly ASCII: eight at a time */
                i += sizeof eight;
                continue;
            }
        }
        size_t step = utf8_length(bytes + i, len - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

/* The callbacks, by the names that the template forms. */

static inline uint32_t reader_root(reader_t *self) {
    (void)self;
    return 0;
}
static inline int reader_nil(reader_t *self, uint32_t *index) {
    append(self, TOKEN_NIL, 0, index);
    return 0;
}
static inline int reader_true(reader_t *self, uint32_t *index) {
    append(self, TOKEN_BOOL, 0, index)->boolean = true;
    return 0;
}
static inline int reader_false(reader_t *self, uint32_t *index) {
    append(self, TOKEN_BOOL, 0, index)->boolean = false;
    return 0;
}
static inline int reader_double(reader_t *self, double value, uint32_t *index) {
    append(self, TOKEN_F64, 0, index)->f64 = value;
    return 0;
}
static inline int reader_float(reader_t *self, float value, uint32_t *index) {
    return reader_double(self, (double)value, index);
}
#define reader_uint8 append_u64
#define reader_uint16 append_u64
#define reader_uint32 append_u64
#define reader_uint64 append_u64
#define reader_int8 append_i64
#define reader_int16 append_i64
#define reader_int32 append_i64
#define reader_int64 append_i64

static inline int reader_str(reader_t *self, const char *base, const char *bytes, unsigned int len, uint32_t *index) {
    (void)base;
    if (len > 0 && !utf8_valid((const uint8_t *)bytes, len)) {
        return refuse(self, STATUS_INVALID);
    }
    return append_bytes(self, TOKEN_TEXT, bytes, len, index);
}
static inline int reader_bin(reader_t *self, const char *base, const char *bytes, unsigned int len, uint32_t *index) {
    (void)base;
    return append_bytes(self, TOKEN_BINARY, bytes, len, index);
}
static inline int reader_ext(reader_t *self, const char *base, const char *bytes, unsigned int len, uint32_t *index) {
    (void)base, (void)bytes, (void)len, (void)index;
    return refuse(self, STATUS_INVALID);
}

static inline int reader_array(reader_t *self, unsigned int count, uint32_t *index) {
    return append_container(self, TOKEN_ARRAY, count, count, index);
}
static inline int reader_array_item(reader_t *self, const uint32_t *array, uint32_t item) {
    (void)item;
    if (*array != SKIPPED) {
        self->tape->tokens[*array].next = self->tape->count;
    }
    return 0;
}
static inline int reader_map(reader_t *self, unsigned int count, uint32_t *index) {
    if (count > MAP_KEYS_MAX) {
        return refuse(self, STATUS_INVALID);
    }
    return append_container(self, TOKEN_MAP, count, (size_t)count * 2, index);
}
static inline int reader_map_item(reader_t *self, const uint32_t *map, uint32_t key, uint32_t value) {
    (void)value;
    if (key == SKIPPED) {
        return 0;
    }
    if (self->tape->tokens[key].type != TOKEN_TEXT || key_occurs_before(self->tape, *map, key)) {
        return refuse(self, STATUS_INVALID);
    }
    self->tape->tokens[*map].next = self->tape->count;
    return 0;
}

#define msgpack_unpack_struct(name) struct template##name
#define msgpack_unpack_func(result, name) static inline result template##name
#define msgpack_unpack_callback(name) reader##name
#define msgpack_unpack_object uint32_t
#define msgpack_unpack_user reader_t
#include <msgpack/unpack_template.h>

static status_t parse(tape_t *self, bool top, size_t *consumed) {
    struct template_context context;
    template_init(&context);
    context.user = (reader_t){.tape = self, .pending = 1, .refusal = STATUS_INVALID, .top = top};
    size_t end = 0;
    int result = template_execute(&context, (const char *)self->input.ptr, self->input.len, &end);
    if (result != 1) { /* 0: truncated; the parser's own refusals are INVALID too */
        return result == 0 ? STATUS_INVALID : context.user.refusal;
    }
    CHECK(context.user.at == end && context.user.pending == 0, "at %zu, end %zu", context.user.at, end);
    self->input.len = end;
    *consumed = end;
    return STATUS_OK;
}

static status_t read_value(tape_t *self, bool top, span_t input, size_t *consumed) {
    self->count = 0;
    self->input = input;
    if (self->capacity == 0 || input.len > UINT32_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (input.len == 0) {
        return STATUS_INVALID;
    }
    status_t status = parse(self, top, consumed);
    if (status != STATUS_OK) {
        self->count = 0;
    }
    return status;
}

status_t tape_read(tape_t *self, span_t input, size_t *consumed) {
    return read_value(self, false, input, consumed);
}

status_t tape_read_whole(tape_t *self, span_t input) {
    size_t consumed;
    status_t status = tape_read(self, input, &consumed);
    if (status == STATUS_OK && consumed < input.len) {
        self->count = 0;
        status = STATUS_INVALID;
    }
    return status;
}

status_t tape_read_top(tape_t *self, span_t input, size_t *consumed) {
    return read_value(self, true, input, consumed);
}

status_t tape_take_array(span_t *rest, uint32_t *count) {
    uint8_t first = rest->len > 0 ? rest->ptr[0] : 0;
    bool fix = (first & 0xf0) == 0x90;
    size_t bytes = fix ? 0 : first == 0xdc ? 2 : 4; /* of the count, big-endian */
    if ((!fix && first != 0xdc && first != 0xdd) || rest->len < 1 + bytes) {
        return STATUS_INVALID;
    }
    uint32_t value = fix ? first & 0xf : 0;
    for (size_t i = 1; i <= bytes; i++) {
        value = value << 8 | rest->ptr[i];
    }
    *rest = span_of(rest->ptr + 1 + bytes, rest->len - 1 - bytes);
    *count = value;
    return STATUS_OK;
}

span_t tape_raw(const tape_t *self, uint32_t index) {
    CHECK(index < self->count, "index %u, count %u", index, self->count);
    const token_t *token = &self->tokens[index];
    size_t end = token->next < self->count ? self->tokens[token->next].begin : self->input.len;
    return span_of(self->input.ptr + token->begin, end - token->begin);
}

uint32_t tape_depth(const tape_t *self) {
    uint32_t ends[DEPTH_MAX], depth = 0, deepest = 0; /* of the containers around token i */
    for (uint32_t i = 0; i < self->count; i++) {
        while (depth > 0 && ends[depth - 1] <= i) {
            depth--;
        }
        if (self->tokens[i].type == TOKEN_ARRAY || self->tokens[i].type == TOKEN_MAP) {
            ends[depth++] = self->tokens[i].next;
            deepest = depth > deepest ? depth : deepest;
        }
    }
    return deepest;
}

uint32_t tape_find(const tape_t *self, uint32_t map, const char *key) {
    CHECK(map < self->count && self->tokens[map].type == TOKEN_MAP, "no map at %u of %u", map, self->count);
    span_t name = span_text(key);
    for (uint32_t i = map + 1; i < self->tokens[map].next; i = self->tokens[i + 1].next) {
        if (span_equal(name, token_span(&self->tokens[i]))) {
            return i + 1;
        }
    }
    return 0;
}
