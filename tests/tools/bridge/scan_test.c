/* SPDX-License-Identifier: MIT */
#include "tools/bridge/scan.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include "schemas/check.h"

enum { BODY_MAX = 1000 };

static scan_t scan;

static scan_result_t look(const char *head) {
    return scan_head(&scan, span_text(head), BODY_MAX);
}

static void assert_refused(const char *head, int status) {
    scan_result_t result = look(head);
    cr_expect(result == SCAN_REFUSED && scan.status == status, "result %d, status %d instead of %d: %s", result,
              scan.status, status, head);
}

Test(scan, a_first_line_that_is_none_is_refused) {
    static const char *const heads[] = {
        "GET /\r\n",
        "GET / \r\n",
        "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        " GET / HTTP/1.1\r\n",
        "GET\t/\tHTTP/1.1\r\n",
        "GET / http/1.1\r\n",
        "GET / HTTP/11\r\n",
        "GET / HTTP/1.1x\r\n",
        "G<T / HTTP/1.1\r\n",
        "GET * HTTP/1.1\r\n",
        "GET livez HTTP/1.1\r\n",
        "GET //livez HTTP/1.1\r\n",
        "GET /a#b HTTP/1.1\r\n",
        "GET /\x01 HTTP/1.1\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\n",
        "GET ftp://a/ HTTP/1.1\r\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\r\r\n",
        "\x16\x03\x01",
        "get / HTTP/1.1\r\n",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(heads) - 1; i++) {
        assert_refused(heads[i], 400);
    }
    assert_refused("get / HTTP/1.1\r\n", 501);
}

Test(scan, methods_and_versions_that_nobody_knows_are_refused) {
    assert_refused("BREW / HTTP/1.1\r\n", 501);
    assert_refused("TRACE / HTTP/1.1\r\n", 501);
    assert_refused("CONNECT a:1 HTTP/1.1\r\n", 501);
    assert_refused("PRI * HTTP/2.0\r\n\r\n", 501);
    assert_refused("GET / HTTP/2.0\r\n", 505);
    assert_refused("GET / HTTP/1.2\r\n", 505);
    assert_refused("GET / HTTP/0.9\r\n", 505);
}

static void assert_header_refused(const char *headers, int status) {
    char head[1024];
    snprintf(head, sizeof head, "POST /x HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", headers);
    assert_refused(head, status);
}

Test(scan, headers_that_can_be_read_in_two_ways_are_refused) {
    static const char *const headers[] = {
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length: -3",
        "Content-Length: 0x3",
        "Content-Length: 3 3",
        "Content-Length:",
        "Content-Length : 3",
        " Content-Length: 3",
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X: a\nY: b",
        "X: a\rb",
        "X",
        ": a",
        "X Y: a",
        "X\xc3\xa4: a",
        "X: \x01",
        "X: \x7f",
        "Host: a",
        "Host:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Authorization: a\r\nAuthorization: b",
        "Content-Type: a\r\nContent-Type: b",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        assert_header_refused(headers[i], 400);
    }
}

Test(scan, bytes_that_are_no_text_are_refused) {
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
    cr_assert_eq(scan_head(&scan, span_of(nul, sizeof nul - 1), BODY_MAX), SCAN_REFUSED);
    cr_assert_eq(scan.status, 400);
}

Test(scan, what_is_not_done_here_is_refused_with_its_status) {
    assert_header_refused("Transfer-Encoding: gzip, chunked", 501);
    assert_header_refused("Transfer-Encoding: chunked, identity", 501);
    assert_header_refused("Transfer-Encoding: \x0b"
                          "chunked",
                          400);
    assert_header_refused("Transfer-Encoding: xchunked", 501);
    assert_header_refused("Expect: 200-ok", 417);
    assert_header_refused("Content-Length: 1001", 413);
    assert_header_refused("Content-Length: 99999999999999999999999999", 413);
}

Test(scan, the_host_is_named_once_and_the_same_everywhere) {
    assert_refused("GET / HTTP/1.1\r\n\r\n", 400);
    assert_refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
    assert_refused("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
    assert_refused("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400);
    assert_refused("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    assert_refused("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    assert_refused("GET http://x@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    assert_refused("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    assert_refused("GET http:///x HTTP/1.0\r\n\r\n", 400);
    assert_refused("GET http://a/x HTTP/1.0\r\n\r\n", 400);
    assert_refused("GET http://h:99999/ HTTP/1.1\r\nHost: h:99999\r\n\r\n", 400);
    assert_refused("GET http://[::1/ HTTP/1.1\r\nHost: [::1\r\n\r\n", 400);
    cr_expect_eq(look("GET http://A/x HTTP/1.1\r\nHost: a\r\n\r\n"), SCAN_WHOLE);
    cr_expect_eq(look("GET https://a:8?x HTTP/1.1\r\nHost: a:8\r\n\r\n"), SCAN_WHOLE);
    cr_expect_eq(look("GET / HTTP/1.0\r\n\r\n"), SCAN_WHOLE);
    cr_expect_eq(look("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), SCAN_WHOLE);
}

Test(scan, http_1_0_knows_no_chunks) {
    assert_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

/* `count` bytes between two texts; the caller frees it. */
static char *filled(const char *before, size_t count, const char *after) {
    size_t begin = strlen(before);
    char *text = malloc(begin + count + strlen(after) + 1);
    memcpy(text, before, begin);
    memset(text + begin, 'a', count);
    memcpy(text + begin + count, after, strlen(after) + 1);
    return text;
}

Test(scan, what_is_too_long_is_refused) {
    char *target = filled("GET /", SCAN_TARGET_BYTES_MAX, " HTTP/1.1\r\n");
    assert_refused(target, 414);
    free(target);
    target = filled("GET /", SCAN_HEAD_BYTES_MAX, "");
    assert_refused(target, 414);
    free(target);
    char *header = filled("GET / HTTP/1.1\r\nX: ", SCAN_HEAD_BYTES_MAX, "");
    assert_refused(header, 431);
    free(header);
    header = filled("GET / HTTP/1.1\r\nX: ", SCAN_HEAD_BYTES_MAX, "\r\n\r\n");
    assert_refused(header, 431);
    free(header);
}

static char *with_headers(size_t count) {
    char *head = malloc(64 + 8 * count), *end = stpcpy(head, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 1; i < count; i++) {
        end = stpcpy(end, "X: y\r\n");
    }
    stpcpy(end, "\r\n");
    return head;
}

Test(scan, a_hundred_headers_are_enough) {
    char *head = with_headers(SCAN_HEADERS_MAX);
    cr_expect_eq(look(head), SCAN_WHOLE);
    free(head);
    head = with_headers(SCAN_HEADERS_MAX + 1);
    assert_refused(head, 431);
    free(head);
}

Test(scan, any_part_of_a_good_head_is_good_so_far) {
    static const char head[] = "PATCH /users/x?y=%20 HTTP/1.1\r\nHost: a.example:8080\r\nContent-Length: 12 \r\n"
                               "expect: 100-Continue\r\nX:\r\nY: \xc3\xa4\tb\r\nConnection: keep-alive, Close\r\n\r\n";
    for (size_t len = 0; len < sizeof head - 1; len++) {
        cr_expect_eq(scan_head(&scan, span_of(head, len), BODY_MAX), SCAN_MORE, "%zu: %s", len, scan.why);
    }
    cr_assert_eq(look(head), SCAN_WHOLE);
    cr_expect_eq(scan.head_bytes, sizeof head - 1);
    cr_expect_eq(scan.body_bytes, 12);
    cr_expect(scan.expects && scan.closes && !scan.chunked && !scan.bodiless);
}

Test(scan, what_follows_a_head_is_not_looked_at) {
    cr_assert_eq(look("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n\x01garbage\n"), SCAN_WHOLE);
    cr_expect_eq(scan.head_bytes, strlen("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"));
    cr_expect(scan.bodiless && !scan.closes);
}

Test(scan, the_size_of_a_chunk_is_hexadecimal_and_nothing_else) {
    static const char *const wrong[] = {"", " 5", "+5", "-5", "0x5", "5 5", "g5", "5\tx", "123456789", "5\r", "5,"};
    uint64_t bytes;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        cr_expect_not(scan_chunk(span_text(wrong[i]), &bytes), "%s", wrong[i]);
    }
    cr_expect(scan_chunk(span_text("1aF"), &bytes) && bytes == 0x1af);
    cr_expect(scan_chunk(span_text("0"), &bytes) && bytes == 0);
    cr_expect(scan_chunk(span_text("5 ; x=\"y\""), &bytes) && bytes == 5);
}
