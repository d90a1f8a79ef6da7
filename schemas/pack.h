/* SPDX-License-Identifier: MIT */
/*
 * pack: writes msgpack into bytes of the caller, through msgpack-c's packer. A pack that ran out of room stays failed:
 * write everything, then ask pack_ok() once. Integers take their shortest form, so equal values give equal bytes.
 * One thread at a time; allocates nothing.
 */
#ifndef DORAN_PACK_H
#define DORAN_PACK_H

#include "schemas/span.h"

typedef struct pack {
    uint8_t *ptr;    /* borrowed for the life of the pack */
    size_t len;      /* bytes written */
    size_t capacity; /* bytes at ptr */
    bool full;       /* a write did not fit; nothing was written since */
} pack_t;

static inline pack_t pack_into(void *ptr, size_t capacity) {
    return (pack_t){.ptr = ptr, .capacity = capacity};
}
static inline bool pack_ok(const pack_t *self) {
    return !self->full;
}
static inline span_t pack_bytes(const pack_t *self) {
    return span_of(self->ptr, self->len);
}

void pack_nil(pack_t *self);
void pack_bool(pack_t *self, bool value);
void pack_u64(pack_t *self, uint64_t value);
void pack_i64(pack_t *self, int64_t value);
void pack_f64(pack_t *self, double value);
void pack_text(pack_t *self, span_t text);    /* str; an absent span is nil */
void pack_binary(pack_t *self, span_t bytes); /* bin; an absent span is nil */
void pack_cstring(pack_t *self, const char *text);
void pack_array(pack_t *self, size_t count); /* then count values */
void pack_map(pack_t *self, size_t count);   /* then count pairs */
void pack_raw(pack_t *self, span_t bytes);   /* one value that is msgpack already */

#endif
