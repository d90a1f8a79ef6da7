/* SPDX-License-Identifier: MIT */
/*
 * What may be asked of a schedule. The first byte chooses what is done with gaps and folds, and whether the rest is a
 * cron expression, with the moment to search from in four bytes (hours since 1970) before it, or the name of a time
 * zone. What is refused says why in a printable sentence; what is taken is due at times that rise.
 */
#include "actors/schedule.h"

enum { TEXT_BYTES_MAX = 256, DUES = 4, HOUR_MS = 3600000, AFTER_BYTES = 4 };

static const char *const zones[] = {"UTC", "Europe/Berlin", "Asia/Seoul", "Australia/Lord_Howe"};

static void check_sentence(const char *error) {
    CHECK(error[0] != 0, "refused without a word");
    for (const char *at = error; *at != 0; at++) {
        CHECK(*at >= ' ' && *at < 0x7f, "byte %d in a sentence", *at);
    }
}

static void check_plan(const schedule_plan_t *plan, uint64_t after_ms) {
    schedule_t schedule;
    schedule_error_t error = {.text = ""};
    if (schedule_parse(&schedule, plan, &error) != STATUS_OK) {
        check_sentence(error.text);
        return;
    }
    for (int i = 0; i < DUES; i++) {
        uint64_t due_ms;
        if (!schedule_next(&schedule, after_ms, &due_ms)) {
            break;
        }
        CHECK(due_ms > after_ms, "due at %llu after %llu", (unsigned long long)due_ms, (unsigned long long)after_ms);
        after_ms = due_ms;
    }
    schedule_fini(&schedule);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    uint32_t hours;
    if (len < 1 + AFTER_BYTES || len > TEXT_BYTES_MAX) {
        return 0;
    }
    memcpy(&hours, bytes + 1, AFTER_BYTES);
    uint8_t choice = bytes[0];
    schedule_plan_t plan = {
        .gap = (choice & 1) != 0 ? SCHEDULE_GAP_AFTER : SCHEDULE_GAP_SKIP,
        .fold = (choice & 2) != 0 ? SCHEDULE_FOLD_BOTH : SCHEDULE_FOLD_FIRST,
        .time_zone = span_text(zones[choice >> 2 & 3]),
        .cron = span_of(bytes + 1 + AFTER_BYTES, len - 1 - AFTER_BYTES),
    };
    if ((choice & 16) != 0) {
        plan.time_zone = plan.cron;
        plan.cron = span_text("30 2 * * *");
    }
    check_plan(&plan, (uint64_t)hours * HOUR_MS);
    return 0;
}
