/* SPDX-License-Identifier: MIT */
#include "schemas/status.h"

#include <criterion/criterion.h>

Test(status, a_code_that_is_not_in_the_table_is_not_found) {
    status_t status = STATUS_BUSY;
    cr_assert_not(status_parse(span_text("no_such_code"), &status));
    cr_assert_not(status_parse(span_text(""), &status));
    cr_assert_not(status_parse(span_text("busy "), &status));
    cr_assert_eq(status, STATUS_BUSY, "untouched");
}

Test(status, every_status_has_a_code_of_its_own_that_leads_back) {
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        status_t status = STATUS_COUNT;
        cr_assert(status_parse(span_text(status_code((status_t)i)), &status));
        cr_assert_eq(status, (status_t)i, "%s is there twice", status_code((status_t)i));
        cr_assert_gt(strlen(status_text((status_t)i)), 0);
    }
}

Test(status, only_ok_is_a_success_in_http) {
    cr_assert_eq(status_http(STATUS_OK), 200);
    for (unsigned i = 1; i < STATUS_COUNT; i++) {
        cr_assert(status_http((status_t)i) >= 400 && status_http((status_t)i) < 600, "%s", status_code((status_t)i));
    }
}

Test(status, what_may_succeed_later_unchanged_is_retryable) {
    cr_assert(status_retryable(STATUS_BUSY));
    cr_assert(status_retryable(STATUS_STORAGE_FULL));
    cr_assert_not(status_retryable(STATUS_INVALID));
    cr_assert_not(status_retryable(STATUS_OK));
}
