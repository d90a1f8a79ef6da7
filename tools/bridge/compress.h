/* SPDX-License-Identifier: MIT */
/* compress: bodies of answers for those who take gzip, by zlib at its fastest. One thread. */
#ifndef DORAN_BRIDGE_COMPRESS_H
#define DORAN_BRIDGE_COMPRESS_H

#include "schemas/span.h"

typedef struct compress compress_t;

compress_t *compress_new(void);
void compress_destroy(compress_t **self_p);
/* How much Accept-Encoding (NULL: absent) likes a coding, of "br", "gzip", "identity", …; 0: it is not taken. */
double compress_quality(const char *accept_encoding, const char *coding);
/* Shorter, and valid until the next; or the body itself, if it does not become so. */
span_t compress_body(compress_t *self, span_t body);

#endif
