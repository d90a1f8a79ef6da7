/* SPDX-License-Identifier: MIT */
/*
 * Elements stand back to back behind the array's head, so a list is read like a tape, and written before its count is
 * known: the head, of 1, 3 or 5 bytes, is put before the elements at the end.
 */
#include "schemas/list.h"

void list_open(list_t *self, const record_t *element, span_t raw) {
    *self = (list_t){.element = element, .rest = raw};
    if (raw.ptr != NULL) {
        status_t status = tape_take_array(&self->rest, &self->left);
        CHECK(status == STATUS_OK, "no list in %zu bytes", raw.len);
    }
}

uint32_t list_count(span_t raw) {
    list_t list;
    list_open(&list, NULL, raw);
    return list.left;
}

bool list_next(list_t *self, void *element) {
    CHECK(self->element != NULL, "a list of texts has %u left", self->left);
    if (self->left == 0) {
        return false;
    }
    record_take(self->element, &self->rest, element);
    self->left -= 1;
    return true;
}

bool list_next_text(list_t *self, span_t *text) {
    CHECK(self->element == NULL, "a list of %s has %u left", self->element->name, self->left);
    if (self->left == 0) {
        return false;
    }
    token_t token;
    tape_t tape = {.tokens = &token, .capacity = 1};
    size_t consumed = 0;
    status_t status = tape_read_top(&tape, self->rest, &consumed);
    CHECK(status == STATUS_OK && token.type == TOKEN_TEXT, "no text in %zu bytes", self->rest.len);
    self->rest = span_of(self->rest.ptr + consumed, self->rest.len - consumed);
    self->left -= 1;
    *text = token_span(&token);
    return true;
}

void list_writer_init(list_writer_t *self, const record_t *element, void *room, size_t bytes) {
    CHECK(bytes >= LIST_HEAD_BYTES, "%zu bytes of room", bytes);
    *self = (list_writer_t){.element = element,
                            .pack = pack_into((uint8_t *)room + LIST_HEAD_BYTES, bytes - LIST_HEAD_BYTES)};
}

void list_writer_add(list_writer_t *self, const void *element) {
    CHECK(self->element != NULL, "a list of texts has %u", self->count);
    record_encode(self->element, element, &self->pack);
    self->count += 1;
}

void list_writer_add_text(list_writer_t *self, span_t text) {
    CHECK(self->element == NULL, "a list of %s has %u", self->element->name, self->count);
    CHECK(text.len > 0 && text.len <= KEY_BYTES_MAX, "a text of %zu bytes", text.len);
    pack_text(&self->pack, text);
    self->count += 1;
}

status_t list_writer_end(list_writer_t *self, span_t *raw) {
    if (!pack_ok(&self->pack)) {
        return STATUS_TOO_LARGE;
    }
    uint8_t bytes[LIST_HEAD_BYTES];
    pack_t head = pack_into(bytes, sizeof bytes);
    pack_array(&head, self->count);
    uint8_t *begin = self->pack.ptr - head.len;
    memcpy(begin, head.ptr, head.len);
    *raw = span_of(begin, head.len + self->pack.len);
    return STATUS_OK;
}
