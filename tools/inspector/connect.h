/* SPDX-License-Identifier: MIT */
/*
 * connect: the way to the server that the flags name, and what an answer means for the exit code. One thread.
 */
#ifndef DORAN_INSPECTOR_CONNECT_H
#define DORAN_INSPECTOR_CONNECT_H

#include "tools/client/doran.h"
#include "tools/inspector/arguments.h"

/* Says in a sentence if a text has no slash, as an address must. */
bool connect_is_address(const char *text);
/* Acts for the user of --as, if there is one. NULL after a sentence on stderr; then the exit code is NOT_REACHED. Close
   it with doran_close. */
doran_t *connect_server(const arguments_t *arguments);
/* DONE, NOT_REACHED, ERROR_ANSWERED or REFUSED. */
int connect_exit_code(doran_code_t code);
/* Says in one sentence what went wrong with `what`; text may be NULL or "". Returns the exit code. */
int connect_problem(const char *what, doran_code_t code, const char *text);

#endif
