/* SPDX-License-Identifier: MIT */
/*
 * work_password: passwords are hashed, and compared with their hashes, off the shard: Argon2id (RFC 9106) with what
 * OWASP asks for at least, 19 MiB and two passes, which takes some 30 ms. One at a time, so it is 19 MiB in all. The
 * time is the same for every password and hash; where there is no hash, one that nobody has the password of takes its
 * place.
 */
#ifndef DORAN_ACTORS_WORK_PASSWORD_H
#define DORAN_ACTORS_WORK_PASSWORD_H

#include "actors/work.h"

enum { PASSWORD_MS = 5000 }; /* how long who asked waits for either; for the guard */

/* A user_hash without password, but with the hash; a credential_check without password and hash, but with `right`. */
extern const work_t work_password_hash, work_password_check;

#endif
