/* SPDX-License-Identifier: MIT */
/* tls: TLS 1.2 and 1.3 for connections, by OpenSSL, with certificate and key from files. The loop's thread. */
#ifndef DORAN_BRIDGE_TLS_H
#define DORAN_BRIDGE_TLS_H

#include <event2/bufferevent.h>

#include "schemas/status.h"

typedef struct tls tls_t;

/* PEM: the certificate with those that lead to its root, and its key. Paths are kept. NULL, with one sentence in error,
   if they cannot be used. */
tls_t *tls_new(struct event_base *base, const char *certificate, const char *key, char *error, size_t error_bytes);
/* When no connection is left. */
void tls_destroy(tls_t **self_p);
/* Reads the files again, for connections that begin from now on. False, with one sentence in error: the old ones stay.
 */
MUST_USE bool tls_reload(tls_t *self, char *error, size_t error_bytes);
/* For a connection that is about to be accepted. context: the tls_t. */
struct bufferevent *tls_new_socket(void *context);

#endif
