/* SPDX-License-Identifier: MIT */
/*
 * msgpack-c's packer over a write callback that knows the end of the buffer. The packer forms the bytes; the callback
 * is the only place that copies, so it is the only place that can overrun, and it does not.
 */
#include "schemas/pack.h"

#include <msgpack/pack.h>

static int write_bounded(void *data, const char *bytes, size_t len) {
    pack_t *self = data;
    if (self->full || len > self->capacity - self->len) {
        self->full = true;
        return -1;
    }
    if (len > 0) {
        memcpy(self->ptr + self->len, bytes, len);
    }
    self->len += len;
    return 0;
}

/* A packer is two pointers: one made for each value costs nothing and keeps msgpack-c out of pack.h. */
static inline msgpack_packer packer_of(pack_t *self) {
    return (msgpack_packer){.data = self, .callback = write_bounded};
}

/* The packer's own result says no more than `full` does. */
#define PACK(self, function, ...)                                                                                      \
    do {                                                                                                               \
        msgpack_packer packer = packer_of(self);                                                                       \
        (void)function(&packer, ##__VA_ARGS__);                                                                        \
    } while (0)

void pack_nil(pack_t *self) {
    PACK(self, msgpack_pack_nil);
}

void pack_bool(pack_t *self, bool value) {
    if (value) {
        PACK(self, msgpack_pack_true);
    } else {
        PACK(self, msgpack_pack_false);
    }
}

void pack_u64(pack_t *self, uint64_t value) {
    PACK(self, msgpack_pack_uint64, value);
}

void pack_i64(pack_t *self, int64_t value) {
    PACK(self, msgpack_pack_int64, value);
}

void pack_f64(pack_t *self, double value) {
    PACK(self, msgpack_pack_double, value);
}

void pack_text(pack_t *self, span_t text) {
    if (text.ptr == NULL) {
        pack_nil(self);
        return;
    }
    PACK(self, msgpack_pack_str_with_body, text.ptr, text.len);
}

void pack_binary(pack_t *self, span_t bytes) {
    if (bytes.ptr == NULL) {
        pack_nil(self);
        return;
    }
    PACK(self, msgpack_pack_bin_with_body, bytes.ptr, bytes.len);
}

void pack_cstring(pack_t *self, const char *text) {
    pack_text(self, span_text(text));
}

void pack_array(pack_t *self, size_t count) {
    PACK(self, msgpack_pack_array, count);
}

void pack_map(pack_t *self, size_t count) {
    PACK(self, msgpack_pack_map, count);
}

void pack_raw(pack_t *self, span_t bytes) {
    (void)write_bounded(self, (const char *)bytes.ptr, bytes.len);
}
