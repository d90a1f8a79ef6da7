/* SPDX-License-Identifier: MIT */
#include "tools/bridge/handshake.h"

#include "tools/bridge/cors.h"
#include "tools/bridge/socket.h"
#include "tools/bridge/words.h"

/* Browsers say from where the page is that asks, and do not mind the answer. */
static bool may_come(const call_t *call) {
    const char *origin = http_header(call->http, "Origin"), *host = http_header(call->http, "Host");
    const char *from = origin != NULL ? strstr(origin, "://") : NULL;
    bool ours = from != NULL && host != NULL && strcasecmp(from + strlen("://"), host) == 0;
    return origin == NULL || ours || cors_allows(call);
}

/* False: refused. */
static bool shake_hands(call_t *call) {
    char accept[SOCKET_ACCEPT_BYTES];
    const char *wrong = socket_accept(call->http, accept), *version = http_header(call->http, "Sec-WebSocket-Version");
    if (call->bridge->draining) {
        call_refuse(call, REFUSE_UNREACHABLE, NULL);
        return false;
    }
    if (wrong != NULL) {
        call_refuse(call, REFUSE_MALFORMED, wrong);
        return false;
    }
    if (version == NULL || strcmp(version, "13") != 0) {
        call_add_header(call, "Sec-WebSocket-Version", "13");
        call_refuse(call, REFUSE_UPGRADE_REQUIRED, NULL);
        return false;
    }
    if (!may_come(call)) {
        call_refuse(call, REFUSE_FORBIDDEN, "Pages of that origin may not connect");
        return false;
    }
    call_add_header(call, "Upgrade", "websocket");
    call_add_header(call, "Connection", "Upgrade");
    call_add_header(call, "Sec-WebSocket-Accept", accept);
    return true;
}

/* Answers `doran.v1` if that is offered; a token beside it is for us alone. The caller frees it; NULL: there is none.
 */
static char *take_protocols(call_t *call) {
    const char *offered = http_header(call->http, "Sec-WebSocket-Protocol");
    span_t rest = span_text(offered != NULL ? offered : ""), one;
    const size_t bearer = strlen("bearer.");
    char *token = NULL;
    while (words_take(&rest, &one)) {
        if (span_equal(one, span_text("doran.v1"))) {
            call_add_header(call, "Sec-WebSocket-Protocol", "doran.v1");
        } else if (token == NULL && one.len > bearer && memcmp(one.ptr, "bearer.", bearer) == 0) {
            token = strndup((const char *)one.ptr + bearer, one.len - bearer);
        }
    }
    return token;
}

bool handshake(call_t *call, char **token) {
    if (!shake_hands(call)) {
        return false;
    }
    *token = take_protocols(call);
    return true;
}
