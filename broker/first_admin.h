/* SPDX-License-Identifier: MIT */
/*
 * first_admin: the account with the role ADMIN that people get in with at first, and DIR/secrets/admin.json, 0600,
 * which says how: {"email", "password"}. The account has a key that only this folder makes, so there is one of it at
 * most.
 *
 *   account there?   file there?
 *   no               no           makes the file, durably, with a random password; then the account
 *   no               yes          the server died between the two: makes the account from the file
 *   yes              either       does nothing: the file may be gone, or stale, since it is for people
 *
 * Main thread, at the start, behind the router's.
 */
#ifndef DORAN_BROKER_FIRST_ADMIN_H
#define DORAN_BROKER_FIRST_ADMIN_H

#include "broker/router.h"

/* On return the account is there and can log in. If it cannot be made, or nobody can tell whether it is there, the log
   says why, and the next start tries again: that is no reason not to serve. */
void first_admin_provide(router_t *router, const char *dir);

#endif
