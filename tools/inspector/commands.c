/* SPDX-License-Identifier: MIT */
/* The rows of commands.def as tables. */
#include "tools/inspector/command.h"

#include <stdio.h>
#include <string.h>

#include "schemas/check.h"

const flag_t flags[] = {
#define FLAG_AS(name, field, TYPE, argument, takers, text)                                                             \
    {#name, FLAG_##TYPE, offsetof(arguments_t, field), argument, takers, text},
#include "tools/inspector/commands.def"
};
const size_t flags_count = ARRAY_LENGTH(flags);

const command_t commands[] = {
#define COMMAND(name, function, least, most, listed, arguments, summary, text)                                         \
    {#name, function, least, most, listed, arguments, summary, text},
#include "tools/inspector/commands.def"
};
const size_t commands_count = ARRAY_LENGTH(commands);

const command_t *command_find(const char *name) {
    for (size_t i = 0; i < commands_count; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

bool flag_belongs(const flag_t *flag, const command_t *command) {
    const char *taker = flag->takers;
    for (size_t length; (length = strcspn(taker, " ")) > 0; taker += length + strspn(taker + length, " ")) {
        if (strlen(command->name) == length && memcmp(command->name, taker, length) == 0) {
            return true;
        }
    }
    return flag->takers[0] == '\0';
}

void command_synopsis(const command_t *command, char *text, size_t text_bytes) {
    snprintf(text, text_bytes, "%s%s%s", command->name, command->arguments[0] != '\0' ? " " : "", command->arguments);
}

void flags_show(const command_t *command, void (*show)(const char *synopsis, const char *text)) {
    for (size_t i = 0; i < flags_count; i++) {
        const flag_t *flag = &flags[i];
        bool common = flag->takers[0] == '\0';
        if (command == NULL ? common : !common && flag_belongs(flag, command)) {
            char synopsis[64];
            snprintf(synopsis, sizeof synopsis, "--%s%s%s", flag->name, flag->type == FLAG_SWITCH ? "" : " ",
                     flag->argument);
            show(synopsis, flag->text);
        }
    }
}
