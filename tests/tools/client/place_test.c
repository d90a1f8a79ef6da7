/* SPDX-License-Identifier: MIT */
/* Where a server is, read from files that are as they should be, and from others. */
#include "tools/client/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_B "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define KEY_C "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

static char data[64];
static char error[300];
static place_t place;

static void write_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", data, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(void) {
    char path[128];
    snprintf(data, sizeof data, "/tmp/doran-place-XXXXXX");
    cr_assert_not_null(mkdtemp(data));
    snprintf(path, sizeof path, "%s/run", data);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/keys", data);
    cr_assert_eq(mkdir(path, 0700), 0);
    write_file("keys/operator.key", "public = " KEY_A "\nsecret = " KEY_B "\nroles = operator\n");
}

static void remove_folder(void) {
    static const char *const names[] = {"run/dorand.json", "run/operator", "keys/operator.key", "run", "keys", "."};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", data, names[i]);
        (void)remove(path);
    }
    rmdir(data);
}

static bool find(const char *endpoint, client_transport_t transport) {
    doran_options_t options = {.data = data, .endpoint = endpoint};
    error[0] = 0;
    return place_find(&place, &options, transport, error, sizeof error);
}

#define DORAND_JSON(endpoint)                                                                                          \
    "{\n \"pid\": 42, \"other\": {\"endpoints\": [\"x\", {\"y\": \"]}\\\"\"}], \"n\": -1.5e3}, \"endpoints\": "        \
    "[\"ipc:\\/\\/somewhere\", \"" endpoint "\"], \"server_key\": \"" KEY_C "\", \"version\": \"0.1.0\"}\n"

TestSuite(place, .init = make_folder, .fini = remove_folder);

Test(place, tcp_is_read_from_the_folder_of_the_server) {
    write_file("run/dorand.json", DORAND_JSON("tcp://127.0.0.1:7420"));
    cr_assert(find(NULL, TRANSPORT_ANY), "%s", error);
    cr_expect_str_eq(place.endpoint, "tcp://127.0.0.1:7420");
    cr_expect_str_eq(place.server_key, KEY_C);
    cr_expect_str_eq(place.public_key, KEY_A);
    cr_expect_str_eq(place.secret_key, KEY_B);
    cr_expect(place.curve);
    cr_expect_eq(place.pid, 42);
}

Test(place, ipc_is_preferred_where_it_is) {
    write_file("run/dorand.json", DORAND_JSON("tcp://127.0.0.1:7420"));
    write_file("run/operator", "");
    cr_assert(find(NULL, TRANSPORT_ANY), "%s", error);
    cr_expect_eq(strncmp(place.endpoint, "ipc:///tmp/doran-place-", 23), 0);
    cr_expect_not(place.curve);
    cr_assert(find(NULL, TRANSPORT_TCP), "%s", error);
    cr_expect(place.curve);
    cr_assert(find(NULL, TRANSPORT_IPC), "%s", error);
    cr_expect_not(place.curve);
}

Test(place, an_endpoint_given_wins_and_takes_keys_from_the_folder) {
    write_file("run/dorand.json", DORAND_JSON("tcp://127.0.0.1:7420"));
    write_file("run/operator", "");
    cr_assert(find("tcp://10.0.0.1:1", TRANSPORT_ANY), "%s", error);
    cr_expect_str_eq(place.endpoint, "tcp://10.0.0.1:1");
    cr_expect_str_eq(place.server_key, KEY_C);
    cr_assert(find("ipc:///elsewhere", TRANSPORT_ANY), "%s", error);
    cr_expect_str_eq(place.endpoint, "ipc:///elsewhere");
}

Test(place, nothing_half_written_is_believed) {
    static const char whole[] = DORAND_JSON("tcp://127.0.0.1:7420");
    for (size_t len = 0; len + 3 < sizeof whole; len++) {
        char part[sizeof whole];
        memcpy(part, whole, len);
        part[len] = 0;
        write_file("run/dorand.json", part);
        bool found = find(NULL, TRANSPORT_TCP);
        cr_expect(!found || strcmp(place.server_key, KEY_C) == 0, "after %zu bytes", len);
        cr_expect(found || error[0] != 0);
    }
}

Test(place, files_that_make_no_sense_are_refused_with_a_sentence) {
    static const char *const texts[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"endpoints\": []}",
        "{\"endpoints\": [\"tcp://x:1\"]}",
        "{\"endpoints\": [\"tcp://x:1\"], \"server_key\": \"short\"}",
        "{\"endpoints\": [\"tcp://x:1\"], \"server_key\": 1}",
        "{\"endpoints\": \"tcp://x:1\", \"server_key\": \"" KEY_C "\"}",
        "{\"endpoints\": [\"ipc://x\"], \"server_key\": \"" KEY_C "\"}",
        "{\"a\": \"\\q\", \"endpoints\": [\"tcp://x:1\"], \"server_key\": \"" KEY_C "\"}",
        "{\"a\": \"\\u12\", \"endpoints\": [\"tcp://x:1\"], \"server_key\": \"" KEY_C "\"}",
        "{\"a\": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]], \"endpoints\": [\"tcp://x:1\"]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file("run/dorand.json", texts[i]);
        cr_expect_not(find(NULL, TRANSPORT_ANY), "%s", texts[i]);
        cr_expect_str_neq(error, "");
    }
}

Test(place, keys_that_are_missing_or_none_are_refused) {
    write_file("run/dorand.json", DORAND_JSON("tcp://127.0.0.1:7420"));
    write_file("keys/operator.key", "public = " KEY_A "\n");
    cr_expect_not(find(NULL, TRANSPORT_ANY));
    write_file("keys/operator.key", "public = " KEY_A "\nsecret = ''''''''''''''''''''''''''''''''''''''''\n");
    cr_expect_not(find(NULL, TRANSPORT_ANY));
    doran_options_t options = {.data = data, .role = "gateway"};
    cr_expect_not(place_find(&place, &options, TRANSPORT_ANY, error, sizeof error));
    options.role = "../keys/operator";
    cr_expect_not(place_find(&place, &options, TRANSPORT_ANY, error, sizeof error));
}

Test(place, options_that_make_no_sense_are_refused) {
    doran_options_t nothing = {0}, tcp = {.endpoint = "tcp://127.0.0.1:1"}, inproc = {.endpoint = "inproc://x"};
    cr_expect_not(place_find(&place, &nothing, TRANSPORT_ANY, error, sizeof error));
    cr_expect_not(place_find(&place, &tcp, TRANSPORT_ANY, error, sizeof error), "tcp without keys");
    cr_expect_not(place_find(&place, &inproc, TRANSPORT_ANY, error, sizeof error));
    tcp.server_key = tcp.public_key = KEY_A;
    tcp.secret_key = KEY_B;
    cr_expect(place_find(&place, &tcp, TRANSPORT_ANY, error, sizeof error));
    cr_expect_not(place_find(&place, &nothing, TRANSPORT_ANY, NULL, 0));
}

Test(place, a_server_started_anew_has_moved_and_one_that_is_gone_has_not) {
    write_file("run/dorand.json", DORAND_JSON("tcp://127.0.0.1:7420"));
    cr_assert(find(NULL, TRANSPORT_TCP));
    place_t before = place, now = place;
    cr_expect_not(place_moved(&before, &now));
    now.pid = 43;
    cr_expect(place_moved(&before, &now));
    now.pid = 0;
    cr_expect_not(place_moved(&before, &now));
    write_file("run/dorand.json", DORAND_JSON("tcp://127.0.0.1:7421"));
    cr_assert(find(NULL, TRANSPORT_TCP));
    cr_expect(place_moved(&before, &place));
    place_wipe(&place);
    cr_expect_eq(place.secret_key[0], 0);
}
