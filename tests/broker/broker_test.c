/* SPDX-License-Identifier: MIT */
/* What leaves, and what changes from outside. */
#include "broker/broker.h"

#include "tests/broker/broker_fixture.h"

TestSuite(broker, .init = start_default, .fini = stop);

/* Answers that must not arrive, or not whole. */

static envelope_t send_unread(uint64_t id, const uint8_t *session) {
    static uint8_t body[KIB(2)] = {0x81, 0xa4, 'd', 'a', 't', 'a', 0xc5, (KIB(2) - 9) >> 8, (KIB(2) - 9) & 0xff};
    envelope_t request = echo_request(id);
    request.body = span_of(body, sizeof body);
    request.session = session != NULL ? span_of(session, SESSION_BYTES) : (span_t){0};
    admit("r", OPERATOR, &request);
    return request;
}

Test(broker, answers_without_room_become_errors_and_each_request_gets_one) {
    broker_options_t options = defaults;
    options.peer_queue_bytes_max = 8192;
    restart(&options);
    uint8_t session[SESSION_BYTES];
    open_session(session);
    for (uint64_t id = 1; id <= 100; id++) { /* all taken, since nothing waits yet */
        send_unread(id, id % 2 == 0 ? session : NULL);
    }
    cr_assert_eq(broker_in_flight(broker), 100);
    serve_all();
    send_answer = SEND_DONE;
    cr_assert(flush() <= ARRAY_LENGTH(sent));
    bool answered[101] = {false};
    int errors = 0;
    for (size_t i = 0; i < sent_count; i++) {
        span_t rest = span_of(sent[i].bytes, sent[i].len);
        for (size_t bytes; rest.len > 0; rest = span_of(rest.ptr + bytes, rest.len - bytes)) {
            envelope_t envelope;
            cr_assert_eq(envelope_decode(&envelope, &tape, rest, &bytes), STATUS_OK);
            cr_assert_not(answered[envelope.id], "%d twice", (int)envelope.id);
            answered[envelope.id] = true;
            if (envelope.type == ENVELOPE_ERROR) {
                errors++;
                assert_text(body_text(&tape, "code"), envelope.session.ptr != NULL ? "busy" : "deadline_exceeded");
            }
        }
    }
    for (int id = 1; id <= 100; id++) {
        cr_assert(answered[id], "%d", id);
    }
    cr_assert(errors > 90);
}

Test(broker, an_answer_for_a_peer_whose_user_changed_is_dropped_and_counted_out) {
    envelope_t request = echo_request(1);
    admit("r", OPERATOR, &request);
    admit("r", "ipc:gateway", &(envelope_t){.type = ENVELOPE_PING, .id = 9});
    serve_all();
    envelope_t pong = answer();
    cr_assert_eq(pong.type, ENVELOPE_PONG);
    cr_assert_eq(broker_in_flight(broker), 0);
}

Test(broker, an_unreachable_peer_is_forgotten_with_its_answers_and_its_requests_still_count_out) {
    envelope_t request = echo_request(1);
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    uint64_t number = (answer(), body_number(&tape, "number"));
    admit("r", OPERATOR, &request);
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    send_answer = SEND_UNREACHABLE;
    flush();
    send_answer = SEND_DONE;
    cr_assert_eq(broker_in_flight(broker), 1);
    serve_all();
    cr_assert_eq(broker_in_flight(broker), 0);
    cr_assert_eq(flush(), 0);
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    (void)answer();
    cr_assert_neq(body_number(&tape, "number"), number, "the SDK must see that it was forgotten");
}

Test(broker, a_revoked_key_can_do_nothing_more_and_a_new_one_can) {
    char error[256], path[256], text[128];
    const char *key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
    keys_t *keys;
    envelope_t request = echo_request(1);
    folder_make();
    mkdir(folder_path(path, "keys"), 0700);
    mkdir(folder_path(path, "keys/allowed"), 0700);
    snprintf(text, sizeof text, "public = %s\nroles = service\n", key);
    file_put("keys/allowed/x.key", 0600, text);
    admit("r", key, &request);
    (void)answer();
    assert_text(body_text(&tape, "code"), "forbidden");
    cr_assert_eq(keys_load(folder, &keys, error, sizeof error), STATUS_OK, "%s", error);
    broker_set_keys(broker, keys);
    admit("r", key, &request);
    cr_assert_eq(broker_in_flight(broker), 1);
    unlink(folder_path(path, "keys/allowed/x.key"));
    cr_assert_eq(keys_load(folder, &keys, error, sizeof error), STATUS_OK, "%s", error);
    broker_set_keys(broker, keys);
    admit("r", key, &request);
    (void)answer();
    assert_text(body_text(&tape, "code"), "forbidden");
    cr_assert_eq(broker_in_flight(broker), 1);
    folder_remove();
}

/* What must happen. */

Test(broker, a_tell_counts_out_without_an_answer) {
    envelope_t request = echo_request(1);
    request.type = ENVELOPE_TELL;
    admit("r", OPERATOR, &request);
    cr_assert_eq(broker_in_flight(broker), 1);
    serve_all();
    cr_assert_eq(broker_in_flight(broker), 0);
    cr_assert_eq(flush(), 0);
}

Test(broker, a_peer_that_takes_no_more_is_tried_again_and_does_not_hold_up_others) {
    envelope_t request = echo_request(1);
    admit("r", OPERATOR, &request);
    serve_all();
    send_answer = SEND_AGAIN;
    flush();
    cr_assert_eq(broker_queued(broker), 1);
    send_answer = SEND_DONE;
    admit("s", OPERATOR, &request);
    serve_all();
    cr_assert_eq(flush(), 1);
    cr_assert_str_eq(sent[0].routing_id, "s");
    sent_count = 0;
    cr_assert_eq(broker_flush(broker, record, NULL, NOW_US + 1000), 1);
    cr_assert_str_eq(sent[0].routing_id, "r");
}

Test(broker, idle_peers_are_forgotten) {
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    uint64_t number = (answer(), body_number(&tape, "number"));
    broker_tick(broker, NOW_US + 60000000, UNIX_MS);
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    cr_assert_eq((answer(), body_number(&tape, "number")), number);
    broker_tick(broker, NOW_US + 60000001, UNIX_MS);
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    cr_assert_neq((answer(), body_number(&tape, "number")), number);
}

Test(broker, connections_that_were_closed_give_their_places_up_when_places_get_scarce) {
    char routing_id[16];
    for (uint32_t i = 0; i < defaults.peers_max; i++) {
        snprintf(routing_id, sizeof routing_id, "r%u", i);
        admit(routing_id, OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    }
    flush();
    broker_tick(broker, NOW_US + 3 * 5000000, UNIX_MS); /* three heartbeats, not longer */
    admit("late", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    (void)answer();
    assert_text(body_text(&tape, "code"), "busy");
    broker_tick(broker, NOW_US + 3 * 5000000 + 1, UNIX_MS);
    admit("later", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    cr_assert_eq(answer().type, ENVELOPE_PONG);
}

/* Whatever comes, in flight ends at zero. */
Test(broker, a_long_random_history_counts_exactly) {
    unsigned seed = 7;
    uint8_t bytes[2048];
    requests_t *under_way[2 * REQUEST_BATCHES_PER_SHARD];
    size_t count = 0;
    for (int step = 0; step < 20000; step++) {
        char routing_id[8], user_id[16];
        snprintf(routing_id, sizeof routing_id, "r%d", rand_r(&seed) % 12);
        snprintf(user_id, sizeof user_id, rand_r(&seed) % 50 == 0 ? "ipc:gateway" : OPERATOR);
        envelope_t request = rand_r(&seed) % 20 == 0 ? stat_request((uint64_t)step) : echo_request((uint64_t)step);
        if (rand_r(&seed) % 10 == 0) {
            request.kind = span_text("user");
            request.key = span_text("");
            request.method = span_text("list");
        }
        request.type = rand_r(&seed) % 5 == 0 ? ENVELOPE_TELL : ENVELOPE_REQUEST;
        span_t frame = envelope_bytes(&request, bytes, sizeof bytes);
        if (rand_r(&seed) % 10 == 0) {
            bytes[(size_t)rand_r(&seed) % frame.len] ^= (uint8_t)rand_r(&seed);
        }
        admit_frame(routing_id, user_id, frame);
        uint16_t shard = (uint16_t)(rand_r(&seed) % 2);
        if (rand_r(&seed) % 4 == 0 && (under_way[count] = broker_take(broker, shard)) != NULL) {
            count++;
        }
        if (count > 0 && rand_r(&seed) % 4 == 0) {
            serve(under_way[--count]);
        }
        if (broker_probe(broker)) {
            tell_all();
        }
        send_answer = (send_result_t)(rand_r(&seed) % 3);
        flush();
    }
    while (count > 0) {
        serve(under_way[--count]);
    }
    serve_all();
    if (broker_probe(broker)) {
        tell_all();
    }
    cr_assert_eq(broker_in_flight(broker), 0);
}
