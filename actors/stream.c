/* SPDX-License-Identifier: MIT */
/* Streams on the wire. */
#include "actors/stream.h"

void stream_pack(const stream_t *self, span_t chain, pack_t *pack) {
    pack_array(pack, 4);
    pack_array(pack, 2);
    pack_binary(pack, span_of(self->folder, sizeof self->folder));
    pack_u64(pack, self->from);
    pack_array(pack, 2);
    pack_cstring(pack, self->kind->name);
    pack_u64(pack, self->to);
    pack_u64(pack, self->number);
    pack_raw(pack, chain);
}

/* Indexes of the tokens of [[folder, partition], [kind, partition], number, [address, ...]]. */
enum {
    AT_STREAM,
    AT_SENDER,
    AT_FOLDER,
    AT_FROM,
    AT_RECEIVER,
    AT_KIND,
    AT_TO,
    AT_NUMBER,
    AT_CHAIN,
    TOKENS = AT_CHAIN + 1 + CHAIN_MAX
};

static bool is_array(const token_t *token, uint32_t len) {
    return token->type == TOKEN_ARRAY && token->len == len;
}

static bool is_partition(const token_t *token) {
    return token->type == TOKEN_U64 && token->u64 < PARTITIONS;
}

static bool fits(const token_t *tokens) {
    return is_array(&tokens[AT_STREAM], 4) && is_array(&tokens[AT_SENDER], 2) &&
           tokens[AT_FOLDER].type == TOKEN_BINARY && tokens[AT_FOLDER].len == FOLDER_ID_BYTES &&
           is_partition(&tokens[AT_FROM]) && is_array(&tokens[AT_RECEIVER], 2) && tokens[AT_KIND].type == TOKEN_TEXT &&
           is_partition(&tokens[AT_TO]) && tokens[AT_NUMBER].type == TOKEN_U64 &&
           tokens[AT_CHAIN].type == TOKEN_ARRAY && tokens[AT_CHAIN].len >= 1;
}

status_t stream_read(stream_t *self, span_t *chain, const kind_t *(*find)(span_t name), span_t raw) {
    token_t tokens[TOKENS] = {0};
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    if (tape_read_whole(&tape, raw) != STATUS_OK || tape.count <= AT_CHAIN || !fits(tokens)) {
        return STATUS_INVALID;
    }
    for (uint32_t i = AT_CHAIN + 1; i < tape.count; i++) {
        if (tokens[i].type != TOKEN_TEXT) {
            return STATUS_INVALID;
        }
    }
    const kind_t *kind = find(token_span(&tokens[AT_KIND]));
    if (kind == NULL) {
        return STATUS_UNKNOWN_METHOD;
    }
    memcpy(self->folder, tokens[AT_FOLDER].ptr, FOLDER_ID_BYTES);
    self->from = (uint8_t)tokens[AT_FROM].u64;
    self->kind = kind;
    self->to = (uint8_t)tokens[AT_TO].u64;
    self->number = tokens[AT_NUMBER].u64;
    *chain = tape_raw(&tape, AT_CHAIN);
    return STATUS_OK;
}
