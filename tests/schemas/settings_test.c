/* SPDX-License-Identifier: MIT */
#include "schemas/settings.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/settings_test_XXXXXX";
static char path[64];
static settings_t settings;
static char error[256];

static void make_dir(void) {
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/doran.conf", dir);
}

static void remove_dir(void) {
    unlink(path);
    rmdir(dir);
}

TestSuite(settings, .init = make_dir, .fini = remove_dir);

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static status_t load(const char *flag) {
    return settings_load(&settings, dir, &flag, flag == NULL ? 0 : 1, error, sizeof error);
}

static void assert_refused(const char *flag, const char *sentence) {
    settings.shards = 77;
    error[0] = 0;
    cr_assert_eq(load(flag), STATUS_INVALID, "%s", sentence);
    cr_assert_not_null(strstr(error, sentence), "%s", error);
    cr_assert_eq(settings.shards, 77, "untouched");
}

Test(settings, an_unknown_name_is_refused_with_its_place) {
    assert_refused("shard=1", "--set: there is no setting \"shard\"");
    assert_refused("=1", "--set: there is no setting \"\"");
    write_file("# first\n\nshards = 2\n  shard = 2\n");
    char sentence[128];
    snprintf(sentence, sizeof sentence, "%s:4: there is no setting \"shard\"", path);
    assert_refused(NULL, sentence);
}

Test(settings, what_is_no_assignment_is_refused) {
    assert_refused("shards", "--set: \"shards\" is not of the form name = value");
    write_file("shards 2\n");
    assert_refused(NULL, "doran.conf:1: \"shards 2\" is not");
}

Test(settings, a_value_that_is_no_whole_number_is_refused) {
    static const char *const flags[] = {"shards=",    "shards=-1",   "shards=+1",  "shards=0x2", "shards=1.5",
                                        "shards=1 2", "shards=many", "shards=1e1", "shards==1"};
    for (size_t i = 0; i < ARRAY_LENGTH(flags); i++) {
        assert_refused(flags[i], "--set: shards must be a whole number");
    }
    assert_refused("session_ms=18446744073709551616", "must be a whole number");
    assert_refused("session_ms=99999999999999999999999", "must be a whole number");
}

Test(settings, a_value_out_of_range_is_refused) {
    assert_refused("shards=17", "shards must be from 0 to 16, not 17");
    assert_refused("message_bytes_max=4095", "from 4096 to 1048576");
    assert_refused("message_bytes_max=1048577", "from 4096 to 1048576");
    assert_refused("idle_ms=9", "idle_ms must be from 10 to");
    assert_refused("segment_bytes=65537", "segment_bytes must be a multiple of 4096");
    setenv("DORAN_SHARDS", "17", 1);
    assert_refused(NULL, "DORAN_SHARDS: shards must be from 0 to 16");
    unsetenv("DORAN_SHARDS");
    write_file("idle_ms = 9");
    assert_refused("idle_ms=10", "doran.conf:1: idle_ms must be");
}

Test(settings, a_file_that_cannot_be_read_is_refused) {
    cr_assert_eq(mkdir(path, 0700), 0);
    assert_refused(NULL, "doran.conf: is not a regular file");
    rmdir(path);
}

Test(settings, an_error_longer_than_its_room_is_cut) {
    const char *flag = "shards=17";
    struct {
        char text[8];
        char behind;
    } guarded = {.behind = 'x'};
    cr_assert_eq(settings_load(&settings, dir, &flag, 1, guarded.text, sizeof guarded.text), STATUS_INVALID);
    cr_assert_str_eq(guarded.text, "--set: ");
    cr_assert_eq(guarded.behind, 'x');
}

Test(settings, without_any_source_all_are_default) {
    cr_assert_eq(load(NULL), STATUS_OK);
    cr_assert_eq(settings.shards, 0);
    cr_assert_eq(settings.message_bytes_max, 1048576);
    cr_assert_eq(settings.memtable_bytes_max, 67108864);
    cr_assert_eq(settings.journal_tail_bytes_max, 268435456);
    cr_assert_eq(settings.segment_bytes, 33554432);
    cr_assert_eq(settings.session_ms, 86400000);
    cr_assert_eq(settings.peer_queue_bytes_max, 8388608);
    cr_assert_eq(settings.lmdb_map_bytes, 274877906944);
    cr_assert_eq(settings_load(&settings, NULL, NULL, 0, error, sizeof error), STATUS_OK);
    settings_t defaults = settings_defaults();
    cr_assert(memcmp(&settings, &defaults, sizeof settings) == 0);
}

Test(settings, a_flag_beats_the_environment_which_beats_the_file) {
    write_file("shards = 2 # two\nidle_ms=20\n\tsession_ms\t=\t30\r\npeers_max=4");
    setenv("DORAN_SHARDS", "3", 1);
    setenv("DORAN_IDLE_MS", "21", 1);
    setenv("DORAN_NO_SUCH_SETTING", "of another program", 1);
    cr_assert_eq(load("shards=4"), STATUS_OK, "%s", error);
    cr_assert_eq(settings.shards, 4);
    cr_assert_eq(settings.idle_ms, 21);
    cr_assert_eq(settings.session_ms, 30);
    cr_assert_eq(settings.peers_max, 4);
    cr_assert_eq(settings.sources[SETTING_shards], SOURCE_FLAG);
    cr_assert_eq(settings.sources[SETTING_idle_ms], SOURCE_ENVIRONMENT);
    cr_assert_eq(settings.sources[SETTING_session_ms], SOURCE_FILE);
    cr_assert_eq(settings.sources[SETTING_heartbeat_ms], SOURCE_DEFAULT);
}

Test(settings, only_a_rate_may_be_off) {
    assert_refused("shards=off", "shards must be a whole number");
    cr_assert_eq(load("rate_limit=off"), STATUS_OK, "%s", error);
    cr_assert_eq(settings.rate_limit, 0);
    cr_assert_eq(load("rate_limit=7"), STATUS_OK, "%s", error);
    cr_assert_eq(settings.rate_limit, 7);
}

Test(settings, a_text_is_taken_as_it_is) {
    char flag[2 * SETTING_TEXT_BYTES] = "cors_origins=";
    memset(flag + strlen(flag), 'a', SETTING_TEXT_BYTES);
    assert_refused(flag, "cors_origins is longer than 1023 bytes");
    write_file("cors_origins = https://a.example, https://b.example \n");
    cr_assert_eq(load(NULL), STATUS_OK, "%s", error);
    cr_assert_str_eq(settings.cors_origins, "https://a.example, https://b.example");
    cr_assert_eq(settings.sources[SETTING_cors_origins], SOURCE_FILE);
    cr_assert_eq(load("cors_origins="), STATUS_OK, "%s", error);
    cr_assert_str_eq(settings.cors_origins, "");
}

Test(settings, the_last_of_two_flags_wins) {
    static const char *const flags[] = {"shards=1", " shards = 2 "};
    cr_assert_eq(settings_load(&settings, NULL, flags, 2, error, sizeof error), STATUS_OK);
    cr_assert_eq(settings.shards, 2);
}

Test(settings, no_shards_means_as_many_as_there_are_cores) {
    settings = settings_defaults();
    uint32_t shards = settings_shards(&settings);
    cr_assert(shards >= 1 && shards <= SHARDS_MAX);
    settings.shards = 5;
    cr_assert_eq(settings_shards(&settings), 5);
}

static void see(void *context, const setting_row_t *row) {
    unsigned *rows = context;
    *rows += 1;
    if (strcmp(row->name, "shards") == 0) {
        cr_assert_str_eq(row->value, "4");
        cr_assert_str_eq(row->preset, "0");
        cr_assert_str_eq(row->max, "16");
        cr_assert_str_eq(row->source, "flag");
    }
    if (strcmp(row->name, "cors_origins") == 0) {
        cr_assert(row->value[0] == 0 && row->preset[0] == 0 && row->min[0] == 0 && row->max[0] == 0);
    }
    cr_assert_gt(strlen(row->text), 0, "%s", row->name);
}

Test(settings, a_visitor_sees_each_setting_as_text) {
    cr_assert_eq(load("shards=4"), STATUS_OK);
    unsigned rows = 0;
    settings_visit(&settings, see, &rows);
    cr_assert_eq(rows, SETTING_COUNT);
}
