/* SPDX-License-Identifier: MIT */
/* Who may ask what, and how it reaches its shard. */
#include "broker/lane.h"
#include "broker/sessions.h"
#include "tests/broker/talk_fixture.h"

TestSuite(broker_admit, .init = start_talk, .fini = stop);

/* Refusals, in the order of the checks. */

Test(broker_admit, bytes_that_are_no_envelope_are_answered_once) {
    const char *const frames[] = {"", "\xc1", "\x01\x02\x03\x04", "hello", "\x91", "\xdf\xff\xff\xff\xff", "\x80"};
    const size_t bytes[] = {0, 1, 4, 5, 1, 5, 1};
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++) {
        admit_frame("r", OPERATOR, span_of(frames[i], bytes[i]));
        envelope_t error = answer();
        cr_assert_eq(error.type, ENVELOPE_ERROR);
        cr_assert_eq(error.id, 0);
        assert_text(body_text(&tape, "code"), "invalid");
    }
    cr_assert_eq(broker_in_flight(broker), 0);
}

Test(broker_admit, a_frame_that_goes_bad_in_the_middle_keeps_what_was_good) {
    uint8_t bytes[4096];
    envelope_t request = echo_request(1);
    span_t first = envelope_bytes(&request, bytes, sizeof bytes);
    bytes[first.len] = 0xc1;
    memcpy(bytes + first.len + 1, bytes, first.len);
    admit_frame("r", OPERATOR, span_of(bytes, 2 * first.len + 1));
    cr_assert_eq(broker_in_flight(broker), 1, "what follows the bad byte is dropped");
    envelope_t error = answer();
    cr_assert_eq(error.id, 0);
}

Test(broker_admit, one_refused_envelope_does_not_harm_its_neighbours) {
    uint8_t bytes[4096];
    envelope_t good = echo_request(1), bad = echo_request(2), other = echo_request(3);
    bad.method = span_text("nothing");
    span_t first = envelope_bytes(&good, bytes, sizeof bytes);
    span_t second = envelope_bytes(&bad, bytes + first.len, sizeof bytes - first.len);
    span_t third = envelope_bytes(&other, bytes + first.len + second.len, 1024);
    admit_frame("r", OPERATOR, span_of(bytes, first.len + second.len + third.len));
    cr_assert_eq(broker_in_flight(broker), 2);
    cr_assert_eq(answer().id, 2);
}

Test(broker_admit, unknown_versions_and_types_are_refused_by_id) {
    uint8_t bytes[1024];
    envelope_t request = echo_request(5);
    span_t frame = envelope_bytes(&request, bytes, sizeof bytes);
    bytes[1] = 2; /* version */
    admit_frame("r", OPERATOR, frame);
    cr_assert_eq(answer().id, 5);
    assert_text(body_text(&tape, "code"), "unsupported_version");
    bytes[1] = 1;
    bytes[2] = 9; /* type */
    admit_frame("r", OPERATOR, frame);
    cr_assert_eq(answer().id, 5);
    assert_text(body_text(&tape, "code"), "unsupported_version");
}

Test(broker_admit, what_only_the_server_sends_is_refused) {
    const uint8_t types[] = {ENVELOPE_REPLY, ENVELOPE_ERROR, ENVELOPE_EVENT, ENVELOPE_PONG};
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        envelope_t envelope = echo_request(3);
        envelope.type = types[i];
        assert_refused(&envelope, "invalid");
    }
}

Test(broker_admit, an_envelope_over_the_limit_is_too_large) {
    static uint8_t body[KIB(64)] = {0x81, 0xa4, 'd', 'a', 't', 'a', 0xc6};
    envelope_t request = echo_request(1);
    uint32_t data = sizeof body - 11;
    body[7] = (uint8_t)(data >> 24), body[8] = (uint8_t)(data >> 16), body[9] = (uint8_t)(data >> 8),
    body[10] = (uint8_t)data;
    request.body = span_of(body, sizeof body);
    assert_refused(&request, "too_large");
}

Test(broker_admit, a_subject_from_a_client_is_forbidden) {
    envelope_t request = echo_request(1);
    request.subject = span_text("user/1");
    request.role = span_text("ADMIN");
    assert_refused(&request, "forbidden");
}

Test(broker_admit, an_unknown_handle_is_unauthenticated) {
    envelope_t request = echo_request(1);
    request.handle = span_of("0123456789abcdef", HANDLE_BYTES);
    assert_refused(&request, "unauthenticated");
}

Test(broker_admit, streams_are_not_taken) {
    envelope_t request = echo_request(1);
    request.stream = span_of("\x93\x01\x02\x03", 4);
    assert_refused(&request, "invalid");
}

Test(broker_admit, too_many_hops_are_invalid) {
    envelope_t request = echo_request(1);
    request.hops = 1;
    assert_refused(&request, "invalid");
}

Test(broker_admit, a_session_of_nobody_or_of_somebody_else_is_unauthenticated) {
    uint8_t session[SESSION_BYTES] = {0};
    envelope_t request = echo_request(1);
    request.session = span_of(session, sizeof session);
    assert_refused(&request, "unauthenticated");
    sessions_t sessions;
    sessions_init(&sessions, defaults.folder_secret, defaults.session_ms);
    session_issue(&sessions, "ipc:gateway", UNIX_MS, session);
    assert_refused(&request, "unauthenticated");
    session_issue(&sessions, OPERATOR, UNIX_MS - defaults.session_ms - 1, session);
    assert_refused(&request, "unauthenticated");
}

Test(broker_admit, a_session_that_was_good_ends_with_its_time) {
    uint8_t session[SESSION_BYTES], bytes[1024];
    open_session(session);
    envelope_t request = echo_request(1);
    request.session = span_of(session, sizeof session);
    span_t frame = envelope_bytes(&request, bytes, sizeof bytes);
    admit_frame("r", OPERATOR, frame);
    cr_assert_eq(broker_in_flight(broker), 1);
    broker_admit(broker, span_text("r"), OPERATOR, frame, NOW_US, UNIX_MS + defaults.session_ms + 1);
    cr_assert_eq(broker_in_flight(broker), 1);
    (void)answer();
    assert_text(body_text(&tape, "code"), "unauthenticated");
}

Test(broker_admit, unknown_kinds_and_methods_are_refused) {
    envelope_t request = echo_request(1);
    request.kind = span_text("ghost");
    assert_refused(&request, "unknown_method");
    request.kind = span_text("Ghost");
    assert_refused(&request, "invalid_address");
    request = echo_request(2);
    request.method = span_text("ech");
    assert_refused(&request, "unknown_method");
    request.method = span_text("list"); /* echo keeps nothing that could be listed */
    assert_refused(&request, "unknown_method");
}

Test(broker_admit, a_method_of_another_role_is_forbidden) {
    envelope_t request = echo_request(1);
    request.kind = span_text("user");
    request.method = span_text("show"); /* operators only */
    admit("g", "ipc:gateway", &request);
    (void)answer();
    assert_text(body_text(&tape, "code"), "forbidden");
    admit("x", "ipc:nothing", &request);
    (void)answer();
    assert_text(body_text(&tape, "code"), "forbidden");
    admit("x", "ipc:nothing", &(envelope_t){.type = ENVELOPE_PING});
    (void)answer();
    assert_text(body_text(&tape, "code"), "forbidden");
    cr_assert_eq(broker_in_flight(broker), 0);
}

Test(broker_admit, bad_keys_are_refused) {
    envelope_t request = echo_request(1);
    request.key = span_text("a/b");
    assert_refused(&request, "invalid_address");
    request.key = span_text(""); /* echo is no create */
    assert_refused(&request, "invalid_address");
    request.kind = span_text("user");
    request.method = span_text("list");
    request.key = span_text("a"); /* a query has none */
    assert_refused(&request, "invalid_address");
}

Test(broker_admit, only_an_operator_chooses_a_key_that_is_made) {
    envelope_t request = echo_request(1);
    request.kind = span_text("user");
    request.method = span_text("create");
    admit("g", "ipc:gateway", &request);
    (void)answer();
    assert_text(body_text(&tape, "code"), "forbidden");
    admit("r", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 1);
    request.key = span_text("");
    admit("g", "ipc:gateway", &request);
    cr_assert_eq(broker_in_flight(broker), 2);
}

Test(broker_admit, writes_are_refused_while_storage_is_full_and_reads_are_not) {
    broker_set_storage_full(broker, true);
    envelope_t request = echo_request(1);
    request.kind = span_text("user");
    request.method = span_text("update");
    assert_refused(&request, "storage_full");
    request.method = span_text("create");
    assert_refused(&request, "storage_full");
    request.method = span_text("get");
    admit("r", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 1);
    broker_set_storage_full(broker, false);
    request.method = span_text("update");
    admit("r", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 2);
}

Test(broker_admit, while_draining_requests_are_refused_and_answers_still_leave) {
    envelope_t request = echo_request(1);
    admit("r", OPERATOR, &request);
    broker_drain(broker);
    request.id = 2;
    admit("r", OPERATOR, &request);
    cr_assert_eq(answer().id, 2);
    assert_text(body_text(&tape, "code"), "draining");
    cr_assert(body_number(&tape, "retry_after_ms") > 0);
    serve_all();
    cr_assert_eq(answer().id, 1);
    cr_assert_eq(broker_in_flight(broker), 0);
}

static void assert_busy(uint64_t id) {
    envelope_t request = echo_request(id);
    uint32_t before = broker_in_flight(broker);
    admit("r", OPERATOR, &request);
    envelope_t error = answer();
    cr_assert_eq(error.id, id);
    assert_text(body_text(&tape, "code"), "busy");
    cr_assert(body_number(&tape, "retry_after_ms") > 0);
    cr_assert_eq(broker_in_flight(broker), before);
}

Test(broker_admit, past_the_bound_of_all_or_of_one_peer_it_is_busy) {
    broker_options_t options = defaults;
    options.peer_in_flight_max = 3;
    options.in_flight_max = 5;
    restart(&options);
    envelope_t request = echo_request(1);
    for (int i = 0; i < 3; i++) {
        admit("r", OPERATOR, &request);
    }
    assert_busy(4);
    admit("s", OPERATOR, &request);
    admit("s", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 5);
    admit("s", OPERATOR, &request);
    cr_assert_eq(flush(), 1);
    cr_assert_eq(broker_in_flight(broker), 5);
    serve_all();
    cr_assert_eq(broker_in_flight(broker), 0);
    admit("r", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 1);
}

Test(broker_admit, a_query_needs_room_for_all_its_copies) {
    broker_options_t options = defaults;
    options.in_flight_max = 1;
    restart(&options);
    envelope_t request = echo_request(1);
    request.kind = span_text("user");
    request.method = span_text("list");
    request.key = span_text("");
    assert_refused(&request, "busy");
}

Test(broker_admit, when_the_buffers_of_a_shard_are_under_way_it_is_busy_and_others_are_not) {
    broker_options_t options = defaults;
    options.in_flight_max = options.peer_in_flight_max = 1000000;
    restart(&options);
    envelope_t request = echo_request(1);
    uint16_t shard = shard_of("echo", request.key);
    requests_t *under_way[REQUEST_BATCHES_PER_SHARD];
    size_t count = 0;
    for (uint32_t i = 0; i < REQUESTS_PER_BATCH_MAX * (REQUEST_BATCHES_PER_SHARD - LANE_RESERVED); i++) {
        admit("r", OPERATOR, &request);
        if ((i + 1) % REQUESTS_PER_BATCH_MAX == 0 && (under_way[count] = broker_take(broker, shard)) != NULL) {
            count++;
        }
    }
    cr_assert_eq(count, REQUEST_BATCHES_PER_SHARD - LANE_RESERVED - 1, "one stays to be filled");
    cr_assert_null(broker_take(broker, shard));
    assert_busy(2);
    envelope_t other = echo_request(3);
    char key[2] = "b";
    while (shard_of("echo", span_text(key)) == shard) {
        key[0]++;
    }
    other.key = span_text(key);
    admit("r", OPERATOR, &other);
    cr_assert_eq(flush(), 0);
    serve(under_way[--count]);
    cr_assert_not_null(under_way[count] = broker_take(broker, shard), "the full one goes once one is home");
    count++;
    while (count > 0) {
        serve(under_way[--count]);
    }
    serve_all();
    cr_assert_eq(broker_in_flight(broker), 0);
}

Test(broker_admit, a_peer_that_does_not_read_is_refused_before_its_queue_is_full) {
    broker_options_t options = defaults;
    options.peer_queue_bytes_max = 4096;
    restart(&options);
    envelope_t request = echo_request(1);
    send_answer = SEND_AGAIN;
    for (int i = 0; i < 100; i++) { /* more answers than fit, each of about 40 bytes */
        admit("r", OPERATOR, &request);
        serve_all();
        flush();
    }
    cr_assert_eq(broker_in_flight(broker), 0, "the last ones were refused");
    request.kind = span_text("ghost");
    for (int i = 0; i < 100; i++) {
        admit("r", OPERATOR, &request); /* no room even for the refusals, in the end */
    }
    send_answer = SEND_DONE;
    broker_flush(broker, record, NULL, NOW_US + 2000);
    cr_assert(sent_total > 0 && sent[0].len <= 4096, "%zu bytes", sent[0].len);
    cr_assert_eq(broker_queued(broker), 0);
    request = echo_request(2);
    admit("r", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 1);
}

Test(broker_admit, a_stranger_past_the_bound_of_peers_is_told_busy) {
    envelope_t request = echo_request(1);
    char routing_id[8];
    for (uint32_t i = 0; i < defaults.peers_max; i++) {
        snprintf(routing_id, sizeof routing_id, "p%u", i);
        admit(routing_id, OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    }
    flush();
    admit("late", OPERATOR, &request);
    (void)answer();
    cr_assert_str_eq(sent[0].routing_id, "late");
    assert_text(body_text(&tape, "code"), "busy");
    cr_assert_eq(broker_in_flight(broker), 0);
}

/* Handles. */

static void assert_code(const char *routing_id, const envelope_t *request, const char *code) {
    admit(routing_id, OPERATOR, request);
    (void)answer();
    assert_text(body_text(&tape, "code"), code);
    cr_assert_eq(broker_in_flight(broker), 0);
}

static envelope_t request_on_behalf(const char *method, uint8_t handle) {
    envelope_t request = toy_request(1, "a", method);
    request.handle = span_of(handle_of(handle), HANDLE_BYTES);
    return request;
}

Test(broker_admit, a_handle_is_good_only_from_the_peer_that_opened_it) {
    open_handle("p", 1);
    read_away();
    envelope_t request = request_on_behalf("read", 1);
    assert_code("q", &request, "unauthenticated");
    request = request_on_behalf("read", 2);
    assert_code("p", &request, "unauthenticated");
    request = request_on_behalf("read", 0);
    assert_code("p", &request, "unauthenticated");
    request = request_on_behalf("read", 1);
    admit("p", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 1);
}

Test(broker_admit, a_handle_is_good_only_until_its_time) {
    uint8_t bytes[1024];
    open_handle("p", 1);
    read_away();
    envelope_t request = request_on_behalf("read", 1);
    span_t frame = envelope_bytes(&request, bytes, sizeof bytes);
    broker_admit(broker, span_text("p"), OPERATOR, frame, NOW_US, UNIX_MS + 1000);
    assert_read("p", "error 1 unauthenticated");
    broker_admit(broker, span_text("p"), OPERATOR, frame, NOW_US, UNIX_MS + 999);
    cr_assert_eq(broker_in_flight(broker), 1);
}

Test(broker_admit, the_rights_of_a_person_come_in_place_of_the_keys) {
    open_handle_for("p", 1, "ada", person_role_USER);
    open_handle_for("p", 2, "root", person_role_ADMIN);
    read_away();
    envelope_t request = request_on_behalf("serve", 1);
    assert_code("p", &request, "forbidden");
    request = request_on_behalf("serve", 2);
    assert_code("p", &request, "forbidden");
    request = request_on_behalf("rule", 1);
    assert_code("p", &request, "forbidden");
    request = request_on_behalf("act", 2);
    assert_code("p", &request, "forbidden");
    request = toy_request(1, "a", "own"); /* a key is no person */
    assert_code("p", &request, "forbidden");
    const char *const allowed[] = {"own", "read", "rule"};
    for (uint8_t handle = 1; handle <= 2; handle++) {
        for (size_t i = 0; i < (handle == 1 ? 2 : 3); i++) {
            request = request_on_behalf(allowed[i], handle);
            admit("p", OPERATOR, &request);
            asked_t asked = take_only();
            cr_assert_eq(asked.request.roles, handle == 1 ? ROLE_USER : ROLE_USER | ROLE_ADMIN);
            assert_text(asked.request.subject, handle == 1 ? "ada" : "root");
            cr_assert(asked.request.has_handle);
            cr_assert_arr_eq(asked.request.handle, handle_of(handle), HANDLE_BYTES);
            add_reply(&asked, 0);
            forward();
        }
    }
}

Test(broker_admit, without_a_handle_there_is_no_subject) {
    open_handle("p", 1);
    asked_t asked = ask("p", 1, "a");
    cr_assert_eq(asked.request.roles, ROLE_OPERATOR);
    cr_assert_null(asked.request.subject.ptr);
    cr_assert_not(asked.request.has_handle);
    add_reply(&asked, 0);
    forward();
}

Test(broker_admit, a_subject_is_forbidden_beside_or_without_a_handle) {
    open_handle("p", 1);
    read_away();
    envelope_t request = toy_request(1, "a", "read");
    request.subject = span_text("ada");
    request.role = span_text("USER");
    assert_code("p", &request, "forbidden");
}

/* Upserts. */

Test(broker_admit, an_upsert_writes) {
    broker_set_storage_full(broker, true);
    envelope_t request = toy_request(1, "a", "upsert");
    assert_code("p", &request, "storage_full");
    request = toy_request(1, "", "make");
    assert_code("p", &request, "storage_full");
}

Test(broker_admit, an_upsert_needs_a_key_unless_it_makes_one) {
    envelope_t request = toy_request(1, "", "upsert");
    assert_code("p", &request, "invalid_address");
    request = toy_request(1, "a/b", "make");
    assert_code("p", &request, "invalid_address");
    request = toy_request(1, "", "make");
    admit("p", OPERATOR, &request);
    asked_t asked = take_only();
    cr_assert_eq(asked.request.key.len, UUID_TEXT_BYTES);
    cr_assert_eq(asked.request.partition, address_partition(span_text("toy"), asked.request.key));
    add_reply(&asked, 0);
    forward();
    request = toy_request(2, "mine", "make");
    admit("p", OPERATOR, &request);
    asked = take_only();
    assert_text(asked.request.key, "mine");
    add_reply(&asked, 0);
    forward();
}

Test(broker_admit, a_ping_is_answered_with_a_session_that_it_may_keep) {
    uint8_t session[SESSION_BYTES], again[SESSION_BYTES];
    open_session(session);
    cr_assert_eq(body_number(&tape, "heartbeat_ms"), 5000);
    cr_assert_eq(body_number(&tape, "session_ms"), 86400000);
    assert_text(body_text(&tape, "version"), DORAN_VERSION);
    uint64_t number = body_number(&tape, "number");
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING, .id = 77, .session = span_of(session, sizeof session)});
    cr_assert_eq(answer().id, 77);
    uint32_t index = tape_find(&tape, envelope_body_token(&tape), "session");
    cr_assert_arr_eq(tape.tokens[index].ptr, session, sizeof session);
    cr_assert_eq(body_number(&tape, "number"), number);
    memset(again, 5, sizeof again);
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING, .session = span_of(again, sizeof again)});
    (void)answer();
    index = tape_find(&tape, envelope_body_token(&tape), "session");
    cr_assert_neq(memcmp(tape.tokens[index].ptr, again, sizeof again), 0, "a bad one is replaced");
    cr_assert_neq(memcmp(tape.tokens[index].ptr, session, sizeof session), 0);
}

Test(broker_admit, a_request_reaches_its_shard_whole_and_its_answer_comes_back) {
    uint8_t session[SESSION_BYTES], trace[TRACE_BYTES] = {3};
    open_session(session);
    envelope_t request = echo_request(42);
    request.session = span_of(session, sizeof session);
    request.lowest_unanswered = 40;
    request.timeout_ms = 1500;
    request.trace = span_of(trace, sizeof trace);
    request.body = span_of("\x81\xa4"
                           "data\x07",
                           7);
    admit("r", OPERATOR, &request);
    uint16_t shard = shard_of("echo", request.key);
    requests_t *requests = broker_take(broker, shard);
    cr_assert_not_null(requests);
    cr_assert_eq(requests->count, 1);
    const request_t *item = &requests->items[0];
    cr_assert_eq(item->id, 42);
    cr_assert_eq(item->lowest_unanswered, 40);
    cr_assert_eq(item->received_us, NOW_US);
    cr_assert_eq(item->deadline_us, NOW_US + 1500000);
    cr_assert_str_eq(item->kind->name, "echo");
    cr_assert_str_eq(item->method->name, "echo");
    cr_assert_eq(item->roles, ROLE_OPERATOR);
    cr_assert_eq(item->type, REQUEST_CALL);
    cr_assert_eq(item->hops, 0);
    cr_assert_eq(item->partition, address_partition(span_text("echo"), span_text("a")));
    cr_assert(item->has_session);
    cr_assert_arr_eq(item->session, session, sizeof session);
    assert_text(item->key, "a");
    cr_assert(span_equal(item->trace, request.trace));
    cr_assert(span_equal(item->body, request.body));
    serve(requests);
    envelope_t reply = answer();
    cr_assert_eq(reply.type, ENVELOPE_REPLY);
    cr_assert_eq(reply.id, 42);
    cr_assert(span_equal(reply.body, request.body));
    cr_assert_str_eq(sent[0].routing_id, "r");
}

Test(broker_admit, a_request_without_time_or_session_gets_the_default_and_none) {
    envelope_t request = echo_request(1);
    admit("r", OPERATOR, &request);
    requests_t *requests = broker_take(broker, shard_of("echo", request.key));
    cr_assert_eq(requests->items[0].deadline_us, NOW_US + 30000000);
    cr_assert_not(requests->items[0].has_session);
    cr_assert_null(requests->items[0].trace.ptr);
    serve(requests);
}

Test(broker_admit, a_query_goes_to_every_shard) {
    envelope_t request = echo_request(8);
    request.kind = span_text("user");
    request.method = span_text("list");
    request.key = span_text("");
    admit("r", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 2);
    for (uint16_t shard = 0; shard < 2; shard++) {
        requests_t *requests = broker_take(broker, shard);
        cr_assert_eq(requests->count, 1);
        cr_assert_eq(requests->items[0].key.len, 0);
        serve(requests);
    }
    cr_assert_eq(broker_in_flight(broker), 0);
    cr_assert_eq(flush(), 1, "both answers in one frame");
}

static void take_created_key(char key[UUID_TEXT_BYTES]) {
    for (uint16_t shard = 0; shard < 2; shard++) {
        requests_t *requests = broker_take(broker, shard);
        if (requests != NULL) {
            const request_t *item = &requests->items[0];
            cr_assert_eq(item->key.len, UUID_TEXT_BYTES);
            cr_assert_eq(item->partition, address_partition(span_text("user"), item->key));
            cr_assert_eq(item->partition % 2, shard);
            memcpy(key, item->key.ptr, UUID_TEXT_BYTES);
            serve(requests);
        }
    }
    flush();
}

Test(broker_admit, a_create_without_key_that_is_sent_again_meets_the_same_actor) {
    uint8_t session[SESSION_BYTES];
    char first[UUID_TEXT_BYTES], again[UUID_TEXT_BYTES], other[UUID_TEXT_BYTES];
    open_session(session);
    envelope_t request = echo_request(4);
    request.kind = span_text("user");
    request.method = span_text("create");
    request.key = span_text("");
    request.session = span_of(session, sizeof session);
    admit("r", OPERATOR, &request);
    take_created_key(first);
    restart(&defaults);
    admit("r2", OPERATOR, &request);
    take_created_key(again);
    cr_assert_arr_eq(first, again, sizeof first);
    request.id = 5;
    admit("r2", OPERATOR, &request);
    take_created_key(other);
    cr_assert_neq(memcmp(first, other, sizeof first), 0);
    request.session = (span_t){0};
    admit("r2", OPERATOR, &request);
    take_created_key(first);
    admit("r2", OPERATOR, &request);
    take_created_key(other);
    cr_assert_neq(memcmp(first, other, sizeof first), 0, "without a session every one is new");
}

Test(broker_admit, requests_of_one_peer_keep_their_order) {
    envelope_t request = echo_request(0);
    for (uint64_t id = 1; id <= 3000; id++) {
        request.id = id;
        admit("r", OPERATOR, &request);
    }
    uint16_t shard = shard_of("echo", request.key);
    uint64_t expected = 1;
    requests_t *requests;
    for (int i = 0; (requests = broker_take(broker, shard)) != NULL || i < 2; i++) {
        for (uint32_t j = 0; requests != NULL && j < requests->count; j++) {
            cr_assert_eq(requests->items[j].id, expected++);
        }
        if (requests != NULL) {
            serve(requests);
        }
    }
    cr_assert_eq(expected, 3001);
    cr_assert_eq(broker_in_flight(broker), 0);
}
