/* SPDX-License-Identifier: MIT */
/* A connection always gets the data folder: with a tcp endpoint the keys come from there, with ipc it is not looked at.
 */
#include "tools/inspector/connect.h"

#include <string.h>

#include "schemas/pack.h"
#include "schemas/status.h"
#include "tools/inspector/output.h"

enum { OPEN_BYTES = 4096 };

bool connect_is_address(const char *text) {
    if (strchr(text, '/') == NULL) {
        output_problem("\"%s\" is not an address of the form KIND/KEY", text);
        return false;
    }
    return true;
}

/* The same connection, acting for the user; the server looks at who that is. */
static doran_t *act_as(doran_t *server, const char *user) {
    uint8_t bytes[OPEN_BYTES];
    doran_t *acting = NULL;
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 1);
    pack_cstring(&body, "as");
    pack_cstring(&body, user);
    if (!pack_ok(&body) || doran_as(server, "session/", bytes, body.len, NULL, NULL, &acting) != DORAN_OK) {
        output_problem("--as takes the address of a user, user/ID");
    }
    doran_close(&server);
    return acting;
}

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
        return NULL;
    }
    return arguments->as != NULL ? act_as(server, arguments->as) : server;
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
    case DORAN_RATE_LIMITED:
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
