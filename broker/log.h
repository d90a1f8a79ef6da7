/* SPDX-License-Identifier: MIT */
/*
 * log: what happened to the server, one JSON object a line in DIR/log/dorand.jsonl, with the names of the Elastic
 * Common Schema. Written by whoever gives up or changes something, once; never holds a secret or a body. Any thread: a
 * line is one write(2) to a file opened for appending.
 */
#ifndef DORAN_BROKER_LOG_H
#define DORAN_BROKER_LOG_H

#include "schemas/status.h"

typedef enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR } log_level_t;

/* Opens the file; before it, and if it cannot be opened, lines go nowhere. Main thread, before others start. */
void log_open(const char *dir);
void log_line(log_level_t level, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
