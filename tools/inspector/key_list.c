/* SPDX-License-Identifier: MIT */
/* Two folders of files with the same names are merged: who may connect, and whose pair lies here. */
#include "tools/inspector/key_list.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "broker/files.h"

enum { LINE_BYTES = 256 };

bool key_name_valid(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";
    size_t len = strlen(name);
    return len > 0 && len <= KEY_NAME_BYTES_MAX && name[0] != '.' && strspn(name, letters) == len;
}

/* `name = value` without the blanks around them; the value may hold a '=' itself. */
static bool split_line(char *line, const char *name, char **value) {
    size_t len = strlen(name);
    line += strspn(line, " \t");
    if (strncmp(line, name, len) != 0) {
        return false;
    }
    line += len + strspn(line + len, " \t");
    if (*line != '=') {
        return false;
    }
    line += 1 + strspn(line + 1, " \t");
    line[strcspn(line, " \t\r\n")] = '\0';
    *value = line;
    return true;
}

bool roles_parse(const char *text, char roles[ROLES_TEXT_BYTES], char *error, size_t error_bytes) {
    size_t used = 0;
    while (*text != '\0') {
        text += strspn(text, ", \t");
        size_t len = strcspn(text, ", \t\r\n");
        if (len > 0 && role_of(span_of(text, len)) == 0) {
            snprintf(error, error_bytes, "\"%.*s\" is no role; the roles are gateway, service and operator", (int)len,
                     text);
            return false;
        }
        if (used + len + 2 > ROLES_TEXT_BYTES) {
            snprintf(error, error_bytes, "too many roles");
            return false;
        }
        if (len > 0 && used > 0) {
            roles[used++] = ',';
        }
        memcpy(roles + used, text, len);
        used += len;
        text += len + strspn(text + len, " \t\r\n");
    }
    roles[used] = '\0';
    if (used == 0) {
        snprintf(error, error_bytes, "a key needs a role: gateway, service or operator");
    }
    return used > 0;
}

bool key_text_read(const char *path, key_text_t *key) {
    char line[LINE_BYTES], error[128];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    *key = (key_text_t){0};
    while (fgets(line, sizeof line, file) != NULL) {
        char *value;
        if (split_line(line, "public", &value) && strlen(value) == KEY_TEXT_BYTES - 1) {
            memcpy(key->public_key, value, KEY_TEXT_BYTES);
        } else if (strncmp(line, "roles", 5) == 0 && strchr(line, '=') != NULL &&
                   !roles_parse(strchr(line, '=') + 1, key->roles, error, sizeof error)) {
            key->roles[0] = '\0';
        }
    }
    sodium_memzero(line, sizeof line);
    fclose(file);
    return key->public_key[0] != '\0';
}

/* Listing. */

static int is_key_file(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".key") == 0;
}

static int scan(struct dirent ***entries, const char *folder) {
    int count = scandir(folder, entries, is_key_file, alphasort);
    if (count < 0) {
        *entries = NULL;
        return 0;
    }
    return count;
}

static void release(struct dirent **entries, int count) {
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
}

/* What may connect is what the allow-list says of a name; the pair speaks only where there is no entry. */
static json_t *describe(const char *keys, const char *file, bool allowed, bool pair) {
    char path[FILES_PATH_BYTES], error[256];
    key_text_t key = {0};
    if (files_path(path, error, sizeof error, "%s%s/%s", keys, allowed ? "/allowed" : "", file) == STATUS_OK &&
        !key_text_read(path, &key)) {
        key = (key_text_t){0};
    }
    return json_pack("{s:s%, s:b, s:b, s:s, s:s}", "name", file, strlen(file) - 4, "allowed", allowed, "pair", pair,
                     "roles", key.roles, "public", key.public_key);
}

json_t *key_list(const char *data) {
    char keys[FILES_PATH_BYTES], allowed[FILES_PATH_BYTES], error[256];
    json_t *list = json_array();
    if (files_path(keys, error, sizeof error, "%s/keys", data) != STATUS_OK ||
        files_path(allowed, error, sizeof error, "%s/keys/allowed", data) != STATUS_OK) {
        return list;
    }
    struct dirent **pairs, **entries;
    int pair_count = scan(&pairs, keys), entry_count = scan(&entries, allowed);
    for (int pair = 0, entry = 0; pair < pair_count || entry < entry_count;) {
        int order = pair == pair_count     ? 1
                    : entry == entry_count ? -1
                                           : strcoll(pairs[pair]->d_name, entries[entry]->d_name);
        const char *file = order <= 0 ? pairs[pair]->d_name : entries[entry]->d_name;
        json_array_append_new(list, describe(keys, file, order >= 0, order <= 0));
        pair += order <= 0;
        entry += order >= 0;
    }
    release(pairs, pair_count);
    release(entries, entry_count);
    return list;
}
