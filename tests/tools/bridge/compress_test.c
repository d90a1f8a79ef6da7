/* SPDX-License-Identifier: MIT */
#include "tools/bridge/compress.h"

#include <stdlib.h>
#include <zlib.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "schemas/check.h"

enum { BODY_BYTES = 100000 };

static uint8_t body[BODY_BYTES], again[BODY_BYTES];

Test(compress, who_does_not_take_it_does_not_get_it) {
    static const char *const no[] = {"",      "identity", "gzip;q=0", "br, deflate", "gzip;q=0.000, br", "xgzip",
                                     "gzipx", "gzip;q=x", "*;q=0",    "gzip;q=0, *", "*, gzip;q=0"};
    for (size_t i = 0; i < ARRAY_LENGTH(no); i++) {
        cr_expect_eq(compress_quality(no[i], "gzip"), 0, "%s", no[i]);
    }
    cr_expect_eq(compress_quality(NULL, "gzip"), 0);
}

Test(compress, who_takes_it_says_how_much) {
    cr_expect_eq(compress_quality("gzip", "gzip"), 1);
    cr_expect_eq(compress_quality("br, GZIP;q=0.5", "gzip"), 0.5);
    cr_expect_eq(compress_quality("br, GZIP;q=0.5", "br"), 1);
    cr_expect_eq(compress_quality("*", "gzip"), 1);
    cr_expect_eq(compress_quality("*;q=0.25, gzip", "br"), 0.25);
    cr_expect_eq(compress_quality("deflate, gzip ; q=1.0", "gzip"), 1);
}

Test(compress, what_becomes_no_shorter_stays_as_it_is) {
    compress_t *compress = compress_new();
    randombytes_buf(body, sizeof body);
    span_t same = compress_body(compress, span_of(body, sizeof body));
    cr_expect(same.ptr == body && same.len == sizeof body);
    cr_expect_eq(compress_body(compress, span_of(body, 1)).ptr, body);
    compress_destroy(&compress);
}

static void assert_unpacked(span_t packed, span_t expected) {
    z_stream stream = {
        .next_in = (uint8_t *)packed.ptr, .avail_in = (uInt)packed.len, .next_out = again, .avail_out = sizeof again};
    cr_assert_eq(inflateInit2(&stream, 15 + 16), Z_OK);
    cr_expect_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    cr_expect(span_equal(span_of(again, stream.total_out), expected));
    inflateEnd(&stream);
}

Test(compress, one_after_the_other_is_unpacked_the_same) {
    compress_t *compress = compress_new();
    for (size_t len = 1000; len <= sizeof body; len *= 10) {
        for (size_t i = 0; i < len; i++) {
            body[i] = (uint8_t)("{\"items\": []}"[i % 13] + (i % 97 == 0));
        }
        span_t packed = compress_body(compress, span_of(body, len));
        cr_expect_lt(packed.len, len / 2);
        assert_unpacked(packed, span_of(body, len));
    }
    compress_destroy(&compress);
}
