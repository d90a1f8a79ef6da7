/* SPDX-License-Identifier: MIT */
/*
 * What the broker's tests share: a temporary folder, peers and handles by small numbers, and envelopes to send. Each
 * test is a process of its own.
 */
#ifndef DORAN_TESTS_BROKER_SUPPORT_H
#define DORAN_TESTS_BROKER_SUPPORT_H

#include <criterion/criterion.h>
#include <ftw.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker/keys.h"
#include "broker/peers.h"
#include "schemas/envelope.h"

static char folder[64]; /* DIR of the test */

static inline void folder_make(void) {
    snprintf(folder, sizeof folder, "/tmp/doran-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static inline int folder_remove_one(const char *path, const struct stat *about, int type, struct FTW *walk) {
    (void)about, (void)type, (void)walk;
    return remove(path);
}

static inline void folder_remove(void) {
    nftw(folder, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline char *folder_path(char *path, const char *name) {
    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

static inline void file_put(const char *name, mode_t mode, const char *text) {
    char path[256];
    FILE *file = fopen(folder_path(path, name), "w");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
}

/* Criterion ends its processes before AddressSanitizer has looked for leaks; so tests about freeing ask for it. */
static inline void assert_nothing_leaked(void) {
#ifdef __SANITIZE_ADDRESS__
    cr_assert_eq(__lsan_do_recoverable_leak_check(), 0);
#endif
}

static inline uint64_t monotonic_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* Packs an envelope into bytes of 2 KiB or more; absent texts become empty ones. */
static inline span_t envelope_bytes(const envelope_t *envelope, void *bytes, size_t capacity) {
    pack_t pack = pack_into(bytes, capacity);
    envelope_encode(envelope, &pack);
    cr_assert(pack_ok(&pack));
    return pack_bytes(&pack);
}

static inline peer_id_t peer_of(uint32_t index) {
    return (peer_id_t){.index = index, .number = 1000 + index};
}

/* There until the next call. */
static inline const uint8_t *handle_of(uint8_t number) {
    static uint8_t handle[HANDLE_BYTES];
    memset(handle, number, sizeof handle);
    return handle;
}

/* The request that most tests vary: echo/a echo {}. */
static inline envelope_t echo_request(uint64_t id) {
    return (envelope_t){.type = ENVELOPE_REQUEST,
                        .id = id,
                        .kind = span_text("echo"),
                        .key = span_text("a"),
                        .method = span_text("echo"),
                        .body = span_of("\x80", 1)};
}

/* The text of an error's code in a decoded envelope. */
static inline span_t body_text(const tape_t *tape, const char *name) {
    uint32_t index = tape_find(tape, envelope_body_token(tape), name);
    return index != 0 && tape->tokens[index].type == TOKEN_TEXT ? token_span(&tape->tokens[index]) : (span_t){0};
}

static inline uint64_t body_number(const tape_t *tape, const char *name) {
    uint32_t index = tape_find(tape, envelope_body_token(tape), name);
    cr_assert(index != 0 && tape->tokens[index].type == TOKEN_U64, "%s", name);
    return tape->tokens[index].u64;
}

#define assert_text(span, text) cr_assert(span_equal((span), span_text(text)), "%.*s", (int)(span).len, (span).ptr)

#endif
