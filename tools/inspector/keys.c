/* SPDX-License-Identifier: MIT */
/*
 * keys: who may connect, as files of the data folder; no server has to run. What a command here leaves behind is always
 * a list that the server can load: one file too much with a wrong line would keep it from starting.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>
#include <zmq.h>

#include "broker/files.h"
#include "tools/inspector/arguments.h"
#include "tools/inspector/key_list.h"
#include "tools/inspector/output.h"

enum { ERROR_BYTES = 1200 };

typedef struct key_work {
    const arguments_t *arguments;
    const char *data;
    char name[KEY_NAME_BYTES_MAX + 1];
    char pair_path[FILES_PATH_BYTES], allowed_path[FILES_PATH_BYTES];
    char error[ERROR_BYTES];
} key_work_t;

static int say(key_work_t *self, int code) {
    output_problem("%s", self->error);
    return code;
}

/* Takes the name and what hangs on it. Returns the exit code. */
static int name_key(key_work_t *self, const char *name, size_t len) {
    if (len > KEY_NAME_BYTES_MAX) {
        output_problem("the name is longer than %d bytes", KEY_NAME_BYTES_MAX);
        return WRONG_USAGE;
    }
    memcpy(self->name, name, len);
    self->name[len] = '\0';
    if (!key_name_valid(self->name)) {
        output_problem("\"%s\" is no name for a key; letters, digits and -_.@ are", self->name);
        return WRONG_USAGE;
    }
    if (strcmp(self->name, "server") == 0) {
        output_problem("server is the server's own key; it is not changed here");
        return WRONG_USAGE;
    }
    status_t status = files_path(self->pair_path, self->error, ERROR_BYTES, "%s/keys/%s.key", self->data, self->name);
    if (status == STATUS_OK) {
        status =
            files_path(self->allowed_path, self->error, ERROR_BYTES, "%s/keys/allowed/%s.key", self->data, self->name);
    }
    return status == STATUS_OK ? DONE : say(self, NOT_REACHED);
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static int refuse_existing(key_work_t *self, const char *path) {
    if (!exists(path)) {
        return DONE;
    }
    output_problem("there is a key %s already: %s; doran keys remove %s --write ends it", self->name, path, self->name);
    return NOT_REACHED;
}

static int done(const key_work_t *self, const char *sentence) {
    if (self->arguments->json) {
        json_t *line = json_pack("{s:s}", "name", self->name);
        output_line(line);
        json_decref(line);
    } else {
        printf("%s %s\n", self->name, sentence);
    }
    return DONE;
}

/* Adds the entry to the allow-list, unless the server would refuse the list because of it. */
static int allow(key_work_t *self, const char *public_key, const char *roles) {
    char text[256];
    keys_t *keys;
    if (keys_load(self->data, &keys, self->error, ERROR_BYTES) != STATUS_OK) {
        return say(self, NOT_REACHED);
    }
    const key_entry_t *same = keys_find(keys, public_key);
    if (same != NULL) {
        output_problem("this key is allowed already, as %s", same->name);
    }
    keys_destroy(&keys);
    if (same != NULL) {
        return NOT_REACHED;
    }
    int len = snprintf(text, sizeof text, "public = %s\nroles = %s\n", public_key, roles);
    return files_write(self->allowed_path, 0600, text, (size_t)len, self->error, ERROR_BYTES) == STATUS_OK
               ? DONE
               : say(self, NOT_REACHED);
}

/* The pair first: an entry whose secret nobody has helps nobody. */
static int make_pair(key_work_t *self, const char *roles) {
    char public_key[KEY_TEXT_BYTES], secret_key[KEY_TEXT_BYTES], text[256];
    CHECK(zmq_curve_keypair(public_key, secret_key) == 0, "libzmq without CURVE: %s", zmq_strerror(zmq_errno()));
    int len = snprintf(text, sizeof text, "public = %s\nsecret = %s\nroles = %s\n", public_key, secret_key, roles);
    status_t status = files_write(self->pair_path, 0600, text, (size_t)len, self->error, ERROR_BYTES);
    sodium_memzero(text, sizeof text);
    sodium_memzero(secret_key, sizeof secret_key);
    return status == STATUS_OK ? allow(self, public_key, roles) : say(self, NOT_REACHED);
}

static int keys_new(key_work_t *self, const char *name) {
    char roles[ROLES_TEXT_BYTES];
    if (!roles_parse(self->arguments->roles != NULL ? self->arguments->roles : "", roles, self->error, ERROR_BYTES)) {
        return say(self, WRONG_USAGE);
    }
    int code = name_key(self, name, strlen(name));
    code = code != DONE ? code : refuse_existing(self, self->pair_path);
    code = code != DONE ? code : refuse_existing(self, self->allowed_path);
    code = code != DONE ? code : make_pair(self, roles);
    return code != DONE ? code : done(self, "may connect; its pair is in keys");
}

/* The name of the file without folder and ".key". */
static int name_after_file(key_work_t *self, const char *file) {
    const char *slash = strrchr(file, '/');
    const char *name = slash != NULL ? slash + 1 : file;
    size_t len = strlen(name);
    return name_key(self, name, len > 4 && strcmp(name + len - 4, ".key") == 0 ? len - 4 : len);
}

static int keys_allow(key_work_t *self, const char *file) {
    key_text_t key;
    char roles[ROLES_TEXT_BYTES];
    const char *name = self->arguments->name;
    if (!key_text_read(file, &key)) {
        output_problem("%s is not a key file that can be read: it has no line \"public = …\"", file);
        return NOT_REACHED;
    }
    if (!roles_parse(self->arguments->roles != NULL ? self->arguments->roles : key.roles, roles, self->error,
                     ERROR_BYTES)) {
        return say(self, WRONG_USAGE);
    }
    int code = name != NULL ? name_key(self, name, strlen(name)) : name_after_file(self, file);
    code = code != DONE ? code : refuse_existing(self, self->allowed_path);
    code = code != DONE ? code : allow(self, key.public_key, roles);
    return code != DONE ? code : done(self, "may connect");
}

/* What was taken away must not come back after a crash. */
static bool remove_durably(const char *path) {
    char folder[FILES_PATH_BYTES];
    int len = snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    CHECK(len > 0 && (size_t)len < sizeof folder, "%s", path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool removed = fd >= 0 && (unlink(path) == 0 || errno == ENOENT) && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (!removed) {
        output_problem("%s cannot be removed: %s", path, strerror(errno));
    }
    return removed;
}

static int keys_remove(key_work_t *self, const char *name) {
    int code = name_key(self, name, strlen(name));
    if (code != DONE) {
        return code;
    }
    if (!exists(self->pair_path) && !exists(self->allowed_path)) {
        output_problem("there is no key %s", self->name);
        return NOT_REACHED;
    }
    return remove_durably(self->allowed_path) && remove_durably(self->pair_path)
               ? done(self, "may not connect any more")
               : NOT_REACHED;
}

static int keys_list(key_work_t *self) {
    json_t *list = key_list(self->data);
    for (size_t i = 0; self->arguments->json && i < json_array_size(list); i++) {
        output_line(json_array_get(list, i));
    }
    if (!self->arguments->json) {
        output_table(list, 0);
    }
    json_decref(list);
    return DONE;
}

static const struct {
    const char *name;
    int (*run)(key_work_t *self, const char *word);
} changes[] = {{"new", keys_new}, {"allow", keys_allow}, {"remove", keys_remove}};

static int change(key_work_t *self) {
    const arguments_t *arguments = self->arguments;
    for (size_t i = 0; i < ARRAY_LENGTH(changes) && arguments->word_count == 2; i++) {
        if (strcmp(arguments->words[0], changes[i].name) != 0) {
            continue;
        }
        if (!arguments->write) {
            output_problem("keys %s changes something; allow it with --write", changes[i].name);
            return REFUSED;
        }
        return changes[i].run(self, arguments->words[1]);
    }
    output_problem("usage: doran %s", "keys list | new NAME | allow FILE | remove NAME");
    return WRONG_USAGE;
}

int command_keys(const arguments_t *arguments) {
    key_work_t self = {.arguments = arguments, .data = arguments_data(arguments)};
    char path[FILES_PATH_BYTES];
    if (files_path(path, self.error, ERROR_BYTES, "%s/keys/server.key", self.data) != STATUS_OK) {
        return say(&self, NOT_REACHED);
    }
    if (!exists(path)) {
        output_problem("%s has no keys yet; the first start of the server makes them", self.data);
        return NOT_REACHED;
    }
    bool list = arguments->word_count == 0 || (arguments->word_count == 1 && strcmp(arguments->words[0], "list") == 0);
    return list ? keys_list(&self) : change(&self);
}
