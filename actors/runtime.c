/* SPDX-License-Identifier: MIT */
/* What is shown is what is stored, in the words of the schema. */
#include "actors/runtime.h"

status_t runtime_show(const record_t *record, const cell_t *cell, tape_t *tape, pack_t *reply) {
    status_t status = tape_read_whole(tape, cell->body);
    if (status != STATUS_OK || tape->tokens[0].type != TOKEN_MAP) {
        return STATUS_INTERNAL;
    }
    pack_map(reply, 2);
    pack_cstring(reply, "version");
    pack_u64(reply, cell->version);
    pack_cstring(reply, "state");
    record_redact(record, tape, 0, reply);
    return STATUS_OK;
}
