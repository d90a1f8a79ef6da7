/* SPDX-License-Identifier: MIT */
/* What load balancers and supervisors ask. */
#include "tools/bridge/runs.h"

void run_live_probe(call_t *call) {
    call_answer(call, 200, "text/plain", span_text("ok\n"));
}

/* A ping to the server is never waited for: what the connection saw last is the answer. */
void run_ready_probe(call_t *call) {
    bool ready = !call->bridge->draining && doran_ready(call->bridge->server);
    call_answer(call, ready ? 200 : 503, "text/plain", span_text(ready ? "ok\n" : "not ready\n"));
}
