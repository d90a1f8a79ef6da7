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
        if (*text == '\\') {
            printf("\\e");
        } else if (*text == '-') {
            printf("\\-");
        } else {
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
            flags_show(&commands[i], print_item);
            printf(".RE\n");
        }
    }
    printf(".SH FLAGS\n");
    flags_show(NULL, print_item);
    printf(".SH \"EXIT STATUS\"\n");
#define EXIT(NAME, number, text) print_item(#number, text);
#include "tools/inspector/commands.def"
    printf(".SH ENVIRONMENT\n");
    print_item("DORAN_DATA", "The data folder if there is no --data.");
    printf(".SH EXAMPLES\n.nf\n");
    print_troff("doran ping");
    print_troff("doran ls user --limit 10");
    print_troff("doran call echo/hello echo '{\"data\": \"hi\"}' --json");
    print_troff("doran tail room/019a2b64-1c55-7e0a-9f7d-3b1e0c9a7d11 --after 0 --json");
    printf(".fi\n");
    return DONE;
}
