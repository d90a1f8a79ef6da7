/* SPDX-License-Identifier: MIT */
/* The help, from the tables of command.h: it can never say something else than the parser does. */
#include <stdio.h>
#include <string.h>

#include "tools/inspector/command.h"

/* Prints a text of some sentences in lines of at most 100 characters. */
static void print_wrapped(const char *text) {
    enum { WIDTH = 100 };
    while (*text != '\0') {
        size_t length = strlen(text);
        if (length > WIDTH) {
            for (length = WIDTH; length > 0 && text[length] != ' '; length--) {
            }
        }
        printf("%.*s\n", (int)length, text);
        text += length + strspn(text + length, " ");
    }
}

static void print_flag(const char *synopsis, const char *text) {
    printf("  %-16s %s\n", synopsis, text);
}

static void print_overview(void) {
    printf("doran looks into a DoranDoran server and administers it.\n\n");
    printf("usage: doran COMMAND [ARGUMENT]… [--FLAG]…\n\n");
    for (size_t i = 0; i < commands_count; i++) {
        if (commands[i].listed) {
            char text[96];
            command_synopsis(&commands[i], text, sizeof text);
            printf("  %-40s %s\n", text, commands[i].summary);
        }
    }
    printf("\n");
    flags_show(NULL, print_flag);
    printf("\nexit status:\n");
#define EXIT(NAME, number, text) printf("  %d  %s\n", number, text);
#include "tools/inspector/commands.def"
}

int command_help(const arguments_t *arguments) {
    if (arguments->word_count == 0) {
        print_overview();
        return DONE;
    }
    const command_t *command = command_find(arguments->words[0]);
    if (command == NULL) {
        fprintf(stderr, "there is no command \"%s\"; see doran help\n", arguments->words[0]);
        return WRONG_USAGE;
    }
    char text[96];
    command_synopsis(command, text, sizeof text);
    printf("usage: doran %s\n\n", text);
    print_wrapped(command->text);
    printf("\n");
    flags_show(command, print_flag);
    flags_show(NULL, print_flag);
    return DONE;
}

int command_version(const arguments_t *arguments) {
    printf(arguments->json ? "{\"version\":\"%s\"}\n" : "doran %s\n", DORAN_VERSION);
    return DONE;
}
