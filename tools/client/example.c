/* SPDX-License-Identifier: MIT */
/*
 * A first program: makes a user, changes its name, reads it back and prints it.
 *
 *   cc example.c $(pkg-config --cflags --libs doran msgpack) -o example
 *   ./example DATA-FOLDER-OF-A-RUNNING-SERVER
 *
 * README.md beside it says how, with the library in the build folder.
 */
#include <stdio.h>
#include <string.h>

#include <doran.h>
#include <msgpack.h>

static void pack_text(msgpack_packer *packer, const char *text) {
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

/* Sends a map of texts, as name, value, …, NULL; says on stderr what went wrong. */
static int call(doran_t *client, const char *address, const char *method, const char *const *fields,
                doran_reply_t *reply) {
    msgpack_sbuffer body;
    msgpack_packer packer;
    size_t count = 0;
    while (fields[count] != NULL) {
        count++;
    }
    msgpack_sbuffer_init(&body);
    msgpack_packer_init(&packer, &body, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, count / 2);
    for (size_t i = 0; i < count; i++) {
        pack_text(&packer, fields[i]);
    }
    doran_code_t code = doran_call(client, address, method, body.data, body.size, 5000, reply);
    msgpack_sbuffer_destroy(&body);
    if (code != DORAN_OK) {
        fprintf(stderr, "%s %s: %s: %s\n", address, method, doran_code_name(code), reply->text);
    }
    return code == DORAN_OK;
}

/* Prints the reply as one line. With id: also copies its field `id`. */
static int show(const doran_reply_t *reply, char *id, size_t id_bytes) {
    msgpack_unpacked result;
    msgpack_unpacked_init(&result);
    int found =
        msgpack_unpack_next(&result, (const char *)reply->body, reply->body_bytes, NULL) == MSGPACK_UNPACK_SUCCESS &&
        result.data.type == MSGPACK_OBJECT_MAP;
    if (found) {
        msgpack_object_print(stdout, result.data);
        puts("");
    }
    for (uint32_t i = 0; found && id != NULL && i < result.data.via.map.size; i++) {
        const msgpack_object_kv *pair = &result.data.via.map.ptr[i];
        if (pair->key.via.str.size == 2 && memcmp(pair->key.via.str.ptr, "id", 2) == 0) {
            snprintf(id, id_bytes, "%.*s", (int)pair->val.via.str.size, pair->val.via.str.ptr);
        }
    }
    msgpack_unpacked_destroy(&result);
    return found;
}

static int run(doran_t *client) {
    static const char *const create[] = {"email", "ada@example.org", "name", "Ada", NULL};
    static const char *const update[] = {"name", "Ada Lovelace", NULL};
    static const char *const nothing[] = {NULL};
    doran_reply_t reply;
    char id[256] = "", address[300];
    /* "user/" without a key: the server makes one, and the reply says which. */
    if (!call(client, "user/", "create", create, &reply) || !show(&reply, id, sizeof id)) {
        return 1;
    }
    snprintf(address, sizeof address, "user/%s", id);
    if (!call(client, address, "update", update, &reply) || !show(&reply, NULL, 0)) {
        return 1;
    }
    return call(client, address, "get", nothing, &reply) && show(&reply, NULL, 0) ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s DATA-FOLDER\n", argv[0]);
        return 2;
    }
    char error[256];
    doran_options_t options = {.data = argv[1]};
    doran_t *client = doran_open(&options, error, sizeof error);
    if (client == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    int result = run(client);
    doran_close(&client);
    return result;
}
