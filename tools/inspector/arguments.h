/* SPDX-License-Identifier: MIT */
/*
 * arguments: reads the command line by the tables of command.h. Flags may stand before and behind the command, as
 * `--name value` or `--name=value`; `--` ends them. One thread.
 */
#ifndef DORAN_INSPECTOR_ARGUMENTS_H
#define DORAN_INSPECTOR_ARGUMENTS_H

#include "schemas/check.h"
#include "tools/inspector/command.h"

/* Fills arguments and command (`help` for --help and -h, `version` for --version); what it points to is argv's. False
   with one sentence in error. */
MUST_USE bool arguments_parse(int argc, char *const argv[], arguments_t *arguments, const command_t **command,
                              char *error, size_t error_bytes);
/* The data folder: the flag, $DORAN_DATA, or ./data. */
const char *arguments_data(const arguments_t *self);
uint32_t arguments_timeout(const arguments_t *self);

#endif
