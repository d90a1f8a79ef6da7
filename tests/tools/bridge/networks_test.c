/* SPDX-License-Identifier: MIT */
#include "tools/bridge/networks.h"

#include <criterion/criterion.h>

#include "schemas/check.h"

static networks_t networks;
static char error[128];

static ip_t ip(const char *text) {
    ip_t address;
    cr_assert(ip_parse(span_text(text), &address), "%s", text);
    return address;
}

static bool has(const char *text) {
    ip_t address = ip(text);
    return networks_have(&networks, &address);
}

static void assert_client(const char *peer, const char *forwarded, const char *expected) {
    char text[IP_TEXT_BYTES];
    ip_t address = ip(peer), client = networks_client(&networks, &address, forwarded);
    ip_print(&client, text);
    cr_expect_str_eq(text, expected, "%s, %s: %s", peer, forwarded, text);
}

Test(networks, what_is_no_network_is_refused) {
    static const char *const wrong[] = {"x",      "1.2.3",  "1.2.3.4/33", "1.2.3.4/",   "1.2.3.4/x",
                                        "::/129", "::1/+1", "1.2.3.4,x,", "1.2.3.4/8 8"};
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        cr_expect_not(networks_parse(&networks, wrong[i], error, sizeof error), "%s", wrong[i]);
    }
}

Test(networks, who_is_no_trusted_proxy_cannot_say_who_asks) {
    cr_assert(networks_parse(&networks, "", error, sizeof error));
    assert_client("192.0.2.1", "198.51.100.7", "192.0.2.1");
    cr_assert(networks_parse(&networks, "10.0.0.0/8", error, sizeof error));
    assert_client("192.0.2.1", "198.51.100.7", "192.0.2.1");
    assert_client("10.1.2.3", "6.6.6.6, 198.51.100.7", "198.51.100.7");
    assert_client("10.1.2.3", "6.6.6.6, rubbish", "10.1.2.3");
}

Test(networks, a_proxy_behind_a_proxy_is_seen_through) {
    cr_assert(networks_parse(&networks, "10.0.0.0/8,::1", error, sizeof error));
    assert_client("::1", "198.51.100.7:99, 10.0.0.9", "198.51.100.7");
    assert_client("::1", "[2001:db8::7]:99", "2001:db8::7");
    assert_client("::1", "10.0.0.9", "10.0.0.9");
    assert_client("::1", NULL, "::1");
    assert_client("::1", "", "::1");
}

Test(networks, an_address_is_in_a_network_by_its_first_bits) {
    cr_assert(networks_parse(&networks, "192.0.2.128/25, 2001:db8::/33 ,10.0.0.1", error, sizeof error), "%s", error);
    cr_expect(has("192.0.2.128") && has("192.0.2.255") && !has("192.0.2.127"));
    cr_expect(has("2001:db8:7fff::") && !has("2001:db8:8000::"));
    cr_expect(has("10.0.0.1") && has("::ffff:10.0.0.1") && !has("10.0.0.2"));
}
