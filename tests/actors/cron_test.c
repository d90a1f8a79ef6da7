/* SPDX-License-Identifier: MIT */
#include "actors/cron.h"

#include <criterion/criterion.h>
#include <signal.h>

enum { ERROR_BYTES = 256 };

static void assert_refused(const char *text, const char *begin) {
    cron_t cron = {.minutes = 7};
    char error[ERROR_BYTES] = "";
    cr_assert_eq(cron_parse(&cron, span_text(text), error, sizeof error), STATUS_INVALID, "\"%s\" is taken", text);
    cr_assert_eq(strncmp(error, begin, strlen(begin)), 0, "\"%s\": %s", text, error);
    cr_assert_eq(cron.minutes, 7, "a failed parse leaves what was there");
}

static cron_t parsed(const char *text) {
    cron_t cron;
    char error[ERROR_BYTES] = "";
    cr_assert_eq(cron_parse(&cron, span_text(text), error, sizeof error), STATUS_OK, "\"%s\": %s", text, error);
    return cron;
}

static void assert_same(const char *one, const char *other) {
    cron_t a = parsed(one), b = parsed(other);
    bool same = a.minutes == b.minutes && a.hours == b.hours && a.days == b.days && a.months == b.months &&
                a.weekdays == b.weekdays && a.either == b.either;
    cr_assert(same, "\"%s\" is not \"%s\"", one, other);
}

/* Bits from `from` to `to`. */
static uint64_t bits(unsigned from, unsigned to) {
    return (UINT64_MAX >> (63 - (to - from))) << from;
}

Test(cron, another_number_of_fields_is_refused) {
    assert_refused("", "a cron expression has 5 fields");
    assert_refused("  \t ", "a cron expression has 5 fields");
    assert_refused("* * * *", "a cron expression has 5 fields");
    assert_refused("* * * * * *", "a cron expression has 5 fields");
    assert_refused("0 0 0 1 1 ? 2026", "a cron expression has 5 fields");
    assert_refused("* * * *\n*", "a cron expression has 5 fields");
}

Test(cron, a_value_out_of_its_bounds_is_refused_with_the_name_of_its_field) {
    assert_refused("60 * * * *", "minute: 60 is not from 0 to 59");
    assert_refused("* 24 * * *", "hour: 24 is not from 0 to 23");
    assert_refused("* * 0 * *", "day of month: 0 is not from 1 to 31");
    assert_refused("* * 32 * *", "day of month: 32 is not from 1 to 31");
    assert_refused("* * * 0 *", "month: 0 is not from 1 to 12");
    assert_refused("* * * 13 *", "month: 13 is not from 1 to 12");
    assert_refused("* * * * 8", "day of week: 8 is not from 0 to 7");
    assert_refused("0-60 * * * *", "minute: 60 is not");
    assert_refused("1,2,99 * * * *", "minute: 99 is not");
}

Test(cron, what_is_no_value_is_refused) {
    static const char *const values[] = {"x",  "-1", "+1", "1.5", "0x1",      "001", "4294967296",
                                         "?",  "L",  "1L", "1#2", "JAN",      "**",  "*1",
                                         "1*", "\"", "%s", "1e1", "\xc3\xa9", "\x01"};
    char text[64];
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        snprintf(text, sizeof text, "%s * * * *", values[i]);
        assert_refused(text, "minute: ");
    }
    assert_refused("* * * FOO *", "month: \"FOO\" is no value from 1 to 12");
    assert_refused("* * * MON *", "month: \"MON\"");
    assert_refused("* * * JANUARY *", "month: \"JANUARY\"");
    assert_refused("* * * * JAN", "day of week: \"JAN\"");
    assert_refused("* * * * M", "day of week: \"M\"");
    assert_refused("* MON * * *", "hour: \"MON\"");
    assert_refused("* * ? * *", "day of month: \"?\"");
}

Test(cron, an_item_that_is_cut_short_is_refused) {
    assert_refused(", * * * *", "minute: a value is missing");
    assert_refused("1, * * * *", "minute: a value is missing");
    assert_refused("1,,2 * * * *", "minute: a value is missing");
    assert_refused(",1 * * * *", "minute: a value is missing");
    assert_refused("1- * * * *", "minute: \"\" is no value");
    assert_refused("-5 * * * *", "minute: \"\" is no value");
    assert_refused("1-2-3 * * * *", "minute: \"2-3\" is no value");
    assert_refused("/5 * * * *", "minute: \"\" is no value");
    assert_refused("*/ * * * *", "minute: \"\" is no step");
    assert_refused("*/5/5 * * * *", "minute: \"5/5\" is no step");
    assert_refused("1-5/ * * * *", "minute: \"\" is no step");
}

Test(cron, a_step_that_would_mean_something_else_is_refused) {
    assert_refused("*/0 * * * *", "minute: \"0\" is no step from 1 to 59");
    assert_refused("*/90 * * * *", "minute: \"90\" is no step from 1 to 59");
    assert_refused("* */24 * * *", "hour: \"24\" is no step");
    assert_refused("*/-1 * * * *", "minute: \"-1\" is no step");
    assert_refused("* * * */MAR *", "month: \"MAR\" is no step");
    assert_refused("5/15 * * * *", "minute: a step needs * or a range");
}

Test(cron, a_range_that_runs_backwards_is_refused) {
    assert_refused("* 22-2 * * *", "hour: the range \"22-2\" runs backwards");
    assert_refused("* * * DEC-JAN *", "month: the range");
    assert_refused("* * * * 5-2", "day of week: the range");
}

Test(cron, an_unknown_shorthand_is_refused) {
    assert_refused("@reboot", "\"@reboot\" is none of @hourly");
    assert_refused("@", "\"@\" is none of");
    assert_refused("@Daily", "\"@Daily\" is none of");
    assert_refused("@daily 0", "a cron expression has 5 fields");
}

Test(cron, a_sentence_on_hostile_bytes_is_printable_and_short) {
    char text[CRON_BYTES_MAX + 1], error[ERROR_BYTES];
    cron_t cron;
    for (int byte = 1; byte < 256; byte++) {
        memset(text, byte, CRON_BYTES_MAX);
        text[CRON_BYTES_MAX] = 0;
        cr_assert_eq(cron_parse(&cron, span_text(text), error, sizeof error), STATUS_INVALID);
        cr_assert(strlen(error) > 0 && strlen(error) < 100);
        for (const char *at = error; *at != 0; at++) {
            cr_assert(*at >= ' ' && *at < 0x7f);
        }
    }
    memset(text, ' ', sizeof text);
    cr_assert_eq(cron_parse(&cron, span_of(text, CRON_BYTES_MAX + 1), error, sizeof error), STATUS_INVALID);
    cr_assert_str_eq(error, "a cron expression has at most 200 bytes");
    cr_assert_eq(cron_parse(&cron, span_text("x"), error, 1), STATUS_INVALID, "no room for the sentence");
    cr_assert_str_eq(error, "");
    cr_assert_eq(cron_parse(&cron, (span_t){0}, error, sizeof error), STATUS_INVALID);
}

Test(cron, stars_mean_everything) {
    cron_t cron = parsed("* * * * *");
    cr_assert_eq(cron.minutes, bits(0, 59));
    cr_assert_eq(cron.hours, bits(0, 23));
    cr_assert_eq(cron.days, bits(1, 31));
    cr_assert_eq(cron.months, bits(1, 12));
    cr_assert_eq(cron.weekdays, bits(0, 6));
    cr_assert_not(cron.either);
}

Test(cron, lists_ranges_and_steps_mean_their_values) {
    cron_t cron = parsed(" 0,59,10-12\t*/6 1-31/10  2,11-12 1-5 ");
    cr_assert_eq(cron.minutes, bits(0, 0) | bits(59, 59) | bits(10, 12));
    cr_assert_eq(cron.hours, bits(0, 0) | bits(6, 6) | bits(12, 12) | bits(18, 18));
    cr_assert_eq(cron.days, bits(1, 1) | bits(11, 11) | bits(21, 21) | bits(31, 31));
    cr_assert_eq(cron.months, bits(2, 2) | bits(11, 12));
    cr_assert_eq(cron.weekdays, bits(1, 5));
    assert_same("05 08 01 09 00", "5 8 1 9 0");
    assert_same("*/1 */23 */31 */12 *", "* 0,23 */31 1 *");
}

Test(cron, names_are_numbers) {
    assert_same("0 0 * JAN,feb,Mar,APR-JUN,JUL,AUG,SEP,OCT,NOV,DEC SUN", "0 0 * 1-12 0");
    assert_same("0 0 1 FEB MON", "0 0 1 2 1");
    assert_same("0 0 * * TUE,wed,Thu,FRI,SAT", "0 0 * * 2,3,4,5,6");
    assert_same("0 0 1 MAR-NOV/2 *", "0 0 1 3,5,7,9,11 *");
}

Test(cron, sunday_is_0_and_7) {
    assert_same("0 0 * * 7", "0 0 * * 0");
    assert_same("0 0 * * 5-7", "0 0 * * FRI-SUN");
    assert_same("0 0 * * 5-7", "0 0 * * 0,5,6");
    assert_same("0 0 * * SUN-MON", "0 0 * * 0-1");
    assert_same("0 0 * * 1-7", "0 0 * * 0-6");
    assert_same("0 0 * * 0-0", "0 0 * * SUN-SUN");
    assert_same("0 0 * * 1-7/2", "0 0 * * 0,1,3,5");
    cr_assert_eq(parsed("0 0 * * */2").weekdays, 1 << 0 | 1 << 2 | 1 << 4 | 1 << 6);
    cr_assert_eq(parsed("0 0 * * */7").weekdays, 1 << 0);
}

Test(cron, shorthands_mean_five_fields) {
    assert_same("@hourly", "0 * * * *");
    assert_same("@daily", "0 0 * * *");
    assert_same(" @weekly ", "0 0 * * 0");
    assert_same("@monthly", "0 0 1 * *");
    assert_same("@yearly", "0 0 1 1 *");
}

Test(cron, either_field_of_days_matches_if_both_are_restricted) {
    cron_t cron = parsed("0 0 13 * FRI");
    cr_assert(cron_day_matches(&cron, 13, 1));
    cr_assert(cron_day_matches(&cron, 12, 5));
    cr_assert_not(cron_day_matches(&cron, 12, 1));
    cron = parsed("0 0 13 * *");
    cr_assert(cron_day_matches(&cron, 13, 1));
    cr_assert_not(cron_day_matches(&cron, 12, 5));
    cron = parsed("0 0 * * FRI");
    cr_assert_not(cron_day_matches(&cron, 13, 1));
    cr_assert(cron_day_matches(&cron, 12, 5));
}

Test(cron, both_fields_of_days_must_match_if_one_begins_with_a_star) {
    cron_t cron = parsed("0 0 */2 * MON");
    cr_assert(cron_day_matches(&cron, 1, 1));
    cr_assert_not(cron_day_matches(&cron, 2, 1));
    cr_assert_not(cron_day_matches(&cron, 1, 2));
    cron = parsed("0 0 1-31/2 * MON");
    cr_assert(cron_day_matches(&cron, 2, 1), "a range is a restriction");
}
