/* SPDX-License-Identifier: MIT */
/* Effects: a header in host order (they never leave the process), then the envelope. */
#include "actors/effect.h"

static uint8_t *add(batch_t *batch, const effect_t *effect) {
    uint8_t *at = batch->effects + batch->effects_bytes;
    CHECK(sizeof *effect + effect->bytes <= BATCH_EFFECTS_BYTES - batch->effects_bytes, "%u bytes behind %u",
          effect->bytes, batch->effects_bytes);
    memcpy(at, effect, sizeof *effect);
    batch->effects_bytes += (uint32_t)(sizeof *effect + effect->bytes);
    batch->effect_count++;
    return at + sizeof *effect;
}

void effect_add(batch_t *batch, effect_t effect, const envelope_t *envelope) {
    size_t at = batch->effects_bytes + sizeof effect;
    CHECK(at <= BATCH_EFFECTS_BYTES, "%u bytes of effects", batch->effects_bytes);
    pack_t pack = pack_into(batch->effects + at, BATCH_EFFECTS_BYTES - at);
    envelope_encode(envelope, &pack);
    CHECK(pack_ok(&pack), "an envelope of %zu bytes of body behind %zu", envelope->body.len, at);
    effect.bytes = (uint32_t)pack.len;
    add(batch, &effect);
}

void effect_add_raw(batch_t *batch, effect_t effect, span_t bytes) {
    effect.bytes = (uint32_t)bytes.len;
    uint8_t *at = add(batch, &effect);
    if (bytes.len > 0) {
        memcpy(at, bytes.ptr, bytes.len);
    }
}

bool effect_next(span_t *rest, effect_t *effect, span_t *bytes) {
    if (rest->len == 0) {
        return false;
    }
    CHECK(rest->len >= sizeof *effect, "%zu bytes of effects left", rest->len);
    memcpy(effect, rest->ptr, sizeof *effect);
    CHECK(effect->bytes <= rest->len - sizeof *effect, "%u of %zu bytes", effect->bytes, rest->len);
    *bytes = span_of(rest->ptr + sizeof *effect, effect->bytes);
    size_t taken = sizeof *effect + effect->bytes;
    *rest = span_of(rest->ptr + taken, rest->len - taken);
    return true;
}
