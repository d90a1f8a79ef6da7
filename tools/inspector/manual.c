/* SPDX-License-Identifier: MIT */
/* The manual page as troff, from the tables of command.h. */
#include <stdio.h>
#include <string.h>

#include "tools/inspector/command.h"

/* In troff a backslash begins an escape, "-" is a hyphen that no shell understands, and a line must not begin with a
   dot or a quote. */
static void print_troff(const char *text) {
    if (*text == '.' || *text == '\'') {
        printf("\\&");
    }
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '\\':
            printf("\\e");
            break;
        case '-':
            printf("\\-");
            break;
        default:
            putchar(*text);
        }
    }
    printf("\n");
}

static void print_item(const char *term, const char *text) {
    printf(".TP\n.B ");
    print_troff(term);
    print_troff(text);
}

static void print_flags(const char *command) {
    for (size_t i = 0; i < flags_count; i++) {
        if (strcmp(flags[i].command, command) == 0) {
            char text[64];
            flag_synopsis(&flags[i], text, sizeof text);
            print_item(text, flags[i].text);
        }
    }
}

int command_man(const arguments_t *arguments) {
    (void)arguments;
    printf(".TH DORAN 1 \"\" \"DoranDoran %s\" \"DoranDoran\"\n", DORAN_VERSION);
    printf(".SH NAME\ndoran \\- looks into a DoranDoran server and administers it\n");
    printf(".SH SYNOPSIS\n.B doran\n.I COMMAND\n[\\fIARGUMENT\\fR]... [\\fB\\-\\-\\fIFLAG\\fR]...\n.SH COMMANDS\n");
    for (size_t i = 0; i < commands_count; i++) {
        if (commands[i].listed) {
            char text[96];
            command_synopsis(&commands[i], text, sizeof text);
            print_item(text, commands[i].text);
            printf(".RS\n");
            print_flags(commands[i].name);
            printf(".RE\n");
        }
    }
    printf(".SH FLAGS\n");
    print_flags("");
    printf(".SH \"EXIT STATUS\"\n");
#define EXIT(NAME, number, text) print_item(#number, text);
#include "tools/inspector/commands.def"
    printf(".SH ENVIRONMENT\n");
    print_item("DORAN_DATA", "The data folder if there is no --data.");
    printf(".SH EXAMPLES\n.nf\n");
    print_troff("doran ping");
    print_troff("doran ls user --limit 10");
    print_troff("doran call echo/hello echo '{\"data\": \"hi\"}' --json");
    printf(".fi\n");
    return DONE;
}
