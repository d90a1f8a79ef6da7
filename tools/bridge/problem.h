/* SPDX-License-Identifier: MIT */
/* problem: errors as RFC 9457 wants them: {type, title, status, detail?, instance, code, request_id, errors?}. */
#ifndef DORAN_BRIDGE_PROBLEM_H
#define DORAN_BRIDGE_PROBLEM_H

#include "tools/bridge/call.h"

int problem_status(refusal_t refusal);
const char *problem_code(refusal_t refusal);
const char *problem_title(refusal_t refusal);

/* What the bridge refuses by itself. The caller owns the object. detail may be NULL. */
json_t *problem_of_refusal(refusal_t refusal, const char *detail);
/* What the server answered. tape: to read it on. */
json_t *problem_of_reply(tape_t *tape, const doran_reply_t *reply);
/* As text, with where it happened if there was a request; takes the object. The caller frees the text. */
char *problem_print(json_t *problem, const http_request_t *request, const char *request_id);

#endif
