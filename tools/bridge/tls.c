/* SPDX-License-Identifier: MIT */
#include "tools/bridge/tls.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

struct tls {
    struct event_base *base;
    const char *certificate, *key;
    SSL_CTX *context;
};

/* Of what browsers offer we speak the one; h2 is nginx's to speak. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_bytes,
                           const unsigned char *offered, unsigned offered_bytes, void *none) {
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl;
    (void)none;
    int found =
        SSL_select_next_proto((unsigned char **)chosen, chosen_bytes, ours, sizeof ours - 1, offered, offered_bytes);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* Nobody is there to be asked for a pass phrase. */
static int no_phrase(char *phrase, int bytes, int writing, void *none) {
    (void)phrase;
    (void)bytes;
    (void)writing;
    (void)none;
    return 0;
}

static bool load(SSL_CTX *context, const tls_t *self, char *error, size_t error_bytes) {
    const char *wrong = SSL_CTX_use_certificate_chain_file(context, self->certificate) != 1      ? self->certificate
                        : SSL_CTX_use_PrivateKey_file(context, self->key, SSL_FILETYPE_PEM) != 1 ? self->key
                                                                                                 : NULL;
    if (wrong != NULL) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        snprintf(error, error_bytes, "%s cannot be used for TLS: %s.", wrong,
                 reason != NULL ? reason : "unknown reason");
    }
    ERR_clear_error();
    return wrong == NULL;
}

static SSL_CTX *new_context(const tls_t *self, char *error, size_t error_bytes) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    CHECK(context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1, "no TLS");
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); /* 32 KiB of each connection that idles */
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(context, no_phrase);
    if (!load(context, self, error, error_bytes)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

tls_t *tls_new(struct event_base *base, const char *certificate, const char *key, char *error, size_t error_bytes) {
    tls_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    *self = (tls_t){.base = base, .certificate = certificate, .key = key};
    self->context = new_context(self, error, error_bytes);
    if (self->context == NULL) {
        tls_destroy(&self);
    }
    return self;
}

void tls_destroy(tls_t **self_p) {
    tls_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        SSL_CTX_free(self->context);
        free(self);
    }
}

bool tls_reload(tls_t *self, char *error, size_t error_bytes) {
    SSL_CTX *context = new_context(self, error, error_bytes);
    if (context != NULL) {
        SSL_CTX_free(self->context); /* connections hold it as long as they need it */
        self->context = context;
    }
    return context != NULL;
}

struct bufferevent *tls_new_socket(void *context) {
    const tls_t *self = context;
    SSL *ssl = SSL_new(self->context);
    CHECK(ssl != NULL, "out of memory");
    struct bufferevent *socket =
        bufferevent_openssl_socket_new(self->base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    CHECK(socket != NULL, "out of memory");
    bufferevent_openssl_set_allow_dirty_shutdown(socket, 1); /* lengths say whether a request is whole */
    return socket;
}
