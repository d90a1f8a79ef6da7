/* SPDX-License-Identifier: MIT */
/* A connection always gets the data folder: with a tcp endpoint the keys come from there, with ipc it is not looked at.
 */
#include "tools/inspector/connect.h"

#include "schemas/status.h"
#include "tools/inspector/output.h"

doran_t *connect_server(const arguments_t *arguments) {
    char error[512];
    doran_options_t options = {
        .data = arguments_data(arguments),
        .role = arguments->role,
        .endpoint = arguments->endpoint,
        .timeout_ms = arguments_timeout(arguments),
    };
    doran_t *server = doran_open(&options, error, sizeof error);
    if (server == NULL) {
        output_problem("%s", error);
    }
    return server;
}

int connect_exit_code(doran_code_t code) {
    switch (code) {
    case DORAN_OK:
        return DONE;
    case DORAN_DEADLINE_EXCEEDED:
    case DORAN_UNREACHABLE:
        return NOT_REACHED;
    case DORAN_FORBIDDEN:
        return REFUSED;
    case DORAN_UNAUTHENTICATED:
    case DORAN_INVALID:
    case DORAN_INVALID_ADDRESS:
    case DORAN_UNKNOWN_METHOD:
    case DORAN_UNSUPPORTED_VERSION:
    case DORAN_TOO_LARGE:
    case DORAN_NOT_FOUND:
    case DORAN_CONFLICT:
    case DORAN_PRECONDITION_FAILED:
    case DORAN_IDEMPOTENCY_MISMATCH:
    case DORAN_IN_PROGRESS:
    case DORAN_BUSY:
    case DORAN_STORAGE_FULL:
    case DORAN_DRAINING:
    case DORAN_INTERNAL:
        return ERROR_ANSWERED;
    }
    return ERROR_ANSWERED;
}

int connect_problem(const char *what, doran_code_t code, const char *text) {
    status_t status;
    if (text == NULL || text[0] == '\0') {
        text = status_parse(span_text(doran_code_name(code)), &status) ? status_text(status) : "";
    }
    output_problem("%s: %s (%s)", what, text, doran_code_name(code));
    return connect_exit_code(code);
}
