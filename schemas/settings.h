/* SPDX-License-Identifier: MIT */
/*
 * settings: what an operator may change, from four sources, the first that names a setting wins:
 *
 *   --set NAME=VALUE   >   environment DORAN_NAME (upper case)   >   DIR/doran.conf   >   the default
 *
 * The file has one `name = value` a line; what follows a # is a comment. Unknown names are refused in flags and file;
 * in the environment they may belong to another program. The table is settings.def. Read once at start, then constant.
 */
#ifndef DORAN_SETTINGS_H
#define DORAN_SETTINGS_H

#include "schemas/limits.h"
#include "schemas/status.h"

enum { SETTING_TEXT_BYTES = 1024 };

enum setting_index {
#define SETTING(name, TYPE, preset, min, max, text) SETTING_##name,
#define SETTING_TEXT(name, preset, text) SETTING_##name,
#include "schemas/settings.def"
    SETTING_COUNT
};

typedef enum setting_source {
    SOURCE_DEFAULT,
    SOURCE_FILE,
    SOURCE_ENVIRONMENT,
    SOURCE_FLAG,
} setting_source_t;

typedef struct settings {
#define SETTING(name, TYPE, preset, min, max, text) uint64_t name;
#define SETTING_TEXT(name, preset, text) char name[SETTING_TEXT_BYTES];
#include "schemas/settings.def"
    uint8_t sources[SETTING_COUNT]; /* setting_source_t of each */
} settings_t;

settings_t settings_defaults(void);
/* dir is the data folder, whose file need not exist; NULL: no file. assignments are `count` texts NAME=VALUE of flags.
   INVALID, with one sentence in error that names the source (file and line), if anything is wrong anywhere. */
MUST_USE status_t settings_load(settings_t *self, const char *dir, const char *const *assignments, size_t count,
                                char *error, size_t error_bytes);
/* How many shards that makes here: the setting, or the cores that this process may use. */
uint32_t settings_shards(const settings_t *self);

/* One setting as text, for printing. All are valid during the call. */
typedef struct setting_row {
    const char *name, *value;
    const char *preset, *min, *max; /* of a text, min and max are empty */
    const char *source;             /* default, file, environment, flag */
    const char *text;
} setting_row_t;
void settings_visit(const settings_t *self, void (*visit)(void *context, const setting_row_t *row), void *context);

#endif
