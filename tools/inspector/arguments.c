/* SPDX-License-Identifier: MIT */
/*
 * Two passes, because a flag may stand before the command that says whether it belongs: the first sorts words from
 * flags and stores the values, the second holds the flags that were seen against the command.
 */
#include "tools/inspector/arguments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAGS_MAX = 32 };

typedef struct parser {
    int argc;
    char *const *argv;
    int next; /* in argv */
    arguments_t *arguments;
    const char *command; /* NULL: not seen yet */
    bool seen[FLAGS_MAX];
    bool help, flags_ended;
    char *error;
    size_t error_bytes;
} parser_t;

PRINTF_LIKE(2, 3) static bool refuse(parser_t *self, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(self->error, self->error_bytes, format, values);
    va_end(values);
    return false;
}

static bool parse_number(const char *text, uint64_t *number) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value == 0 || value > UINT32_MAX) {
        return false;
    }
    *number = value;
    return true;
}

static bool store_flag(parser_t *self, const flag_t *flag, const char *value) {
    char *field = (char *)self->arguments + flag->offset;
    switch (flag->type) {
    case FLAG_SWITCH:
        *(bool *)field = true;
        return true;
    case FLAG_TEXT:
        *(const char **)field = value;
        return true;
    case FLAG_NUMBER:
        return parse_number(value, (uint64_t *)field) ||
               refuse(self, "--%s takes a number from 1 to %u, not \"%s\"", flag->name, UINT32_MAX, value);
    }
    return false;
}

/* text is what stands behind the dashes: name or name=value. */
static bool take_flag(parser_t *self, const char *text) {
    size_t length = strcspn(text, "=");
    const char *value = text[length] == '=' ? text + length + 1 : NULL;
    for (size_t i = 0; i < flags_count; i++) {
        const flag_t *flag = &flags[i];
        if (strlen(flag->name) != length || memcmp(flag->name, text, length) != 0) {
            continue;
        }
        self->seen[i] = true;
        if (flag->type == FLAG_SWITCH) {
            return value == NULL ? store_flag(self, flag, "") : refuse(self, "--%s takes no value", flag->name);
        }
        if (value == NULL && self->next == self->argc) {
            return refuse(self, "--%s needs a value, %s", flag->name, flag->argument);
        }
        return store_flag(self, flag, value != NULL ? value : self->argv[self->next++]);
    }
    return refuse(self, "there is no flag --%.*s; see doran help", (int)length, text);
}

static bool take_word(parser_t *self, const char *word) {
    if (self->command == NULL) {
        self->command = word;
        return true;
    }
    if (self->arguments->word_count == WORDS_MAX) {
        return refuse(self, "too many arguments: \"%s\"", word);
    }
    self->arguments->words[self->arguments->word_count++] = word;
    return true;
}

static bool take(parser_t *self, const char *text) {
    if (self->flags_ended || text[0] != '-' || text[1] == '\0') {
        return take_word(self, text);
    }
    if (strcmp(text, "--") == 0) {
        self->flags_ended = true;
        return true;
    }
    if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
        self->help = true;
        return true;
    }
    if (strcmp(text, "--version") == 0 && self->command == NULL) {
        self->command = "version";
        return true;
    }
    return text[1] == '-' ? take_flag(self, text + 2) : refuse(self, "there is no flag %s; see doran help", text);
}

/* --help behind a command asks for help about it. */
static const command_t *turn_to_help(parser_t *self) {
    const command_t *about = self->command != NULL ? command_find(self->command) : NULL;
    self->arguments->word_count = 0;
    if (about != NULL && strcmp(about->name, "help") != 0) {
        self->arguments->words[self->arguments->word_count++] = about->name;
    }
    return command_find("help");
}

static bool fits(parser_t *self, const command_t *command) {
    size_t count = self->arguments->word_count;
    if (count < command->least || count > command->most) {
        return refuse(self, "usage: doran %s%s%s", command->name, command->arguments[0] != '\0' ? " " : "",
                      command->arguments);
    }
    for (size_t i = 0; i < flags_count; i++) {
        if (self->seen[i] && !flag_belongs(&flags[i], command)) {
            return refuse(self, "%s takes no --%s", command->name, flags[i].name);
        }
    }
    return true;
}

bool arguments_parse(int argc, char *const argv[], arguments_t *arguments, const command_t **command, char *error,
                     size_t error_bytes) {
    CHECK(flags_count <= FLAGS_MAX, "%zu flags", flags_count);
    parser_t self = {
        .argc = argc, .argv = argv, .next = 1, .arguments = arguments, .error = error, .error_bytes = error_bytes};
    *arguments = (arguments_t){0};
    while (self.next < argc) {
        if (!take(&self, argv[self.next++])) {
            return false;
        }
    }
    if (self.help) {
        *command = turn_to_help(&self);
        return true;
    }
    if (self.command == NULL) {
        return refuse(&self, "which command? See doran help");
    }
    const command_t *found = command_find(self.command);
    if (found == NULL) {
        return refuse(&self, "there is no command \"%s\"; see doran help", self.command);
    }
    *command = found;
    return fits(&self, found);
}

const char *arguments_data(const arguments_t *self) {
    const char *environment = getenv("DORAN_DATA");
    return self->data != NULL ? self->data : environment != NULL && environment[0] != '\0' ? environment : "./data";
}

uint32_t arguments_timeout(const arguments_t *self) {
    return self->timeout != 0 ? (uint32_t)self->timeout : TIMEOUT_MS_DEFAULT;
}
