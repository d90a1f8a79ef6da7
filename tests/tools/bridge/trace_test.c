/* SPDX-License-Identifier: MIT */
#include "tools/bridge/trace.h"

#include <criterion/criterion.h>

#include "schemas/check.h"

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static uint8_t trace[TRACE_BYTES];

Test(trace, what_is_no_traceparent_is_not_taken) {
    static const char *const wrong[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        cr_expect_not(trace_parse(wrong[i], trace), "%s", wrong[i]);
    }
}

Test(trace, it_is_printed_as_it_was_read) {
    char text[TRACE_TEXT_BYTES], id[2 * TRACE_ID_BYTES + 1];
    cr_assert(trace_parse(GOOD, trace));
    trace_print(trace, text);
    cr_expect_str_eq(text, GOOD);
    trace_print_id(trace, id);
    cr_expect_str_eq(id, "4bf92f3577b34da6a3ce929d0e0e4736");
    cr_expect(trace_parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", trace));
}
