/* SPDX-License-Identifier: MIT */
/* networks: addresses, and sets of them such as 10.0.0.0/8,::1. Plain functions. */
#ifndef DORAN_BRIDGE_NETWORKS_H
#define DORAN_BRIDGE_NETWORKS_H

#include <sys/socket.h>

#include "schemas/span.h"

enum { NETWORKS_MAX = 64, IP_TEXT_BYTES = 46 };

/* An address of IPv6; those of IPv4 are ::ffff:a.b.c.d. */
typedef struct ip {
    uint8_t bytes[16];
} ip_t;

typedef struct networks {
    struct network {
        ip_t address;
        uint32_t bits; /* of it that count */
    } all[NETWORKS_MAX];
    uint32_t count;
} networks_t;

/* Of 192.0.2.1, 2001:db8::1; a port behind it is taken off: 192.0.2.1:80, [2001:db8::1]:80. False: it is none. */
bool ip_parse(span_t text, ip_t *address);
/* Of a socket's address; of another family: ::. */
ip_t ip_of(const struct sockaddr_storage *place);
void ip_print(const ip_t *self, char text[IP_TEXT_BYTES]);
bool ip_is_loopback(const ip_t *self);
/* The bytes that tell one client from another: all of IPv4, the first half of IPv6. Valid as long as the address. */
span_t ip_client(const ip_t *self);

/* Networks with commas between them. False, with one sentence in error: one of them is none. */
bool networks_parse(networks_t *self, const char *text, char *error, size_t error_bytes);
bool networks_have(const networks_t *self, const ip_t *address);
/* Who asks: the peer, or, while that is one of these proxies, who it says that asked it, which is the last in the
   X-Forwarded-For that it sent (NULL: none). */
ip_t networks_client(const networks_t *self, const ip_t *peer, const char *forwarded);

#endif
