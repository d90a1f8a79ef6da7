/* SPDX-License-Identifier: MIT */
/*
 * report_file: a report that a work leaves for people, as one line of JSON in the data folder:
 * reports/WORK/RUN.json. It appears whole and durable, or not at all; one of that name is replaced. Files are not
 * removed: they are the operator's. For work threads; one at a time for one run.
 */
#ifndef DORAN_ACTORS_REPORT_FILE_H
#define DORAN_ACTORS_REPORT_FILE_H

#include "actors/work.h"

/* report: msgpack, one value. INTERNAL: a sentence in error says why the file could not be written. */
MUST_USE status_t report_file_write(const work_place_t *place, uint64_t run, span_t report, char *error,
                                    size_t error_bytes);

#endif
