/* SPDX-License-Identifier: MIT */
/* What a kind lets others see. */
#include "actors/query.h"
#include "tests/actors/shard_fixture.h"

static list_request_t with_value(const char *field, const char *value) {
    list_request_t asked = {0};
    FIELD_SET(list_request, &asked, field, span_text(field));
    FIELD_SET(list_request, &asked, value, span_text(value));
    return asked;
}

static status_t narrow(list_request_t *asked, const listing_t *listing, uint32_t roles, const char *user) {
    return query_narrow(asked, listing, roles, user == NULL ? (span_t){0} : span_text(user));
}

static const listing_t of_nobody = {0}, of_own = {.roles = ROLE_USER, .field = "name"},
                       of_red = {.roles = ROLE_USER, .field = "colour", .value = "RED"},
                       of_all = {.roles = ROLE_USER | ROLE_GATEWAY};

Test(query_narrow, who_may_not_list_a_kind_is_refused) {
    list_request_t asked = {0};
    cr_assert_eq(narrow(&asked, &of_nobody, ROLE_USER, "ann"), STATUS_FORBIDDEN);
    cr_assert_eq(narrow(&asked, &of_nobody, ROLE_GATEWAY, NULL), STATUS_FORBIDDEN);
    cr_assert_eq(narrow(&asked, &of_own, ROLE_GATEWAY, NULL), STATUS_FORBIDDEN);
    cr_assert_eq(narrow(&asked, &of_own, ROLE_USER, NULL), STATUS_FORBIDDEN, "nobody has nothing");
    cr_assert_eq(asked.present, 0);
}

Test(query_narrow, who_asks_for_more_than_is_theirs_is_refused) {
    list_request_t asked = with_value("name", "bea");
    cr_assert_eq(narrow(&asked, &of_own, ROLE_USER, "ann"), STATUS_FORBIDDEN);
    asked = with_value("colour", "ann");
    cr_assert_eq(narrow(&asked, &of_own, ROLE_USER, "ann"), STATUS_FORBIDDEN);
    asked = with_value("colour", "BLUE");
    cr_assert_eq(narrow(&asked, &of_red, ROLE_USER, "ann"), STATUS_FORBIDDEN);
    asked = with_value("name", "ann");
    cr_assert_eq(narrow(&asked, &of_red, ROLE_USER, "ann"), STATUS_FORBIDDEN);
}

static void assert_narrowed(list_request_t asked, const listing_t *listing, const char *field, const char *value) {
    FIXTURE_OK(narrow(&asked, listing, ROLE_USER, "ann"));
    cr_assert(FIELD_HAS(list_request, &asked, field) && span_equal(asked.field, span_text(field)));
    cr_assert(FIELD_HAS(list_request, &asked, value) && span_equal(asked.value, span_text(value)));
}

Test(query_narrow, who_asks_for_all_or_for_theirs_gets_theirs) {
    list_request_t any = with_value("name", "");
    any.present = FIELD_BIT(list_request, field);
    assert_narrowed((list_request_t){0}, &of_own, "name", "ann");
    assert_narrowed(with_value("name", "ann"), &of_own, "name", "ann");
    assert_narrowed(any, &of_own, "name", "ann");
    assert_narrowed((list_request_t){0}, &of_red, "colour", "RED");
    assert_narrowed(with_value("name", "bea"), &of_all, "name", "bea");
}

Test(query_narrow, who_may_see_everything_is_not_narrowed) {
    static const uint32_t roles[] = {ROLE_OPERATOR, ROLE_SERVICE, ROLE_USER | ROLE_ADMIN};
    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++) {
        list_request_t asked = {0};
        FIXTURE_OK(narrow(&asked, &of_nobody, roles[i], "ann"));
        FIXTURE_OK(narrow(&asked, &of_own, roles[i], "ann"));
        cr_assert_eq(asked.present, 0);
    }
}
