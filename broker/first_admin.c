/* SPDX-License-Identifier: MIT */
/* The account is made as any other, by user.create, which the server itself asks for. */
#include "broker/first_admin.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <unistd.h>

#include "broker/files.h"
#include "broker/log.h"
#include "schemas/address.h"
#include "schemas/records.h"

#define EMAIL "admin@localhost.localdomain"
#define NAME "Admin"

enum {
    PASSWORD_RANDOM_BYTES = 16, /* 128 bits */
    EMAIL_BYTES_MIN = 3,
    EMAIL_BYTES_MAX = 254,
    FILE_BYTES_MAX = 2048,
    BODY_BYTES_MAX = 2048,
    ERROR_BYTES = FILES_PATH_BYTES + 256,
};

typedef struct place {
    router_t *router;
    char path[FILES_PATH_BYTES]; /* of the file */
    char key[UUID_TEXT_BYTES];   /* of the account */
    char email[EMAIL_BYTES_MAX + 1], password[PASSWORD_BYTES_MAX + 1];
    char error[ERROR_BYTES];
} place_t;

/* The file */

static status_t make_file(place_t *self) {
    uint8_t bytes[PASSWORD_RANDOM_BYTES];
    char text[FILE_BYTES_MAX];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(self->password, sizeof self->password, bytes, sizeof bytes);
    snprintf(self->email, sizeof self->email, EMAIL);
    int len = snprintf(text, sizeof text, "{\"email\": \"%s\", \"password\": \"%s\"}\n", self->email, self->password);
    status_t status = files_write(self->path, 0600, text, (size_t)len, self->error, sizeof self->error);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(text, sizeof text);
    return status;
}

/* Is there such a text, short enough? */
static bool copy_member(const json_t *file, const char *name, char *text, size_t capacity) {
    const char *found = json_string_value(json_object_get(file, name));
    return found != NULL && (size_t)snprintf(text, capacity, "%s", found) < capacity;
}

static status_t read_file(place_t *self) {
    char text[FILE_BYTES_MAX];
    size_t len = 0;
    status_t status = files_read(self->path, true, text, sizeof text, &len, self->error, sizeof self->error);
    if (status != STATUS_OK) {
        return status;
    }
    json_t *file = json_loadb(text, len, 0, NULL);
    bool good = copy_member(file, "email", self->email, sizeof self->email) &&
                copy_member(file, "password", self->password, sizeof self->password) &&
                strlen(self->email) >= EMAIL_BYTES_MIN && strlen(self->password) >= PASSWORD_CHARACTERS_MIN;
    json_decref(file);
    sodium_memzero(text, sizeof text);
    return good ? STATUS_OK
                : files_fail(self->error, sizeof self->error, "%s: has no \"email\" and \"password\" of an account.",
                             self->path);
}

/* The account */

static status_t ask(place_t *self, uint32_t method, span_t body) {
    const kind_t *kind = &kinds[KIND_user];
    const request_t asked = {
        .kind = kind, .method = &kind->methods[method], .key = span_of(self->key, sizeof self->key), .body = body};
    return router_ask(self->router, &asked);
}

static status_t make_account(place_t *self) {
    uint8_t bytes[BODY_BYTES_MAX];
    pack_t body = pack_into(bytes, sizeof bytes);
    user_create_t create = {0};
    FIELD_SET(user_create, &create, email, span_text(self->email));
    FIELD_SET(user_create, &create, name, span_text(NAME));
    FIELD_SET(user_create, &create, password, span_text(self->password));
    FIELD_SET(user_create, &create, role, person_role_ADMIN);
    record_encode(&record_user_create, &create, &body);
    status_t status = ask(self, METHOD_user_create, pack_bytes(&body));
    sodium_memzero(bytes, sizeof bytes);
    return status == STATUS_OK ? status : files_fail(self->error, sizeof self->error, "%s", status_text(status));
}

static status_t name_account(place_t *self, const char *dir) {
    uint8_t secret[FOLDER_SECRET_BYTES], hash[16];
    status_t status = files_path(self->path, self->error, sizeof self->error, "%s/secrets/admin.json", dir);
    if (status == STATUS_OK) {
        status = keys_read_secret(dir, secret, self->error, sizeof self->error);
    }
    if (status == STATUS_OK) {
        keys_derive(secret, "doran first admin", hash, sizeof hash);
        uuid_v8(hash, self->key);
    }
    sodium_memzero(secret, sizeof secret);
    return status;
}

static status_t provide(place_t *self) {
    status_t status = ask(self, METHOD_user_get, span_of("\x80", 1));
    if (status == STATUS_OK) {
        return status;
    }
    if (status != STATUS_NOT_FOUND) {
        return files_fail(self->error, sizeof self->error, "nobody can tell whether there is one: %s",
                          status_text(status));
    }
    status = access(self->path, F_OK) == 0 ? read_file(self) : make_file(self);
    if (status == STATUS_OK) {
        status = make_account(self);
    }
    if (status == STATUS_OK) {
        log_line(LOG_LEVEL_INFO, "the first admin is there; %s says how to log in", self->path);
    }
    return status;
}

void first_admin_provide(router_t *router, const char *dir) {
    place_t self = {.router = router};
    status_t status = name_account(&self, dir);
    if (status == STATUS_OK) {
        status = provide(&self);
    }
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "there is no first admin, or none can be seen: %s", self.error);
    }
    sodium_memzero(&self, sizeof self);
}
