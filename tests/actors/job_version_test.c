/* SPDX-License-Identifier: MIT */
/* Plans of jobs that are changed by who has seen another one. */
#include "tests/actors/shard_fixture.h"

static fixture_t fixture;

static void setup(void) {
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(job_version, .init = setup, .fini = teardown);

static void assert_answer(const char *method, const char *body, const char *begin, const char *part) {
    const char *text =
        fixture_call(&fixture, &(call_t){.kind = "job", .key = "user-statistics", .method = method, .body = body});
    cr_assert(fixture_is(text, begin) && strstr(text, part) != NULL, "%s", text);
}

#define PUT(fields) "{\"schedule\":{\"every_s\":3600}" fields "}"
#define STALE ERROR_TEXT("precondition_failed")

Test(job_version, who_has_seen_another_plan_changes_nothing) {
    assert_answer("put", PUT(",\"version\":1"), STALE, "the current version is 0");
    assert_answer("put", PUT(""), "reply", "\"version\":1,");
    assert_answer("put", PUT(",\"version\":0"), STALE, "the current version is 1");
    assert_answer("put", PUT(",\"version\":2"), STALE, "the current version is 1");
    assert_answer("pause", "{\"version\":2}", STALE, "the current version is 1");
    assert_answer("resume", "{\"version\":2}", STALE, "the current version is 1");
    assert_answer("get", NULL, "reply", "\"version\":1,");
    assert_answer("pause", "{\"version\":0}", ERROR_TEXT("invalid"), "version");
}

Test(job_version, who_has_seen_this_one_changes_it) {
    assert_answer("put", PUT(",\"version\":0"), "reply", "\"version\":1,");
    assert_answer("pause", "{\"version\":1}", "reply", "\"version\":2,");
    assert_answer("pause", "{\"version\":2}", "reply", "\"version\":2,");
    assert_answer("resume", "{\"version\":2}", "reply", "\"version\":3,");
    assert_answer("put", PUT(",\"version\":3"), "reply", "\"version\":4,");
}
