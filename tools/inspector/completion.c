/* SPDX-License-Identifier: MIT */
/*
 * The completion of the shell, from the tables of command.h and schema.h: which words may stand next follows from the
 * command that stands on the line already. What is left open here (a value, a file) falls back to names of files.
 */
#include <stdio.h>
#include <string.h>

#include "schemas/schema.h"
#include "tools/inspector/command.h"

static void print_commands(const char *separator, bool listed_only) {
    const char *before = "";
    for (size_t i = 0; i < commands_count; i++) {
        if (commands[i].listed || !listed_only) {
            printf("%s%s", before, commands[i].name);
            before = separator;
        }
    }
}

/* Only actors with state are listed and shown; any kind can be called. */
static void print_kinds(const char *suffix, bool with_state_only) {
    for (uint32_t i = 0; i < kinds_count; i++) {
        if (kinds[i].state != NULL || !with_state_only) {
            printf("%s%s ", kinds[i].name, suffix);
        }
    }
}

/* Words that may be arguments of the command, told apart by its synopsis. */
static void print_arguments(const command_t *command) {
    if (strcmp(command->arguments, "KIND") == 0) {
        print_kinds("", true);
    } else if (strcmp(command->arguments, "KIND/KEY") == 0) {
        print_kinds("/", true);
    } else if (strncmp(command->arguments, "KIND/KEY", 8) == 0) {
        print_kinds("/", false);
    } else if (strcmp(command->arguments, "[COMMAND]") == 0) {
        print_commands(" ", true);
        printf(" ");
    } else { /* words in lower case stand for themselves */
        const char *letters = "abcdefghijklmnopqrstuvwxyz";
        for (const char *at = command->arguments; *(at += strcspn(at, letters)) != '\0'; at += strspn(at, letters)) {
            printf("%.*s ", (int)strspn(at, letters), at);
        }
    }
}

static void print_words(const command_t *command) {
    printf("    %s) words='", command->name);
    print_arguments(command);
    for (size_t i = 0; i < flags_count; i++) {
        if (flag_belongs(&flags[i], command)) {
            printf("--%s ", flags[i].name);
        }
    }
    printf("' ;;\n");
}

/* Behind a flag with a value comes the value. */
static void print_values(void) {
    printf("    case ${COMP_WORDS[COMP_CWORD - 1]} in\n    --role) words='operator gateway service' ;;\n    ");
    const char *separator = "";
    for (size_t i = 0; i < flags_count; i++) {
        if (flags[i].type != FLAG_SWITCH && strcmp(flags[i].name, "role") != 0) {
            printf("%s--%s", separator, flags[i].name);
            separator = " | ";
        }
    }
    printf(") return ;;\n    esac\n");
}

int command_completion(const arguments_t *arguments) {
    if (strcmp(arguments->words[0], "bash") != 0) {
        fprintf(stderr, "completion knows bash, not \"%s\"\n", arguments->words[0]);
        return WRONG_USAGE;
    }
    printf("# bash completion of doran, as `doran completion bash` prints it\n"
           "_doran() {\n"
           "    local word command= words= now=${COMP_WORDS[COMP_CWORD]}\n"
           "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\"; do\n"
           "        case $word in\n"
           "        ");
    print_commands(" | ", false);
    printf(") command=$word; break ;;\n"
           "        esac\n"
           "    done\n"
           "    case $command in\n"
           "    '') words='");
    print_commands(" ", true);
    printf("' ;;\n");
    for (size_t i = 0; i < commands_count; i++) {
        print_words(&commands[i]);
    }
    printf("    esac\n");
    print_values();
    printf("    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$now\")\n"
           "    [[ ${COMPREPLY[0]-} == */ ]] && compopt -o nospace\n"
           "    return 0\n"
           "}\n"
           "complete -o default -F _doran doran\n");
    return DONE;
}
