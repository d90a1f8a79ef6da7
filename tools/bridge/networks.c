/* SPDX-License-Identifier: MIT */
#include "tools/bridge/networks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/bridge/words.h"

enum { BITS = 128, BITS_BEFORE_IPV4 = 96 };

static const uint8_t before_ipv4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const ip_t *self) {
    return memcmp(self->bytes, before_ipv4, sizeof before_ipv4) == 0;
}

/* A port is what stands behind the only colon, or behind brackets. */
static span_t without_port(span_t text) {
    const uint8_t *colon = memchr(text.ptr, ':', text.len);
    if (text.len > 0 && text.ptr[0] == '[') {
        const uint8_t *end = memchr(text.ptr, ']', text.len);
        return end != NULL ? span_of(text.ptr + 1, (size_t)(end - text.ptr) - 1) : text;
    }
    bool only = colon != NULL && memchr(colon + 1, ':', text.len - (size_t)(colon + 1 - text.ptr)) == NULL;
    return only ? span_of(text.ptr, (size_t)(colon - text.ptr)) : text;
}

bool ip_parse(span_t text, ip_t *address) {
    char copy[IP_TEXT_BYTES];
    ip_t found;
    text = without_port(words_trim(text));
    if (text.len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    memcpy(found.bytes, before_ipv4, sizeof before_ipv4);
    if (inet_pton(AF_INET, copy, found.bytes + sizeof before_ipv4) != 1 &&
        inet_pton(AF_INET6, copy, found.bytes) != 1) {
        return false;
    }
    *address = found;
    return true;
}

ip_t ip_of(const struct sockaddr_storage *place) {
    ip_t address = {{0}};
    if (place->ss_family == AF_INET6) {
        memcpy(address.bytes, &((const struct sockaddr_in6 *)place)->sin6_addr, sizeof address.bytes);
    } else if (place->ss_family == AF_INET) {
        memcpy(address.bytes, before_ipv4, sizeof before_ipv4);
        memcpy(address.bytes + sizeof before_ipv4, &((const struct sockaddr_in *)place)->sin_addr, 4);
    }
    return address;
}

void ip_print(const ip_t *self, char text[IP_TEXT_BYTES]) {
    if (is_ipv4(self)) {
        inet_ntop(AF_INET, self->bytes + sizeof before_ipv4, text, IP_TEXT_BYTES);
    } else {
        inet_ntop(AF_INET6, self->bytes, text, IP_TEXT_BYTES);
    }
}

bool ip_is_loopback(const ip_t *self) {
    static const ip_t one = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    return is_ipv4(self) ? self->bytes[sizeof before_ipv4] == 127 : memcmp(self, &one, sizeof one) == 0;
}

span_t ip_client(const ip_t *self) {
    return is_ipv4(self) ? span_of(self->bytes, sizeof self->bytes) : span_of(self->bytes, sizeof self->bytes / 2);
}

static bool parse_network(span_t text, struct network *network) {
    text = words_trim(text);
    const uint8_t *slash = memchr(text.ptr, '/', text.len);
    span_t address = slash != NULL ? span_of(text.ptr, (size_t)(slash - text.ptr)) : text;
    if (!ip_parse(address, &network->address)) {
        return false;
    }
    bool four = is_ipv4(&network->address);
    uint32_t most = four ? BITS - BITS_BEFORE_IPV4 : BITS, bits = most;
    char digits[4] = "";
    if (slash != NULL) {
        span_t rest = span_of(slash + 1, text.len - address.len - 1);
        char *end;
        memcpy(digits, rest.ptr, rest.len < sizeof digits ? rest.len : sizeof digits - 1);
        bits = (uint32_t)strtoul(digits, &end, 10);
        if (rest.len == 0 || rest.len >= sizeof digits || *end != 0 || digits[0] < '0' || digits[0] > '9') {
            return false;
        }
    }
    network->bits = bits + (four ? BITS_BEFORE_IPV4 : 0);
    return bits <= most;
}

bool networks_parse(networks_t *self, const char *text, char *error, size_t error_bytes) {
    span_t rest = words_trim(span_text(text));
    *self = (networks_t){0};
    while (rest.len > 0) {
        const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
        span_t one = span_of(rest.ptr, comma != NULL ? (size_t)(comma - rest.ptr) : rest.len);
        if (self->count == NETWORKS_MAX || !parse_network(one, &self->all[self->count])) {
            snprintf(error, error_bytes, "\"%.*s\" is no network, or one too many", (int)one.len,
                     (const char *)one.ptr);
            return false;
        }
        self->count++;
        rest = comma != NULL ? span_of(comma + 1, rest.len - one.len - 1) : span_of(rest.ptr, 0);
    }
    return true;
}

static bool network_has(const struct network *self, const ip_t *address) {
    uint32_t whole = self->bits / 8, part = self->bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> part);
    return memcmp(self->address.bytes, address->bytes, whole) == 0 &&
           (part == 0 || ((self->address.bytes[whole] ^ address->bytes[whole]) & mask) == 0);
}

bool networks_have(const networks_t *self, const ip_t *address) {
    for (uint32_t i = 0; i < self->count; i++) {
        if (network_has(&self->all[i], address)) {
            return true;
        }
    }
    return false;
}

ip_t networks_client(const networks_t *self, const ip_t *peer, const char *forwarded) {
    span_t rest = forwarded != NULL ? span_text(forwarded) : (span_t){0};
    ip_t client = *peer;
    while (rest.len > 0 && networks_have(self, &client)) {
        const uint8_t *comma = memrchr(rest.ptr, ',', rest.len);
        size_t begin = comma != NULL ? (size_t)(comma - rest.ptr) + 1 : 0;
        if (!ip_parse(span_of(rest.ptr + begin, rest.len - begin), &client)) {
            break;
        }
        rest.len = comma != NULL ? begin - 1 : 0;
    }
    return client;
}
