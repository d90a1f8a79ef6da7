/* SPDX-License-Identifier: MIT */
#include "actors/stream.h"

#include <criterion/criterion.h>

#include "tests/schemas/hex.h"
#include "tests/storage/random.h"

enum { RAW_MAX = 256 + CHAIN_BYTES_MAX, ROUNDS = 300000 };

static const kind_t probe_kind = {.name = "probe"};

static const kind_t *find_probe(span_t name) {
    return span_equal(name, span_text("probe")) ? &probe_kind : NULL;
}

static uint8_t raw[RAW_MAX];

static stream_t stream_of_test(void) {
    stream_t stream = {.from = 9, .to = 255, .kind = &probe_kind, .number = 0x0102030405060708};
    for (int i = 0; i < FOLDER_ID_BYTES; i++) {
        stream.folder[i] = (uint8_t)(0xf0 + i);
    }
    return stream;
}

static span_t packed(const stream_t *stream, span_t chain) {
    pack_t pack = pack_into(raw, sizeof raw);
    stream_pack(stream, chain, &pack);
    cr_assert(pack_ok(&pack));
    return pack_bytes(&pack);
}

static status_t read_stream(span_t bytes, stream_t *stream, span_t *chain) {
    /* A copy of its own, so that a read behind the end is found. */
    uint8_t *copy = malloc(bytes.len + (bytes.len == 0));
    memcpy(copy, bytes.ptr, bytes.len);
    status_t status = stream_read(stream, chain, find_probe, span_of(copy, bytes.len));
    if (status == STATUS_OK) {
        cr_assert(chain->ptr >= copy && chain->ptr + chain->len == copy + bytes.len);
        chain->ptr = bytes.ptr + (chain->ptr - copy);
    }
    free(copy);
    return status;
}

static status_t read_hex(const char *hex) {
    uint8_t bytes[512];
    stream_t stream;
    span_t chain;
    return read_stream(hex_bytes(hex, bytes), &stream, &chain);
}

#define FOLDER "c410 f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define KIND "a570726f6265"
#define CHAIN "91a3622f31"

Test(stream, what_is_not_of_its_shape_is_refused) {
    static const char *const bad[] = {
        "",
        "c0",
        "94",
        "80",
        "93 92" FOLDER "09 92" KIND "cc ff 01",            /* no chain */
        "95 92" FOLDER "09 92" KIND "cc ff 01" CHAIN "c0", /* one more */
        "94 92 c40f f0f1f2f3f4f5f6f7f8f9fafbfcfdfe 09 92" KIND "01 01" CHAIN,
        "94 92 c411 f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00 09 92" KIND "01 01" CHAIN,
        "94 92 b0 f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff 09 92" KIND "01 01" CHAIN,
        "94 92" FOLDER "cd0100 92" KIND "01 01" CHAIN, /* no partition */
        "94 92" FOLDER "09 92" KIND "cd0100 01" CHAIN,
        "94 92" FOLDER "ff 92" KIND "01 01" CHAIN, /* below 0 */
        "94 92" FOLDER "09 92" KIND "01 ff" CHAIN,
        "94 92" FOLDER "09 92" KIND "01 c0" CHAIN,
        "94 92" FOLDER "09 92 05 01 01" CHAIN,  /* no text */
        "94 92" FOLDER "09 92" KIND "01 01 90", /* nobody sent it */
        "94 92" FOLDER "09 92" KIND "01 01 9105",
        "94 92" FOLDER "09 92" KIND "01 01 9191a161",
        "94 92" FOLDER "09 92" KIND "01 01 81a161a162",
        "94 92" FOLDER "09 92" KIND "01 01 99a161a161a161a161a161a161a161a161a161", /* longer than CHAIN_MAX */
        "94 92" FOLDER "09 92" KIND "01 01" CHAIN "00",                             /* and more behind it */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        cr_assert_eq(read_hex(bad[i]), STATUS_INVALID, "%s", bad[i]);
    }
    cr_assert_eq(read_hex("94 92" FOLDER "09 92 a56f74686572 01 01" CHAIN), STATUS_UNKNOWN_METHOD);
    cr_assert_eq(read_hex("94 92" FOLDER "09 92" KIND "ccff 01" CHAIN), STATUS_OK);
}

Test(stream, what_is_cut_is_refused) {
    stream_t stream = stream_of_test(), read;
    span_t whole = packed(&stream, span_text("\x92\xa3"
                                             "b/1\xa3"
                                             "b/2")),
           chain;
    for (size_t len = 0; len < whole.len; len++) {
        cr_assert_eq(read_stream(span_of(whole.ptr, len), &read, &chain), STATUS_INVALID);
    }
    cr_assert_eq(read_stream(whole, &read, &chain), STATUS_OK);
}

/* Whatever is read is what would be written. */
static void assert_read_or_refused(span_t bytes) {
    stream_t stream = {0};
    span_t chain;
    uint8_t again[RAW_MAX];
    status_t status = read_stream(bytes, &stream, &chain);
    if (status != STATUS_OK) {
        cr_assert(status == STATUS_INVALID || status == STATUS_UNKNOWN_METHOD);
        cr_assert_null(stream.kind, "outputs are untouched on failure");
        return;
    }
    cr_assert(stream.kind == &probe_kind && chain.len >= 1);
    pack_t pack = pack_into(again, sizeof again);
    stream_t read;
    span_t chain_again;
    stream_pack(&stream, chain, &pack);
    cr_assert(pack_ok(&pack));
    cr_assert_eq(read_stream(pack_bytes(&pack), &read, &chain_again), STATUS_OK);
    cr_assert(read.from == stream.from && read.to == stream.to && read.number == stream.number &&
              memcmp(read.folder, stream.folder, FOLDER_ID_BYTES) == 0 && span_equal(chain, chain_again));
}

Test(stream, random_bytes_are_read_or_refused) {
    random_state_t random = random_start("stream, random_bytes_are_read_or_refused");
    stream_t stream = stream_of_test();
    uint8_t bytes[RAW_MAX], good[RAW_MAX];
    span_t whole = packed(&stream, span_text("\x92\xa3"
                                             "b/1\xa3"
                                             "b/2"));
    memcpy(good, whole.ptr, whole.len);
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = random_below(&random, 2) == 0 ? whole.len : random_below(&random, 64);
        memcpy(bytes, good, whole.len);
        size_t changes = len == whole.len ? 1 + random_below(&random, 3) : len;
        for (size_t i = 0; i < changes; i++) {
            bytes[len == whole.len ? random_below(&random, len) : i] = (uint8_t)random_next(&random);
        }
        assert_read_or_refused(span_of(bytes, len));
    }
}

Test(stream, is_read_as_it_was_written_with_the_longest_chain) {
    static uint8_t chain_bytes[CHAIN_BYTES_MAX];
    char address[KIND_BYTES_MAX + 1 + KEY_BYTES_MAX];
    stream_t stream = stream_of_test(), read;
    span_t chain;
    memset(address, 'a', sizeof address);
    address[KIND_BYTES_MAX] = '/';
    pack_t pack = pack_into(chain_bytes, sizeof chain_bytes);
    pack_array(&pack, CHAIN_MAX);
    for (int i = 0; i < CHAIN_MAX; i++) {
        pack_text(&pack, span_of(address, sizeof address));
    }
    cr_assert(pack_ok(&pack));
    cr_assert_eq(read_stream(packed(&stream, pack_bytes(&pack)), &read, &chain), STATUS_OK);
    cr_assert(read.from == 9 && read.to == 255 && read.kind == &probe_kind && read.number == stream.number);
    cr_assert(memcmp(read.folder, stream.folder, FOLDER_ID_BYTES) == 0);
    cr_assert(span_equal(chain, pack_bytes(&pack)));
}

Test(stream, has_golden_bytes) {
    uint8_t golden[128];
    char text[256];
    stream_t stream = stream_of_test();
    span_t bytes = packed(&stream, span_text("\x91\xa3"
                                             "b/1"));
    cr_assert(span_equal(bytes, hex_bytes("94 92" FOLDER "09 92" KIND "ccff cf0102030405060708" CHAIN, golden)), "%s",
              hex_text(bytes, text));
}
