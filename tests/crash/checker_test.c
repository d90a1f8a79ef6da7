/* SPDX-License-Identifier: MIT */
/* Every history here that must not be, must be found; those that may be, must pass. */
#include "tests/crash/checker.h"

#include <criterion/criterion.h>

static history_t *history;
static uint16_t client;
static uint32_t actor;
static uint64_t next_id;
static char last_line[512];

static void start(void) {
    history = history_new();
    client = history_add_client(history, "test");
    actor = history_add_actor(history, "mina");
    next_id = 1;
    last_line[0] = 0;
}

static void finish(void) {
    history_destroy(&history);
}

TestSuite(crash_checker, .init = start, .fini = finish);

static void keep_line(void *context, const char *line) {
    (void)context;
    snprintf(last_line, sizeof last_line, "%s", line);
}

static void expect(uint64_t lost, uint64_t doubled, uint64_t differed, uint64_t unexpected) {
    verdict_t verdict = checker_check(history, keep_line, NULL);
    cr_assert_eq(verdict.lost, lost, "lost %lu: %s", verdict.lost, last_line);
    cr_assert_eq(verdict.doubled, doubled, "doubled %lu: %s", verdict.doubled, last_line);
    cr_assert_eq(verdict.differed, differed, "differed %lu: %s", verdict.differed, last_line);
    cr_assert_eq(verdict.unexpected, unexpected, "unexpected %lu: %s", verdict.unexpected, last_line);
}

static uint32_t invoke(operation_type_t type, uint64_t value) {
    return history_invoke(history, client, next_id++, type, actor, value);
}

static void answer(uint32_t operation, uint64_t version, uint64_t value) {
    history_answer(history, operation,
                   &(answer_t){.outcome = OUTCOME_ACKNOWLEDGED, .version = version, .value = value, .digest = version});
}

static uint32_t done(operation_type_t type, uint64_t value, uint64_t version) {
    uint32_t operation = invoke(type, value);
    answer(operation, version, 0);
    return operation;
}

static void read_back(uint64_t version, uint64_t value) {
    answer(invoke(OPERATION_READ, 0), version, value);
}

static void fail(uint32_t operation, outcome_t outcome, status_t status) {
    history_answer(history, operation, &(answer_t){.outcome = outcome, .status = status});
}

Test(crash_checker, an_acknowledged_update_that_is_gone_is_lost) {
    done(OPERATION_CREATE, 10, 1);
    done(OPERATION_UPDATE, 11, 2);
    history_killed(history);
    read_back(1, 10);
    expect(1, 0, 0, 0);
    cr_assert_not_null(
        strstr(last_line, "request 2 (test), update of user/mina after kill 0, acknowledged as version 2"));
    cr_assert_not_null(strstr(last_line, "sent after kill 1, found version 1"));
}

Test(crash_checker, a_loss_is_found_though_its_retry_makes_it_good_again) {
    done(OPERATION_CREATE, 10, 1);
    uint32_t update = done(OPERATION_UPDATE, 11, 2);
    history_killed(history);
    read_back(1, 10);
    history_sent_again(history, update);
    answer(update, 2, 0);
    read_back(2, 11);
    expect(1, 0, 0, 0);
}

Test(crash_checker, a_version_made_twice_is_a_loss) {
    done(OPERATION_CREATE, 10, 1);
    uint32_t a = invoke(OPERATION_UPDATE, 11), b = invoke(OPERATION_UPDATE, 12);
    answer(a, 2, 0);
    answer(b, 2, 0);
    read_back(2, 12);
    expect(1, 0, 0, 0);
}

Test(crash_checker, an_update_whose_version_was_made_again_after_the_crash_is_lost) {
    done(OPERATION_CREATE, 10, 1);
    done(OPERATION_UPDATE, 11, 2);
    history_killed(history);
    done(OPERATION_UPDATE, 12, 2);
    read_back(2, 12);
    expect(1, 0, 0, 0);
}

Test(crash_checker, a_version_with_the_value_of_another_request_is_a_loss) {
    done(OPERATION_CREATE, 10, 1);
    uint32_t unanswered = invoke(OPERATION_UPDATE, 12);
    (void)unanswered;
    done(OPERATION_UPDATE, 11, 2);
    read_back(2, 12);
    expect(1, 0, 0, 0);
}

Test(crash_checker, an_actor_that_is_gone_is_lost) {
    done(OPERATION_CREATE, 10, 1);
    fail(invoke(OPERATION_READ, 0), OUTCOME_ABSENT, STATUS_NOT_FOUND);
    expect(1, 0, 0, 0);
}

Test(crash_checker, an_update_that_finds_no_actor_shows_the_loss_too) {
    done(OPERATION_CREATE, 10, 1);
    fail(invoke(OPERATION_UPDATE, 11), OUTCOME_ABSENT, STATUS_NOT_FOUND);
    expect(1, 0, 0, 0);
}

Test(crash_checker, what_was_read_may_not_vanish) {
    done(OPERATION_CREATE, 10, 1);
    invoke(OPERATION_UPDATE, 11);
    read_back(2, 11);
    history_killed(history);
    read_back(1, 10);
    expect(1, 0, 0, 0);
    cr_assert_not_null(strstr(last_line, "read of user/mina"));
}

Test(crash_checker, a_value_at_two_versions_is_doubled) {
    done(OPERATION_CREATE, 10, 1);
    done(OPERATION_UPDATE, 11, 2);
    read_back(3, 11);
    expect(0, 2, 0, 0); /* and there are three versions of two requests */
}

Test(crash_checker, an_unanswered_value_at_two_versions_is_doubled) {
    done(OPERATION_CREATE, 10, 1);
    invoke(OPERATION_UPDATE, 11);
    invoke(OPERATION_UPDATE, 12);
    read_back(2, 11);
    read_back(3, 11);
    expect(0, 1, 0, 0);
}

Test(crash_checker, more_versions_than_requests_are_doubled) {
    done(OPERATION_CREATE, 10, 1);
    done(OPERATION_UPDATE, 11, 2);
    done(OPERATION_UPDATE, 12, 5);
    read_back(5, 12);
    expect(0, 2, 0, 0);
}

Test(crash_checker, a_retry_that_is_answered_otherwise_differs) {
    done(OPERATION_CREATE, 10, 1);
    uint32_t update = done(OPERATION_UPDATE, 11, 2);
    history_sent_again(history, update);
    history_answer(history, update,
                   &(answer_t){.outcome = OUTCOME_ACKNOWLEDGED, .version = 2, .value = 0, .digest = 99});
    read_back(2, 11);
    expect(0, 0, 1, 0);
}

Test(crash_checker, a_retry_that_is_refused_differs) {
    uint32_t create = done(OPERATION_CREATE, 10, 1);
    history_sent_again(history, create);
    fail(create, OUTCOME_REFUSED, STATUS_CONFLICT);
    expect(0, 0, 1, 0);
}

Test(crash_checker, an_error_that_nobody_asked_for_is_unexpected) {
    fail(invoke(OPERATION_CREATE, 10), OUTCOME_REFUSED, STATUS_CONFLICT);
    expect(0, 0, 0, 1);
}

Test(crash_checker, a_record_that_nobody_wrote_is_unexpected) {
    done(OPERATION_CREATE, 10, 1);
    invoke(OPERATION_UPDATE, 11);
    read_back(2, 0);
    expect(0, 0, 0, 1);
}

Test(crash_checker, a_create_that_does_not_begin_is_unexpected) {
    done(OPERATION_CREATE, 10, 2);
    expect(0, 0, 0, 1);
}

Test(crash_checker, requests_that_overtake_are_unexpected) {
    done(OPERATION_CREATE, 10, 1);
    uint32_t first = invoke(OPERATION_UPDATE, 11), second = invoke(OPERATION_UPDATE, 12);
    answer(second, 2, 0);
    answer(first, 3, 0);
    expect(0, 0, 0, 1);
}

Test(crash_checker, one_that_was_sent_again_may_be_overtaken) {
    done(OPERATION_CREATE, 10, 1);
    uint32_t first = invoke(OPERATION_UPDATE, 11), second = invoke(OPERATION_UPDATE, 12);
    history_sent_again(history, first);
    answer(second, 2, 0);
    answer(first, 3, 0);
    expect(0, 0, 0, 0);
}

Test(crash_checker, unanswered_requests_may_have_happened_or_not) {
    done(OPERATION_CREATE, 10, 1);
    invoke(OPERATION_UPDATE, 11);
    invoke(OPERATION_UPDATE, 12);
    done(OPERATION_UPDATE, 13, 3);
    history_killed(history);
    read_back(3, 13);
    read_back(4, 12);
    expect(0, 0, 0, 0);
}

Test(crash_checker, requests_under_way_at_the_same_time_may_take_any_order) {
    done(OPERATION_CREATE, 10, 1);
    uint32_t update = invoke(OPERATION_UPDATE, 11), read = invoke(OPERATION_READ, 0);
    answer(update, 2, 0);
    answer(read, 1, 10);
    read_back(2, 11);
    expect(0, 0, 0, 0);
}

Test(crash_checker, a_retry_after_the_crash_with_the_first_answer_is_fine) {
    uint32_t create = done(OPERATION_CREATE, 10, 1);
    uint32_t update = invoke(OPERATION_UPDATE, 11);
    history_killed(history);
    read_back(2, 11);
    history_sent_again(history, update);
    history_sent_again(history, create);
    answer(update, 2, 0);
    answer(create, 1, 0);
    expect(0, 0, 0, 0);
}

Test(crash_checker, actors_are_judged_apart) {
    uint32_t other = history_add_actor(history, "other");
    done(OPERATION_CREATE, 10, 1);
    uint32_t create = history_invoke(history, client, next_id++, OPERATION_CREATE, other, 20);
    answer(create, 1, 0);
    done(OPERATION_UPDATE, 11, 2);
    uint32_t update = history_invoke(history, client, next_id++, OPERATION_UPDATE, other, 21);
    answer(update, 2, 0);
    read_back(2, 11);
    expect(0, 0, 0, 0);
}

Test(crash_checker, an_actor_in_the_list_that_no_request_made_is_doubled) {
    done(OPERATION_CREATE, 10, 1);
    history_row(history, span_text("mina"), 1);
    history_row(history, span_text("nobody"), 1);
    history_listed(history);
    expect(0, 1, 0, 0);
}

Test(crash_checker, an_unanswered_create_may_have_made_an_actor) {
    done(OPERATION_CREATE, 10, 1);
    uint32_t unnamed = history_add_actor(history, NULL);
    history_invoke(history, client, next_id++, OPERATION_CREATE, unnamed, 20);
    history_row(history, span_text("mina"), 1);
    history_row(history, span_text("somebody"), 1);
    history_listed(history);
    expect(0, 0, 0, 0);
}

Test(crash_checker, an_actor_that_the_list_lacks_is_lost) {
    done(OPERATION_CREATE, 10, 1);
    history_listed(history);
    expect(1, 0, 0, 0);
}

Test(crash_checker, an_actor_that_the_list_has_in_an_older_version_is_lost) {
    done(OPERATION_CREATE, 10, 1);
    done(OPERATION_UPDATE, 11, 2);
    history_row(history, span_text("mina"), 1);
    history_listed(history);
    expect(1, 0, 0, 0);
}
