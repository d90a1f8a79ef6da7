/* SPDX-License-Identifier: MIT */
/*
 * command: the table of commands and flags (commands.def), and what a command is given. All constant; one thread.
 */
#ifndef DORAN_INSPECTOR_COMMAND_H
#define DORAN_INSPECTOR_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_code {
#define EXIT(NAME, number, text) NAME = number,
#include "tools/inspector/commands.def"
};

enum { WORDS_MAX = 4, TIMEOUT_MS_DEFAULT = 5000 };

/* A flag that was not given is NULL, 0 or false. Everything is borrowed from the command line. */
typedef struct arguments {
    const char *words[WORDS_MAX]; /* behind the command */
    size_t word_count;
#define FLAG_C_TEXT const char *
#define FLAG_C_NUMBER uint64_t
#define FLAG_C_SWITCH bool
#define FLAG_AS(name, field, TYPE, argument, takers, text) FLAG_C_##TYPE field;
#include "tools/inspector/commands.def"
} arguments_t;

typedef enum flag_type { FLAG_TEXT, FLAG_NUMBER, FLAG_SWITCH } flag_type_t;

typedef struct flag {
    const char *name;
    flag_type_t type;
    size_t offset;        /* in arguments_t */
    const char *argument; /* "" for a switch */
    const char *takers;   /* names of commands, a space between them; "" for a flag of every command */
    const char *text;
} flag_t;

typedef struct command {
    const char *name;
    int (*run)(const arguments_t *arguments); /* returns the exit code */
    size_t least, most;                       /* words */
    bool listed;
    const char *arguments, *summary, *text;
} command_t;

extern const flag_t flags[];
extern const size_t flags_count;
extern const command_t commands[];
extern const size_t commands_count;

/* NULL if there is none. */
const command_t *command_find(const char *name);
bool flag_belongs(const flag_t *flag, const command_t *command);
/* "show KIND/KEY", cut to fit. */
void command_synopsis(const command_t *command, char *text, size_t text_bytes);
/* Shows the flags of one command, or those of all commands if it is NULL: "--limit N" and the flag's text. */
void flags_show(const command_t *command, void (*show)(const char *synopsis, const char *text));

#define COMMAND(name, function, least, most, listed, arguments, summary, text) int function(const arguments_t *);
#include "tools/inspector/commands.def"

#endif
