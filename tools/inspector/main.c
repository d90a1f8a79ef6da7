/* SPDX-License-Identifier: MIT */
/* doran: looks into a server and administers it. Reads the command line and runs one command. */
#include <stdio.h>

#include "tools/inspector/arguments.h"

int main(int argc, char *argv[]) {
    arguments_t arguments;
    const command_t *command;
    char error[256];
    if (!arguments_parse(argc, argv, &arguments, &command, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        return WRONG_USAGE;
    }
    int code = command->run(&arguments);
    /* A full disk or a closed pipe behind stdout is found at the end: what was to be shown has not been shown. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "the output could not be written\n");
        return code != DONE ? code : NOT_REACHED;
    }
    return code;
}
