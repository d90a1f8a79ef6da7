/* SPDX-License-Identifier: MIT */
/*
 * From the bytes of a request to the message that it stands for, as the bridge goes: head, route, path, query or body,
 * record. What is found to be good must be so for the next step as well: a head is the same whatever follows it, and
 * what is packed can be read.
 */
#include <stdlib.h>

#include "schemas/records.h"
#include "schemas/tape.h"
#include "tools/bridge/body.h"
#include "tools/bridge/bridge.h"
#include "tools/bridge/cursor.h"
#include "tools/bridge/idempotency_key.h"
#include "tools/bridge/networks.h"
#include "tools/bridge/route.h"
#include "tools/bridge/scan.h"
#include "tools/bridge/trace.h"

enum { BODY_BYTES_MAX = 64 * 1024, PACKED_BYTES_MAX = 4 * BODY_BYTES_MAX, ERROR_BYTES = 256 };

static uint8_t packed[PACKED_BYTES_MAX];
static tape_t *tape;

/* Every part of a good head is a part of one. */
static void check_parts(span_t head) {
    scan_t scan;
    for (size_t len = 0; len < head.len; len += 1 + len / 8) {
        CHECK(scan_head(&scan, span_of(head.ptr, len), BODY_BYTES_MAX) == SCAN_MORE, "at %zu: %s", len, scan.why);
    }
}

static http_method_t method_of(span_t name) {
    for (http_method_t method = HTTP_GET; method < HTTP_OTHER; method++) {
        if (span_equal(name, span_text(http_method_name(method)))) {
            return method;
        }
    }
    CHECK(false, "a method that nobody knows is taken");
    return HTTP_OTHER;
}

static span_t take_until(span_t *rest, char byte) {
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, byte, rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    span_t taken = span_of(rest->ptr, len);
    *rest = span_of(rest->ptr + len + (end != NULL), rest->len - len - (end != NULL));
    return taken;
}

static void check_record(const record_t *record, json_t *object) {
    pack_t pack = pack_into(packed, sizeof packed);
    body_pack_record(record, object, &pack);
    if (pack_ok(&pack)) {
        status_t status = tape_read_whole(tape, pack_bytes(&pack));
        CHECK(status == STATUS_OK || status == STATUS_TOO_LARGE, "what was packed for %s cannot be read", record->name);
    }
}

static void check_route(http_method_t method, span_t target, span_t body) {
    static captures_t captures;
    char error[ERROR_BYTES];
    uint32_t allowed;
    span_t query = target, path = take_until(&query, '?');
    const route_t *route = route_find(method, path, &captures, &allowed);
    const record_t *record = route != NULL ? route_request(route) : NULL;
    if (record == NULL) {
        return;
    }
    for (uint32_t i = 0; i < record->field_count; i++) {
        route_capture(route, &captures, record->fields[i].name);
    }
    json_t *object =
        route_takes_body(route) ? body_parse(body, error, sizeof error) : body_parse_query(query, error, sizeof error);
    if (object != NULL) {
        check_record(record, object);
        json_decref(object);
    }
}

/* Each line as what a header might say. */
static void check_headers(span_t head) {
    while (head.len > 0) {
        span_t line = take_until(&head, '\n');
        char text[512], key[IDEMPOTENCY_KEY_BYTES], error[ERROR_BYTES], client[IP_TEXT_BYTES];
        uint8_t trace[TRACE_BYTES];
        uint64_t bytes;
        networks_t networks;
        ip_t ip = {{0}};
        snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.ptr);
        scan_chunk(line, &bytes);
        scan_trailer(line);
        trace_parse(text, trace);
        if (idempotency_key_read(text, key)) {
            idempotency_key_unguessable(key);
        }
        if (networks_parse(&networks, text, error, sizeof error)) {
            ip = networks_client(&networks, &ip, text);
        }
        ip_print(&ip, client);
        json_decref(cursor_read(span_text("list"), text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    scan_t scan;
    tape = tape != NULL ? tape : bridge_new_tape();
    check_headers(span_of(bytes, len));
    if (scan_head(&scan, span_of(bytes, len), BODY_BYTES_MAX) != SCAN_WHOLE) {
        return 0;
    }
    span_t head = span_of(bytes, scan.head_bytes), line = head;
    check_parts(head);
    http_method_t method = method_of(take_until(&line, ' '));
    check_route(method, take_until(&line, ' '), span_of(bytes + scan.head_bytes, len - scan.head_bytes));
    return 0;
}
