/* SPDX-License-Identifier: MIT */
/* Without a server: handles are asked for and never come. What its answers do is tested by tests/bridge/auth_test. */
#include "tools/bridge/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "tools/bridge/pump.h"

enum { PEOPLE_MAX = 4 };

static char folder[] = "/tmp/doran-people-test.XXXXXX";
static char error[512];
static bridge_t bridge;
static pump_t *pump;
static people_t *people;
static const char *why;

static void set_up(void) {
    CHECK(sodium_init() >= 0 && mkdtemp(folder) != NULL, "%s", folder);
    bridge = (bridge_t){.settings = settings_defaults(), .data = folder, .base = event_base_new()};
    bridge.settings.people_max = PEOPLE_MAX;
    event_base_priority_init(bridge.base, 2);
    bridge.server = doran_open(&(doran_options_t){.endpoint = "ipc:///nowhere"}, error, sizeof error);
    CHECK(bridge.server != NULL, "%s", error);
    pump = pump_new(&bridge);
    people = people_new(&bridge, error, sizeof error);
    CHECK(people != NULL, "%s", error);
}

static void tear_down(void) {
    char path[128];
    people_destroy(&people);
    pump_destroy(&pump);
    doran_close(&bridge.server);
    event_base_free(bridge.base);
    snprintf(path, sizeof path, "%s/secrets/tokens.jwk", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/secrets", folder);
    rmdir(path);
    rmdir(folder);
}

TestSuite(people, .init = set_up, .fini = tear_down);

static char *sign(const char *user, const char *session) {
    uint64_t expires_ms;
    return people_sign(people, user, session, &expires_ms);
}

static person_t *find(const char *token) {
    return people_find(people, span_text(token), &why);
}

/* Finds and lets go. NULL: not found. Only to be compared. */
static const person_t *visit(const char *token) {
    person_t *person = find(token);
    const person_t *seen = person;
    people_release(&person);
    return seen;
}

Test(people, nobody_has_a_bad_token) {
    cr_expect_null(find("x"));
    cr_expect_str_eq(why, "malformed");
}

Test(people, a_token_that_was_good_expires) {
    bridge.settings.access_token_ms = 10;
    char *token = sign("mina", "s1");
    uint64_t end_ms = bridge_now_ms() + 10;
    cr_expect_not_null(visit(token));
    while (bridge_now_ms() < end_ms) {
    }
    cr_expect_null(visit(token));
    cr_expect_str_eq(why, "expired");
    free(token);
}

Test(people, sessions_are_not_mixed_up) {
    char *tokens[] = {sign("mina", "s1"), sign("mina", "s2"), sign("noor", "s3")};
    person_t *persons[] = {find(tokens[0]), find(tokens[1]), find(tokens[2])};
    cr_expect_neq(persons[0], persons[1]);
    cr_expect_neq(people_client(persons[0]), people_client(persons[1]));
    cr_expect_str_eq(people_user(persons[2]), "noor");
    cr_expect_str_eq(people_session(persons[2]), "s3");
    for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
        people_release(&persons[i]);
        free(tokens[i]);
    }
}

Test(people, a_session_is_one_person_whatever_its_token) {
    char *first = sign("mina", "s1"), *second = sign("mina", "s1");
    person_t *person = find(first);
    cr_expect_str_neq(first, second);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(visit(second), person);
        cr_expect_eq(visit(first), person);
    }
    people_release(&person);
    free(first);
    free(second);
}

Test(people, the_end_of_the_last_token_is_known) {
    uint64_t first_ms, second_ms;
    char *first = people_sign(people, "mina", "s1", &first_ms);
    bridge.settings.access_token_ms *= 2;
    char *second = people_sign(people, "mina", "s1", &second_ms);
    person_t *person = find(first);
    cr_expect_eq(people_expires_ms(person), first_ms);
    cr_expect_eq(visit(second), person);
    cr_expect_eq(people_expires_ms(person), second_ms);
    people_release(&person);
    free(first);
    free(second);
}

Test(people, who_is_held_is_never_the_one_to_go) {
    char *token = sign("mina", "s0"), name[16];
    person_t *held = find(token);
    for (int i = 1; i < 100; i++) {
        snprintf(name, sizeof name, "s%d", i);
        char *other = sign("mina", name);
        cr_assert_not_null(visit(other));
        free(other);
    }
    cr_expect_eq(visit(token), held);
    cr_expect_str_eq(people_session(held), "s0");
    people_release(&held);
    free(token);
}

Test(people, who_asked_last_stays_longest) {
    char *tokens[PEOPLE_MAX + 1];
    const person_t *first = NULL;
    for (int i = 0; i < PEOPLE_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        tokens[i] = sign("mina", name);
        const person_t *seen = visit(tokens[i]);
        first = i == 0 ? seen : first;
    }
    cr_expect_eq(visit(tokens[0]), first);
    tokens[PEOPLE_MAX] = sign("mina", "new");
    cr_expect_not_null(visit(tokens[PEOPLE_MAX])); /* for whom s1 goes */
    cr_expect_eq(visit(tokens[0]), first);
    for (int i = 0; i <= PEOPLE_MAX; i++) {
        free(tokens[i]);
    }
}

static void count(void *context, doran_code_t code) {
    (void)code;
    *(int *)context += 1;
}

Test(people, a_watcher_that_looks_away_is_told_nothing) {
    int told = 0;
    char *token = sign("mina", "s1");
    person_t *person = find(token);
    watcher_t first = {.ended = count, .context = &told}, second = first;
    people_watch(person, &first);
    people_watch(person, &second);
    people_unwatch(&first);
    people_unwatch(&second);
    people_release(&person);
    free(token);
    cr_expect_eq(told, 0);
}

Test(people, the_end_takes_those_who_are_held) {
    char *token = sign("mina", "s1");
    person_t *person = find(token);
    cr_expect_not_null(person);
    cr_expect_eq(people_ended(person), DORAN_OK);
    free(token);
    people_destroy(&people); /* and leaks nothing */
}
