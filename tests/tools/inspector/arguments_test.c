/* SPDX-License-Identifier: MIT */
#include "tools/inspector/arguments.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static arguments_t arguments;
static const command_t *command;
static char error[256];

/* PARSE("ls", "user") parses `doran ls user`. */
#define PARSE(...)                                                                                                     \
    parse((char *[]){(char *)"doran", __VA_ARGS__},                                                                    \
          (int)(sizeof((const char *[]){"doran", __VA_ARGS__}) / sizeof(char *)))

static bool parse(char *argv[], int argc) {
    error[0] = '\0';
    command = NULL;
    return arguments_parse(argc, argv, &arguments, &command, error, sizeof error);
}

Test(arguments, an_unknown_command_is_refused) {
    cr_assert_not(PARSE("dance"));
    cr_assert_str_eq(error, "there is no command \"dance\"; see doran help");
}

Test(arguments, an_unknown_flag_is_refused_before_and_behind_the_command) {
    cr_assert_not(PARSE("--loud", "ping"));
    cr_assert_not(PARSE("ping", "--loud"));
    cr_assert_not(PARSE("ping", "-v"));
    cr_assert_not(PARSE("ping", "--jso"));
}

Test(arguments, a_flag_of_another_command_is_refused) {
    cr_assert_not(PARSE("--limit", "3", "ping"));
    cr_assert_str_eq(error, "ping takes no --limit");
}

Test(arguments, a_flag_without_its_value_is_refused) {
    cr_assert_not(PARSE("ping", "--data"));
    cr_assert_str_eq(error, "--data needs a value, DIR");
}

Test(arguments, a_switch_with_a_value_is_refused) {
    cr_assert_not(PARSE("ping", "--json=yes"));
}

Test(arguments, numbers_are_whole_positive_and_bounded) {
    cr_assert_not(PARSE("ping", "--timeout", "0"));
    cr_assert_not(PARSE("ping", "--timeout", "-1"));
    cr_assert_not(PARSE("ping", "--timeout", "+1"));
    cr_assert_not(PARSE("ping", "--timeout", " 1"));
    cr_assert_not(PARSE("ping", "--timeout", "1s"));
    cr_assert_not(PARSE("ping", "--timeout="));
    cr_assert_not(PARSE("ping", "--timeout", "4294967296"));
    cr_assert(PARSE("ping", "--timeout", "4294967295"));
    cr_assert_eq(arguments_timeout(&arguments), UINT32_MAX);
}

Test(arguments, a_flag_of_two_words_is_one_flag) {
    cr_assert(PARSE("call", "echo/x", "echo", "--idempotency-key", "k"));
    cr_assert_str_eq(arguments.idempotency_key, "k");
    cr_assert_not(PARSE("call", "echo/x", "echo", "--idempotency_key", "k"));
    cr_assert_not(PARSE("ping", "--idempotency-key", "k"));
}

Test(arguments, too_few_and_too_many_words_show_the_usage) {
    cr_assert_not(PARSE("show"));
    cr_assert_str_eq(error, "usage: doran show KIND/KEY");
    cr_assert_not(PARSE("ping", "twice"));
    cr_assert_str_eq(error, "usage: doran ping");
    cr_assert_not(PARSE("call", "a", "b", "c", "d", "e"));
}

Test(arguments, nothing_at_all_asks_for_a_command) {
    cr_assert_not(parse((char *[]){(char *)"doran"}, 1));
    cr_assert_str_eq(error, "which command? See doran help");
}

Test(arguments, flags_stand_anywhere_and_take_values_in_two_ways) {
    cr_assert(PARSE("--data", "d", "ls", "--json", "user", "--after=k=v", "--limit", "7"));
    cr_assert_str_eq(command->name, "ls");
    cr_assert_str_eq(arguments.data, "d");
    cr_assert_str_eq(arguments.after, "k=v");
    cr_assert_eq(arguments.limit, 7);
    cr_assert(arguments.json);
    cr_assert_not(arguments.write);
    cr_assert_eq(arguments.word_count, 1);
    cr_assert_str_eq(arguments.words[0], "user");
}

Test(arguments, a_flag_may_belong_to_several_commands) {
    cr_assert(PARSE("tail", "room/x", "--after", "3:4", "--limit=2", "--as", "user/ada"));
    cr_assert_str_eq(arguments.after, "3:4");
    cr_assert_str_eq(arguments.as, "user/ada");
    cr_assert(PARSE("call", "room/x", "join", "--as=user/ada"));
    cr_assert_not(PARSE("show", "room/x", "--as=user/ada"));
    cr_assert_str_eq(error, "show takes no --as");
}

Test(arguments, two_dashes_end_the_flags) {
    cr_assert(PARSE("call", "--", "echo/a", "echo", "--json"));
    cr_assert_eq(arguments.word_count, 3);
    cr_assert_str_eq(arguments.words[2], "--json");
    cr_assert_not(arguments.json);
}

Test(arguments, help_may_be_asked_for_as_a_flag) {
    cr_assert(PARSE("call", "--help"));
    cr_assert_str_eq(command->name, "help");
    cr_assert_str_eq(arguments.words[0], "call");
    cr_assert(PARSE("-h"));
    cr_assert_eq(arguments.word_count, 0);
    cr_assert(PARSE("--version"));
    cr_assert_str_eq(command->name, "version");
}

Test(arguments, the_data_folder_is_the_flag_then_the_environment_then_here) {
    unsetenv("DORAN_DATA");
    cr_assert(PARSE("ping"));
    cr_assert_str_eq(arguments_data(&arguments), "./data");
    cr_assert_eq(arguments_timeout(&arguments), 5000);
    setenv("DORAN_DATA", "/there", 1);
    cr_assert_str_eq(arguments_data(&arguments), "/there");
    cr_assert(PARSE("ping", "--data", "/here"));
    cr_assert_str_eq(arguments_data(&arguments), "/here");
}

/* Each row of the table must be one that help, parser and completion can live with. */
Test(arguments, the_tables_fit_together) {
    for (size_t i = 0; i < commands_count; i++) {
        cr_assert_eq(command_find(commands[i].name), &commands[i], "%s occurs twice", commands[i].name);
        cr_assert_leq(commands[i].most, WORDS_MAX);
        cr_assert_leq(commands[i].least, commands[i].most);
    }
    for (size_t i = 0; i < flags_count; i++) {
        uint32_t takers = 0, words = flags[i].takers[0] != '\0';
        for (const char *at = flags[i].takers; *at != '\0'; at++) {
            words += *at == ' ';
        }
        for (size_t j = 0; j < commands_count; j++) {
            takers += flag_belongs(&flags[i], &commands[j]);
        }
        cr_assert_eq(takers, words == 0 ? commands_count : words, "--%s is for %s", flags[i].name, flags[i].takers);
        cr_assert_eq(flags[i].type == FLAG_SWITCH, flags[i].argument[0] == '\0', "--%s", flags[i].name);
    }
}
