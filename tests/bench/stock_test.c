/* SPDX-License-Identifier: MIT */
/* Ledgers of a SKU that can be true, and those that cannot. */
#include "bench/stock.h"

#include <criterion/criterion.h>

static stock_t stock;
static verdict_t verdict;

/* Ten pieces, of which two are reserved, after the seventh entry. */
static void setup(void) {
    stock = stock_begin(7, 10, 2);
    verdict = (verdict_t){0};
}

TestSuite(stock, .init = setup);

static void add(uint64_t seq, sku_cause_t cause, int64_t on_hand_delta, int64_t reserved_delta, uint64_t on_hand,
                uint64_t reserved) {
    sku_entry_t entry = {0};
    FIELD_SET(sku_entry, &entry, seq, seq);
    FIELD_SET(sku_entry, &entry, cause, cause);
    FIELD_SET(sku_entry, &entry, on_hand_delta, on_hand_delta);
    FIELD_SET(sku_entry, &entry, reserved_delta, reserved_delta);
    FIELD_SET(sku_entry, &entry, on_hand, on_hand);
    FIELD_SET(sku_entry, &entry, reserved, reserved);
    stock_entry(&stock, &entry, true, &verdict);
}

Test(stock, more_reserved_than_there_is_is_oversold) {
    add(8, sku_cause_reserved, 0, 9, 10, 11);
    cr_assert_eq(verdict.oversold, 1);
    cr_assert_eq(verdict.lost + verdict.gaps + verdict.doubled, 0);
}

Test(stock, an_entry_that_is_missing_is_a_gap_and_what_it_said_is_lost) {
    add(9, sku_cause_reserved, 0, 1, 10, 4);
    cr_assert_eq(verdict.gaps, 1);
    cr_assert_eq(verdict.lost, 1);
    add(10, sku_cause_released, 0, -1, 10, 3);
    cr_assert_eq(verdict.gaps + verdict.lost, 2, "said once");
}

Test(stock, an_entry_that_does_not_add_up_is_lost) {
    add(8, sku_cause_adjusted, 5, 0, 14, 2);
    cr_assert_eq(verdict.lost, 1);
}

Test(stock, an_order_without_its_reservation_is_lost) {
    stock.acknowledged = 2;
    add(8, sku_cause_reserved, 0, 1, 10, 3);
    stock_end(&stock, &verdict);
    cr_assert_eq(verdict.lost, 1);
}

Test(stock, more_reservations_than_orders_are_doubled) {
    stock.acknowledged = 1;
    stock.others = 1;
    for (uint64_t i = 1; i <= 3; i++) {
        add(7 + i, sku_cause_reserved, 0, 1, 10, 2 + i);
    }
    stock_end(&stock, &verdict);
    cr_assert_eq(verdict.doubled, 1);
    cr_assert_eq(verdict.lost, 0);
}

Test(stock, what_adds_up_is_fine_also_with_orders_of_unknown_end_and_of_others) {
    sku_entry_t foreign = {.cause = sku_cause_reserved, .seq = 8, .reserved_delta = 1, .on_hand = 10, .reserved = 3};
    stock.acknowledged = 1;
    stock.others = 1;
    stock_entry(&stock, &foreign, false, &verdict);
    add(9, sku_cause_reserved, 0, 1, 10, 4);
    add(10, sku_cause_sold, -1, -1, 9, 3);
    stock_end(&stock, &verdict);
    cr_assert(verdict_ok(&verdict));
}
