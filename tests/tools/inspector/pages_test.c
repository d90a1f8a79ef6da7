/* SPDX-License-Identifier: MIT */
#include "tools/inspector/pages.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>

TestSuite(pages, .init = cr_redirect_stdout);

/* A list of the numbers 0, 1, 2, … */
typedef struct numbers {
    const size_t *pages; /* how many of them are complete, in each */
    size_t count;        /* of pages */
    size_t asked;
    size_t first; /* of the page */
    size_t complete;
    uint64_t most; /* that the last page was asked for */
    int code;      /* of the last page */
} numbers_t;

static int ask(void *list, uint64_t most, size_t *complete, bool *more) {
    numbers_t *self = list;
    cr_assert_lt(self->asked, self->count, "no page was promised");
    self->first += self->complete;
    self->complete = self->pages[self->asked++];
    self->most = most;
    *more = self->asked < self->count;
    *complete = self->complete;
    return *more ? DONE : self->code;
}

static void print_head(void) {
    printf("head ");
}

static void print(const void *list, size_t item) {
    const numbers_t *self = list;
    printf("%zu ", self->first + item);
}

static int show(numbers_t *list, arguments_t arguments) {
    const pages_t pages = {.ask = ask, .head = print_head, .print = print};
    int code = pages_show(&pages, &arguments, list);
    fflush(stdout);
    return code;
}

#define LIST(...)                                                                                                      \
    { .pages = (const size_t[]){__VA_ARGS__}, .count = sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t) }

/* What must not happen. */

Test(pages, nothing_is_shown_past_the_limit) {
    numbers_t list = LIST(3, 3, 3);
    cr_assert_eq(show(&list, (arguments_t){.limit = 5}), DONE);
    cr_assert_stdout_eq_str("head 0 1 2 3 4 ");
    cr_assert_eq(list.asked, 2);
    cr_assert_eq(list.most, 2);
}

Test(pages, an_empty_page_does_not_end_the_list) {
    numbers_t list = LIST(0, 1, 0, 2);
    cr_assert_eq(show(&list, (arguments_t){0}), DONE);
    cr_assert_stdout_eq_str("head 0 1 2 ");
}

Test(pages, an_error_is_not_taken_for_the_end) {
    numbers_t list = LIST(0, 0);
    list.code = ERROR_ANSWERED;
    cr_assert_eq(show(&list, (arguments_t){0}), ERROR_ANSWERED);
    cr_assert_stdout_eq_str("");
}

Test(pages, programs_get_nothing_but_the_items) {
    numbers_t none = LIST(0, 0), some = LIST(1);
    cr_assert_eq(show(&none, (arguments_t){.json = true}), DONE);
    cr_assert_eq(show(&some, (arguments_t){.json = true}), DONE);
    cr_assert_stdout_eq_str("0 ");
}

/* What must happen. */

Test(pages, people_are_told_that_there_is_nothing) {
    numbers_t list = LIST(0, 0);
    cr_assert_eq(show(&list, (arguments_t){0}), DONE);
    cr_assert_stdout_eq_str("none\n");
}
