/* SPDX-License-Identifier: MIT */
/*
 * Reads what a server leaves in its data folder for programs of the same machine. run/dorand.json is written by dorand
 * itself, whole and at once, so the reader of JSON here knows no more than it needs: strings and arrays of strings at
 * the top of one object; everything else is skipped.
 */
#include "tools/client/place.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <sodium.h>
#include <zmq.h>

#include "schemas/check.h"

enum {
    FILE_BYTES_MAX = 16384,
    JSON_DEPTH_MAX = 16,
};

typedef struct failure {
    char *text;
    size_t bytes;
} failure_t;

PRINTF_LIKE(2, 3) static bool fail(failure_t *self, const char *format, ...) {
    if (self->bytes > 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(self->text, self->bytes, format, arguments);
        va_end(arguments);
    }
    return false;
}

static bool copy_text(char *to, size_t capacity, const char *from) {
    size_t len = strlen(from);
    if (len >= capacity) {
        return false;
    }
    memcpy(to, from, len + 1);
    return true;
}

/* The file's bytes with a NUL behind them; the caller frees. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *bytes = calloc(1, FILE_BYTES_MAX + 1);
    CHECK(bytes != NULL, "no memory");
    size_t len = fread(bytes, 1, FILE_BYTES_MAX, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed || len == FILE_BYTES_MAX) {
        sodium_memzero(bytes, FILE_BYTES_MAX);
        free(bytes);
        errno = EINVAL;
        return NULL;
    }
    return bytes;
}

/* JSON. Every function leaves *at behind what it read and returns false where that is not JSON. */

static char next_byte(const char **at) {
    while (isspace((unsigned char)**at)) {
        *at += 1;
    }
    return **at;
}

static bool take(const char **at, char wanted) {
    bool found = next_byte(at) == wanted;
    *at += found;
    return found;
}

static bool take_escape(const char **at, char *byte) {
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    char name = *(*at)++;
    if (name == 'u') {
        char digits[5], *end;
        snprintf(digits, sizeof digits, "%.4s", *at);
        unsigned long value = strtoul(digits, &end, 16);
        *at += end - digits;
        *byte = (char)value;
        return end == digits + 4 && value > 0 && value < 0x80; /* keys and paths here have no others */
    }
    const char *found = name == 0 ? NULL : strchr(names, name);
    *byte = found == NULL ? 0 : bytes[found - names];
    return found != NULL;
}

/* text may be NULL: skipped. What does not fit is refused. */
static bool take_string(const char **at, char *text, size_t capacity) {
    if (!take(at, '"')) {
        return false;
    }
    size_t len = 0;
    while (**at != '"') {
        char byte = *(*at)++;
        if (byte == 0 || (byte == '\\' && !take_escape(at, &byte)) || (text != NULL && len + 1 >= capacity)) {
            return false;
        }
        if (text != NULL) {
            text[len++] = byte;
        }
    }
    *at += 1;
    if (text != NULL) {
        text[len] = 0;
    }
    return true;
}

/* One value of any kind: up to the comma or bracket that is not inside it. */
static bool skip_value(const char **at) {
    int depth = 0;
    while (next_byte(at) != 0) {
        char byte = **at;
        if (depth == 0 && (byte == ',' || byte == '}' || byte == ']')) {
            return true;
        }
        if (byte == '"') {
            if (!take_string(at, NULL, 0)) {
                return false;
            }
            continue;
        }
        depth += (byte == '{' || byte == '[') - (byte == '}' || byte == ']');
        if (depth > JSON_DEPTH_MAX) {
            return false;
        }
        *at += 1;
    }
    return false;
}

/* Leaves *at at the value of this member of the object, or returns false. */
static bool find_member(const char **at, const char *name) {
    if (!take(at, '{')) {
        return false;
    }
    do {
        char member[64];
        if (!take_string(at, member, sizeof member) || !take(at, ':')) {
            return false;
        }
        if (strcmp(member, name) == 0) {
            return true;
        }
        if (!skip_value(at)) {
            return false;
        }
    } while (take(at, ','));
    return false;
}

/* The first endpoint of this beginning. */
static bool find_endpoint(const char *json, const char *beginning, char endpoint[ENDPOINT_BYTES_MAX]) {
    if (!find_member(&json, "endpoints") || !take(&json, '[')) {
        return false;
    }
    do {
        if (!take_string(&json, endpoint, ENDPOINT_BYTES_MAX)) {
            return false;
        }
        if (strncmp(endpoint, beginning, strlen(beginning)) == 0) {
            return true;
        }
    } while (take(&json, ','));
    return false;
}

/* Keys. */

static bool key_valid(const char *key) {
    uint8_t bytes[32];
    bool valid = key != NULL && strlen(key) == Z85_BYTES && zmq_z85_decode(bytes, key) != NULL;
    sodium_memzero(bytes, sizeof bytes);
    return valid;
}

/* One line `name = value` of a key file; a value may itself contain '='. */
static void take_key_line(place_t *self, char *line) {
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return;
    }
    *equals = 0;
    char *value = equals + 1 + strspn(equals + 1, " \t");
    value[strcspn(value, " \t\r")] = 0;
    line[strcspn(line, " \t")] = 0;
    if (strcmp(line, "public") == 0) {
        (void)copy_text(self->public_key, sizeof self->public_key, value);
    } else if (strcmp(line, "secret") == 0) {
        (void)copy_text(self->secret_key, sizeof self->secret_key, value);
    }
}

static bool read_keys(place_t *self, const char *data, const char *role, failure_t *failure) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/keys/%s.key", data, role);
    char *text = read_file(path);
    if (text == NULL) {
        return fail(failure, "The key %s cannot be read: %s.", path, strerror(errno));
    }
    size_t len = strlen(text);
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        take_key_line(self, line);
    }
    sodium_memzero(text, len);
    free(text);
    if (!key_valid(self->public_key) || !key_valid(self->secret_key)) {
        return fail(failure, "%s has no pair of keys.", path);
    }
    return true;
}

/* Where. */

/* The socket of this role, if it is there and its name is not too long for the kernel. */
static bool find_ipc(place_t *self, const char *data, const char *role) {
    char endpoint[ENDPOINT_BYTES_MAX];
    int len = snprintf(endpoint, sizeof endpoint, "ipc://%s/run/%s", data, role);
    const char *path = endpoint + strlen("ipc://");
    if (len < 0 || (size_t)len >= sizeof endpoint || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path ||
        access(path, R_OK | W_OK) != 0) {
        return false;
    }
    return copy_text(self->endpoint, sizeof self->endpoint, endpoint);
}

static bool find_tcp(place_t *self, const doran_options_t *options, const char *json, failure_t *failure) {
    if (options->endpoint != NULL) {
        if (!copy_text(self->endpoint, sizeof self->endpoint, options->endpoint)) {
            return fail(failure, "The endpoint is too long.");
        }
    } else if (!find_endpoint(json, "tcp://", self->endpoint)) {
        return fail(failure, "%s/run/dorand.json names no tcp endpoint.", options->data);
    }
    if (options->server_key != NULL) {
        return copy_text(self->server_key, sizeof self->server_key, options->server_key) ||
               fail(failure, "The server's key is not one.");
    }
    if (!find_member(&json, "server_key") || !take_string(&json, self->server_key, sizeof self->server_key)) {
        return fail(failure, "%s/run/dorand.json names no server_key.", options->data);
    }
    return true;
}

static bool is_ipc(const char *endpoint) {
    return strncmp(endpoint, "ipc://", strlen("ipc://")) == 0;
}

/* json: NULL if there is none. */
static bool find_door(place_t *self, const doran_options_t *options, client_transport_t transport, const char *role,
                      const char *json, failure_t *failure) {
    if (options->endpoint == NULL && transport != TRANSPORT_TCP && find_ipc(self, options->data, role)) {
        return true;
    }
    if (transport == TRANSPORT_IPC) {
        return fail(failure, "No server runs on this folder: there is no socket %s/run/%s.", options->data, role);
    }
    if (json == NULL) {
        return fail(failure, "No server runs on this folder: %s/run/dorand.json cannot be read.", options->data);
    }
    return find_tcp(self, options, json, failure) && read_keys(self, options->data, role, failure);
}

static bool find_in_data(place_t *self, const doran_options_t *options, client_transport_t transport,
                         failure_t *failure) {
    const char *role = options->role != NULL ? options->role : "operator";
    if (strlen(options->data) + strlen(role) + 32 > PATH_MAX || strchr(role, '/') != NULL) {
        return fail(failure, "The data folder or role is not a name.");
    }
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/run/dorand.json", options->data);
    char *json = read_file(path);
    const char *pid = json;
    if (json != NULL && find_member(&pid, "pid")) {
        self->pid = strtoull(pid, NULL, 10);
    }
    bool found = find_door(self, options, transport, role, json, failure);
    free(json);
    return found;
}

static bool take_endpoint(place_t *self, const doran_options_t *options, failure_t *failure) {
    if (!copy_text(self->endpoint, sizeof self->endpoint, options->endpoint)) {
        return fail(failure, "The endpoint is too long.");
    }
    if (is_ipc(self->endpoint)) {
        return true;
    }
    if (!key_valid(options->server_key) || !key_valid(options->public_key) || !key_valid(options->secret_key)) {
        return fail(failure, "A tcp endpoint needs server_key, public_key and secret_key, 40 characters of Z85 each.");
    }
    memcpy(self->server_key, options->server_key, Z85_BYTES);
    memcpy(self->public_key, options->public_key, Z85_BYTES);
    memcpy(self->secret_key, options->secret_key, Z85_BYTES);
    return true;
}

bool place_find(place_t *self, const doran_options_t *options, client_transport_t transport, char *error,
                size_t error_bytes) {
    failure_t failure = {.text = error, .bytes = error_bytes};
    place_t found = {0};
    bool ready = true;
    if (options->data != NULL && (options->endpoint == NULL || !is_ipc(options->endpoint))) {
        ready = find_in_data(&found, options, transport, &failure);
    } else if (options->endpoint != NULL) {
        ready = take_endpoint(&found, options, &failure);
    } else {
        ready = fail(&failure, "Neither a data folder nor an endpoint is given.");
    }
    found.curve = !is_ipc(found.endpoint);
    if (ready && found.curve && strncmp(found.endpoint, "tcp://", strlen("tcp://")) != 0) {
        ready = fail(&failure, "The endpoint %s is neither tcp:// nor ipc://.", found.endpoint);
    }
    if (ready && found.curve && !key_valid(found.server_key)) {
        ready = fail(&failure, "The server's key is not 40 characters of Z85.");
    }
    if (ready) {
        *self = found;
    }
    place_wipe(&found);
    return ready;
}

bool place_moved(const place_t *before, const place_t *now) {
    return strcmp(before->endpoint, now->endpoint) != 0 || strcmp(before->server_key, now->server_key) != 0 ||
           strcmp(before->public_key, now->public_key) != 0 ||
           sodium_memcmp(before->secret_key, now->secret_key, Z85_BYTES) != 0 ||
           (now->pid != 0 && now->pid != before->pid);
}

void place_wipe(place_t *self) {
    sodium_memzero(self, sizeof *self);
}
