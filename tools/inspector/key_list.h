/* SPDX-License-Identifier: MIT */
/*
 * key_list: the key files of a data folder by name (broker/keys.h says what they are), for people to look at. It shows
 * public halves only and never keeps a secret. One thread.
 */
#ifndef DORAN_INSPECTOR_KEY_LIST_H
#define DORAN_INSPECTOR_KEY_LIST_H

#include <jansson.h>

#include "broker/keys.h"

enum { ROLES_TEXT_BYTES = 64 };

typedef struct key_text { /* what a key file says, as it says it */
    char public_key[KEY_TEXT_BYTES];
    char roles[ROLES_TEXT_BYTES]; /* "a,b" without blanks; "" if there is no such line */
} key_text_t;

/* Reads public and roles of a key file, anybody's. False: it cannot be read or has no public key. */
MUST_USE bool key_text_read(const char *path, key_text_t *key);
/* Takes the blanks out of "a, b" and checks that each is a role; false with one sentence in error. */
MUST_USE bool roles_parse(const char *text, char roles[ROLES_TEXT_BYTES], char *error, size_t error_bytes);
/* Is this the NAME of a key: a file name of letters, digits and -_.@ that does not begin with a dot? */
bool key_name_valid(const char *name);
/* Array of {name, allowed, pair, roles, public} by name: allowed: it may connect; pair: keys/NAME.key lies here. */
json_t *key_list(const char *data);

#endif
