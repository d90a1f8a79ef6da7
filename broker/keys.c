/* SPDX-License-Identifier: MIT */
/*
 * Key files are few and small, and wrong ones are worse than none: each is read whole into a bounded buffer and parsed
 * strictly. The allow-list is a sorted array, so that finding a key is a binary search without allocation.
 */
#include "broker/keys.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/files.h"
#include "schemas/schema.h"

#define KEY_FILE_BYTES_MAX 4096

struct keys {
    size_t count;
    key_entry_t entries[]; /* sorted by public_key */
};

static const struct {
    const char *name;
    uint32_t role;
} roles[] = {{"gateway", ROLE_GATEWAY}, {"service", ROLE_SERVICE}, {"operator", ROLE_OPERATOR}};

static const char ipc_prefix[] = "ipc:";

uint32_t role_of(span_t name) {
    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++) {
        if (span_equal(name, span_text(roles[i].name))) {
            return roles[i].role;
        }
    }
    return 0;
}

/* Parsing. */

typedef struct key_file { /* what one file says */
    key_pair_t pair;
    bool has_public, has_secret, has_roles;
} key_file_t;

/* One sentence about one line of a file. */
static status_t refuse_line(const char *path, unsigned line, const char *what, char *error, size_t error_bytes) {
    return files_fail(error, error_bytes, "%s:%u: %s.", path, line, what);
}

static span_t trim(span_t text) {
    while (text.len > 0 && strchr(" \t\r", text.ptr[0]) != NULL) {
        text.ptr++, text.len--;
    }
    while (text.len > 0 && strchr(" \t\r", text.ptr[text.len - 1]) != NULL) {
        text.len--;
    }
    return text;
}

/* Takes the part of rest before the separator. */
static span_t take(span_t *rest, char separator) {
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
    span_t part = end != NULL ? span_of(rest->ptr, (size_t)(end - rest->ptr)) : *rest;
    size_t taken = end != NULL ? part.len + 1 : part.len;
    *rest = span_of(rest->ptr + taken, rest->len - taken);
    return part;
}

/* libzmq's decoder does not look at every character, so this does. */
static bool parse_z85(span_t text, char out[KEY_TEXT_BYTES]) {
    static const char alphabet[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    char copy[KEY_TEXT_BYTES] = {0};
    uint8_t bytes[32];
    if (text.len != KEY_TEXT_BYTES - 1) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    bool valid = strspn(copy, alphabet) == text.len && zmq_z85_decode(bytes, copy) != NULL;
    sodium_memzero(bytes, sizeof bytes);
    if (valid) {
        memcpy(out, copy, KEY_TEXT_BYTES);
    }
    sodium_memzero(copy, sizeof copy);
    return valid;
}

static bool parse_roles(span_t text, uint32_t *out) {
    uint32_t found = 0;
    while (text.len > 0) {
        uint32_t role = role_of(trim(take(&text, ',')));
        if (role == 0) {
            return false;
        }
        found |= role;
    }
    *out = found;
    return true;
}

/* NULL, or what is wrong with the line. */
static const char *parse_line(span_t line, key_file_t *file) {
    span_t rest = line;
    span_t name = trim(take(&rest, '='));
    span_t value = trim(rest);
    if (name.len == line.len) {
        return "not of the form name = value";
    }
    if (span_equal(name, span_text("public"))) {
        bool again = file->has_public;
        file->has_public = true;
        return again                                     ? "public is given twice"
               : parse_z85(value, file->pair.public_key) ? NULL
                                                         : "public is not a key of 40 Z85 characters";
    }
    if (span_equal(name, span_text("secret"))) {
        bool again = file->has_secret;
        file->has_secret = true;
        return again                                     ? "secret is given twice"
               : parse_z85(value, file->pair.secret_key) ? NULL
                                                         : "secret is not a key of 40 Z85 characters";
    }
    if (span_equal(name, span_text("roles"))) {
        bool again = file->has_roles;
        file->has_roles = true;
        return again                                   ? "roles is given twice"
               : parse_roles(value, &file->pair.roles) ? NULL
                                                       : "roles may name gateway, service and operator only";
    }
    return "the name is none of public, secret, roles";
}

static status_t parse_file(const char *path, span_t text, key_file_t *file, char *error, size_t error_bytes) {
    for (unsigned number = 1; text.len > 0; number++) {
        span_t line = trim(take(&text, '\n'));
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        const char *problem = parse_line(line, file);
        if (problem != NULL) {
            return refuse_line(path, number, problem, error, error_bytes);
        }
    }
    return STATUS_OK;
}

static status_t read_key_file(const char *path, bool own, key_file_t *file, char *error, size_t error_bytes) {
    uint8_t text[KEY_FILE_BYTES_MAX];
    size_t len = 0;
    status_t status = files_read(path, own, text, sizeof text, &len, error, error_bytes);
    if (status == STATUS_OK) {
        *file = (key_file_t){0};
        status = parse_file(path, span_of(text, len), file, error, error_bytes);
    }
    sodium_memzero(text, sizeof text);
    if (status == STATUS_OK && !file->has_public) {
        status = files_fail(error, error_bytes, "%s: has no line \"public = …\".", path);
    }
    return status;
}

/* Own pairs. */

static bool halves_match(const key_pair_t *pair) {
    char public_key[KEY_TEXT_BYTES];
    return zmq_curve_public(public_key, pair->secret_key) == 0 && strcmp(public_key, pair->public_key) == 0;
}

status_t keys_read_pair(const char *dir, const char *name, key_pair_t *pair, char *error, size_t error_bytes) {
    char path[FILES_PATH_BYTES];
    key_file_t file;
    status_t status = files_path(path, error, error_bytes, "%s/keys/%s.key", dir, name);
    if (status == STATUS_OK) {
        status = read_key_file(path, true, &file, error, error_bytes);
    }
    if (status == STATUS_OK && !file.has_secret) {
        status = files_fail(error, error_bytes, "%s: has no line \"secret = …\".", path);
    }
    if (status == STATUS_OK && !halves_match(&file.pair)) {
        status = files_fail(error, error_bytes, "%s: public and secret do not belong together.", path);
    }
    if (status == STATUS_OK) {
        *pair = file.pair;
    }
    sodium_memzero(&file, sizeof file);
    return status;
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* Makes keys/NAME.key unless it is there; the halves are read back, so that what is used is what was stored. */
static status_t make_pair(const char *dir, const char *name, bool with_role, key_pair_t *pair, char *error,
                          size_t error_bytes) {
    char path[FILES_PATH_BYTES], text[KEY_FILE_BYTES_MAX];
    char public_key[KEY_TEXT_BYTES], secret_key[KEY_TEXT_BYTES];
    status_t status = files_path(path, error, error_bytes, "%s/keys/%s.key", dir, name);
    if (status != STATUS_OK) {
        return status;
    }
    if (!exists(path)) {
        CHECK(zmq_curve_keypair(public_key, secret_key) == 0, "libzmq without CURVE: %s", zmq_strerror(zmq_errno()));
        int len = snprintf(text, sizeof text, "public = %s\nsecret = %s\n%s%s%s", public_key, secret_key,
                           with_role ? "roles = " : "", with_role ? name : "", with_role ? "\n" : "");
        status = files_write(path, 0600, text, (size_t)len, error, error_bytes);
        sodium_memzero(text, sizeof text);
        sodium_memzero(secret_key, sizeof secret_key);
    }
    return status != STATUS_OK ? status : keys_read_pair(dir, name, pair, error, error_bytes);
}

static status_t allow_pair(const char *dir, const char *name, const key_pair_t *pair, char *error, size_t error_bytes) {
    char path[FILES_PATH_BYTES], text[KEY_FILE_BYTES_MAX];
    status_t status = files_path(path, error, error_bytes, "%s/keys/allowed/%s.key", dir, name);
    if (status != STATUS_OK || exists(path)) {
        return status;
    }
    int len = snprintf(text, sizeof text, "public = %s\nroles = %s\n", pair->public_key, name);
    return files_write(path, 0600, text, (size_t)len, error, error_bytes);
}

/* server.key is written last: while it is missing, the first start is not over and goes on where it stopped. */
static status_t make_first_pairs(const char *dir, char *error, size_t error_bytes) {
    static const char *const names[] = {"operator", "gateway", "service"};
    key_pair_t pair;
    status_t status = STATUS_OK;
    for (size_t i = 0; i < ARRAY_LENGTH(names) && status == STATUS_OK; i++) {
        status = make_pair(dir, names[i], true, &pair, error, error_bytes);
        if (status == STATUS_OK) {
            status = allow_pair(dir, names[i], &pair, error, error_bytes);
        }
    }
    if (status == STATUS_OK) {
        status = make_pair(dir, "server", false, &pair, error, error_bytes);
    }
    sodium_memzero(&pair, sizeof pair);
    return status;
}

/* The folder's secret. */

static status_t make_secret(const char *path, char *error, size_t error_bytes) {
    uint8_t secret[FOLDER_SECRET_BYTES];
    char text[2 * FOLDER_SECRET_BYTES + 2];
    randombytes_buf(secret, sizeof secret);
    sodium_bin2hex(text, sizeof text, secret, sizeof secret);
    text[2 * FOLDER_SECRET_BYTES] = '\n';
    status_t status = files_write(path, 0600, text, 2 * FOLDER_SECRET_BYTES + 1, error, error_bytes);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(text, sizeof text);
    return status;
}

status_t keys_read_secret(const char *dir, uint8_t secret[FOLDER_SECRET_BYTES], char *error, size_t error_bytes) {
    char path[FILES_PATH_BYTES];
    uint8_t text[KEY_FILE_BYTES_MAX], bytes[FOLDER_SECRET_BYTES];
    size_t len = 0, got = 0;
    status_t status = files_path(path, error, error_bytes, "%s/keys/folder.secret", dir);
    if (status == STATUS_OK) {
        status = files_read(path, true, text, sizeof text, &len, error, error_bytes);
    }
    if (status == STATUS_OK) {
        span_t hex = trim(span_of(text, len > 0 && text[len - 1] == '\n' ? len - 1 : len));
        int rc = sodium_hex2bin(bytes, sizeof bytes, (const char *)hex.ptr, hex.len, NULL, &got, NULL);
        if (rc != 0 || got != sizeof bytes || hex.len != 2 * sizeof bytes) {
            status = files_fail(error, error_bytes, "%s: is not %d bytes in hex.", path, FOLDER_SECRET_BYTES);
        } else {
            memcpy(secret, bytes, sizeof bytes);
        }
    }
    sodium_memzero(text, sizeof text);
    sodium_memzero(bytes, sizeof bytes);
    return status;
}

void keys_derive(const uint8_t secret[FOLDER_SECRET_BYTES], const char *purpose, uint8_t *out, size_t out_bytes) {
    CHECK(crypto_generichash(out, out_bytes, (const uint8_t *)purpose, strlen(purpose), secret, FOLDER_SECRET_BYTES) ==
              0,
          "purpose %s", purpose);
}

status_t keys_prepare(const char *dir, char *error, size_t error_bytes) {
    char folder[FILES_PATH_BYTES], path[FILES_PATH_BYTES];
    CHECK(sodium_init() >= 0, "libsodium does not start");
    status_t status = files_path(folder, error, error_bytes, "%s/keys", dir);
    if (status == STATUS_OK) {
        status = files_folder(folder, error, error_bytes);
    }
    if (status == STATUS_OK) {
        status = files_path(path, error, error_bytes, "%s/keys/allowed", dir);
    }
    if (status == STATUS_OK) {
        status = files_folder(path, error, error_bytes);
    }
    if (status == STATUS_OK) {
        status = files_path(path, error, error_bytes, "%s/server.key", folder);
    }
    bool first = status == STATUS_OK && !exists(path);
    if (status == STATUS_OK) {
        status = files_path(path, error, error_bytes, "%s/folder.secret", folder);
    }
    if (status == STATUS_OK && !exists(path)) {
        /* A new secret would silently disown every session and derived key of a folder that was in use. */
        status = first ? make_secret(path, error, error_bytes)
                       : files_fail(error, error_bytes, "%s: is missing; bring it back from a backup.", path);
    }
    return status == STATUS_OK && first ? make_first_pairs(dir, error, error_bytes) : status;
}

/* The allow-list. */

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const key_entry_t *)a)->public_key, ((const key_entry_t *)b)->public_key);
}

static bool is_key_name(const char *name, size_t *stem) {
    size_t len = strlen(name);
    *stem = len > 4 ? len - 4 : 0;
    return name[0] != '.' && len > 4 && strcmp(name + *stem, ".key") == 0;
}

static status_t load_entry(const char *folder, const char *name, size_t stem, key_entry_t *entry, char *error,
                           size_t error_bytes) {
    char path[FILES_PATH_BYTES];
    key_file_t file;
    status_t status = files_path(path, error, error_bytes, "%s/%s", folder, name);
    if (status == STATUS_OK && stem > KEY_NAME_BYTES_MAX) {
        status = files_fail(error, error_bytes, "%s: the name is longer than %d bytes.", path, KEY_NAME_BYTES_MAX);
    }
    if (status == STATUS_OK) {
        status = read_key_file(path, false, &file, error, error_bytes);
    }
    if (status == STATUS_OK && file.has_secret) {
        status = files_fail(error, error_bytes, "%s: holds a secret, which belongs to its owner only.", path);
    }
    if (status == STATUS_OK && file.pair.roles == 0) {
        status = files_fail(error, error_bytes, "%s: has no line \"roles = …\" with a role.", path);
    }
    if (status == STATUS_OK) {
        *entry = (key_entry_t){.roles = file.pair.roles};
        memcpy(entry->public_key, file.pair.public_key, KEY_TEXT_BYTES);
        memcpy(entry->name, name, stem);
    }
    sodium_memzero(&file, sizeof file);
    return status;
}

static status_t load_entries(const char *folder, DIR *stream, keys_t *keys, char *error, size_t error_bytes) {
    status_t status = STATUS_OK;
    struct dirent *item;
    while (status == STATUS_OK && (item = readdir(stream)) != NULL) {
        size_t stem;
        if (!is_key_name(item->d_name, &stem)) {
            continue;
        }
        if (keys->count == KEYS_MAX) {
            return files_fail(error, error_bytes, "%s: holds more than %d keys.", folder, KEYS_MAX);
        }
        status = load_entry(folder, item->d_name, stem, &keys->entries[keys->count], error, error_bytes);
        keys->count += status == STATUS_OK;
    }
    return status;
}

static status_t sort_entries(const char *folder, keys_t *keys, char *error, size_t error_bytes) {
    qsort(keys->entries, keys->count, sizeof keys->entries[0], compare_entries);
    for (size_t i = 1; i < keys->count; i++) {
        if (compare_entries(&keys->entries[i - 1], &keys->entries[i]) == 0) {
            return files_fail(error, error_bytes, "%s: %s.key and %s.key hold the same public key.", folder,
                              keys->entries[i - 1].name, keys->entries[i].name);
        }
    }
    return STATUS_OK;
}

status_t keys_load(const char *dir, keys_t **keys, char *error, size_t error_bytes) {
    char folder[FILES_PATH_BYTES];
    status_t status = files_path(folder, error, error_bytes, "%s/keys/allowed", dir);
    if (status != STATUS_OK) {
        return status;
    }
    DIR *stream = opendir(folder);
    if (stream == NULL) {
        return files_fail(error, error_bytes, "%s: cannot be read: %s.", folder, strerror(errno));
    }
    keys_t *self = calloc(1, sizeof *self + KEYS_MAX * sizeof self->entries[0]);
    CHECK(self != NULL, "out of memory");
    status = load_entries(folder, stream, self, error, error_bytes);
    closedir(stream);
    if (status == STATUS_OK) {
        status = sort_entries(folder, self, error, error_bytes);
    }
    if (status != STATUS_OK) {
        keys_destroy(&self);
        return status;
    }
    keys_t *fitted = realloc(self, sizeof *self + self->count * sizeof self->entries[0]);
    *keys = fitted != NULL ? fitted : self;
    return STATUS_OK;
}

void keys_destroy(keys_t **self_p) {
    free(*self_p);
    *self_p = NULL;
}

const key_entry_t *keys_find(const keys_t *self, const char *public_key) {
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(public_key, self->entries[middle].public_key);
        if (order == 0) {
            return &self->entries[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

size_t keys_count(const keys_t *self) {
    return self->count;
}

size_t keys_index(const keys_t *self, const key_entry_t *entry) {
    CHECK(entry >= self->entries && entry < self->entries + self->count, "a foreign entry");
    return (size_t)(entry - self->entries);
}

uint32_t keys_roles(const keys_t *self, const char *user_id) {
    size_t prefix = sizeof ipc_prefix - 1;
    if (strlen(user_id) < KEY_TEXT_BYTES - 1 && strncmp(user_id, ipc_prefix, prefix) == 0) {
        return role_of(span_text(user_id + prefix));
    }
    const key_entry_t *entry = keys_find(self, user_id);
    return entry != NULL ? entry->roles : 0;
}
