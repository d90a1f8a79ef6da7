/* SPDX-License-Identifier: MIT */
/* ping and stat: is the server there, and how is it? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/records.h"
#include "tools/inspector/body.h"
#include "tools/inspector/connect.h"
#include "tools/inspector/output.h"

static int ping(doran_t *server, const arguments_t *arguments) {
    char version[64];
    uint32_t timeout_ms = arguments_timeout(arguments);
    int64_t rtt_us = doran_ping(server, timeout_ms, version, sizeof version);
    const char *endpoint = doran_endpoint(server);
    if (rtt_us < 0) {
        output_problem("%s does not answer within %u ms", endpoint, timeout_ms);
        return NOT_REACHED;
    }
    if (arguments->json) {
        json_t *line =
            json_pack("{s:s, s:s, s:I}", "endpoint", endpoint, "version", version, "rtt_us", (json_int_t)rtt_us);
        output_line(line);
        json_decref(line);
    } else {
        printf("%s answers in %" PRId64 " µs, version %s\n", endpoint, rtt_us, version);
    }
    return DONE;
}

int command_ping(const arguments_t *arguments) {
    doran_t *server = connect_server(arguments);
    if (server == NULL) {
        return NOT_REACHED;
    }
    int code = ping(server, arguments);
    doran_close(&server);
    return code;
}

int command_stat(const arguments_t *arguments) {
    doran_reply_t reply;
    doran_t *server = connect_server(arguments);
    if (server == NULL) {
        return NOT_REACHED;
    }
    doran_code_t code = doran_call(server, "broker/self", "stat", NULL, 0, arguments_timeout(arguments), &reply);
    int exit_code = code == DORAN_OK
                        ? body_show(span_of(reply.body, reply.body_bytes), &record_stat_reply, arguments->json)
                        : connect_problem("stat", code, reply.text);
    doran_close(&server);
    return exit_code;
}
