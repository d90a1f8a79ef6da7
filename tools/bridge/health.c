/* SPDX-License-Identifier: MIT */
/* What load balancers and supervisors ask. */
#include "tools/bridge/edge.h"
#include "tools/bridge/metrics.h"
#include "tools/bridge/runs.h"

void run_live_probe(call_t *call) {
    call_answer(call, 200, "text/plain", span_text("ok\n"));
}

/* A ping to the server is never waited for: what the connection saw last is the answer. */
void run_ready_probe(call_t *call) {
    bool ready = !call->bridge->draining && doran_ready(call->bridge->server);
    call_answer(call, ready ? 200 : 503, "text/plain", span_text(ready ? "ok\n" : "not ready\n"));
}

void run_show_metrics(call_t *call) {
    struct evbuffer *text = evbuffer_new();
    CHECK(text != NULL, "out of memory");
    metrics_print(edge_metrics(call->bridge->edge), call->bridge, text);
    call_answer(call, 200, "text/plain; version=0.0.4", span_of(evbuffer_pullup(text, -1), evbuffer_get_length(text)));
    evbuffer_free(text);
}
