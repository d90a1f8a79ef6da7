/* SPDX-License-Identifier: MIT */
/*
 * keys: the CURVE keys of a data folder: this server's own pairs and the list of public keys that may connect.
 *
 *   DIR/keys/NAME.key          an own pair, 0600:       public = Z85, secret = Z85, roles = a,b
 *   DIR/keys/allowed/NAME.key  who may connect:         public = Z85, roles = a,b
 *   DIR/keys/folder.secret     32 random bytes in hex, 0600; made once, never rotated, since sessions and derived keys
 *                              hang on it
 *
 * A key file has one `name = value` a line; blank lines and lines that begin with # are skipped, anything else is
 * refused with file and line. Roles are gateway, service, operator. A file with a secret must not be readable by group
 * or others; no file may be writable by them. Files whose names do not end in ".key" or begin with a dot are not looked
 * at.
 *
 * keys_prepare and the loading functions read files and belong to the start of the program. A keys_t is immutable: any
 * thread may read one, its owner destroys it. Functions that fail leave one sentence in error and return INTERNAL.
 */
#ifndef DORAN_BROKER_KEYS_H
#define DORAN_BROKER_KEYS_H

#include "schemas/limits.h"
#include "schemas/status.h"

#define KEY_TEXT_BYTES 41     /* Z85 of 32 bytes, and a NUL */
#define KEY_NAME_BYTES_MAX 64 /* of NAME */
#define KEYS_MAX 4096         /* allowed keys */
#define FOLDER_SECRET_BYTES 32

typedef struct key_pair {
    char public_key[KEY_TEXT_BYTES];
    char secret_key[KEY_TEXT_BYTES];
    uint32_t roles; /* enum role of schema.h */
} key_pair_t;

typedef struct key_entry {
    char public_key[KEY_TEXT_BYTES];
    char name[KEY_NAME_BYTES_MAX + 1];
    uint32_t roles;
} key_entry_t;

typedef struct keys keys_t;

/* Makes what is missing of DIR/keys: folders (0700) and the folder's secret; on the first start, which is when there is
   no server.key, also the pairs of operator, gateway, service and server, the first three allowed with the role of
   their name. A later start brings back nothing that was removed. */
MUST_USE status_t keys_prepare(const char *dir, char *error, size_t error_bytes);
/* Reads DIR/keys/NAME.key; the halves must belong together. */
MUST_USE status_t keys_read_pair(const char *dir, const char *name, key_pair_t *pair, char *error, size_t error_bytes);
MUST_USE status_t keys_read_secret(const char *dir, uint8_t secret[FOLDER_SECRET_BYTES], char *error,
                                   size_t error_bytes);
/* A key of 16 to 64 bytes for one purpose: no output of one can be an input of another. */
void keys_derive(const uint8_t secret[FOLDER_SECRET_BYTES], const char *purpose, uint8_t *out, size_t out_bytes);

/* Reads DIR/keys/allowed. All or nothing: a file that cannot be read or a key that occurs twice fails. */
MUST_USE status_t keys_load(const char *dir, keys_t **keys, char *error, size_t error_bytes);
void keys_destroy(keys_t **self_p);
/* The entry of this public key, or NULL. Costs no system call. */
const key_entry_t *keys_find(const keys_t *self, const char *public_key);
size_t keys_count(const keys_t *self);
/* Place of an entry of keys_find among keys_count. */
size_t keys_index(const keys_t *self, const key_entry_t *entry);

/* Roles of a User-Id as the ZAP thread gives it: the Z85 key of an allowed entry, or "ipc:ROLE". 0: none. */
uint32_t keys_roles(const keys_t *self, const char *user_id);
/* The role of this name, or 0. */
uint32_t role_of(span_t name);

#endif
