/* SPDX-License-Identifier: MIT */
/*
 * Each source is read whole, from the weakest to the strongest, and every value is checked where it stands: a wrong
 * line in the file is an error also when a flag overrides it, since it would bite at the next start without the flag.
 */
#include "schemas/settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum setting_type { TYPE_COUNT, TYPE_BYTES, TYPE_PAGES, TYPE_MS, TYPE_RATE, TYPE_TEXT } setting_type_t;

typedef struct setting {
    const char *name;
    setting_type_t type;
    uint64_t preset, min, max;
    size_t offset;           /* in settings_t */
    const char *preset_text; /* of a text */
    const char *text;
} setting_t;

enum { PAGE_BYTES = 4096, NAME_BYTES_MAX = 64 };

static const setting_t table[SETTING_COUNT] = {
#define SETTING(name, TYPE, preset, min, max, text)                                                                    \
    [SETTING_##name] = {#name, TYPE_##TYPE, preset, min, max, offsetof(settings_t, name), NULL, text},
#define SETTING_TEXT(name, preset, text)                                                                               \
    [SETTING_##name] = {#name, TYPE_TEXT, 0, 0, 0, offsetof(settings_t, name), preset, text},
#include "schemas/settings.def"
};

#define MIN_OF_COUNT(min) true
#define MIN_OF_BYTES(min) true
#define MIN_OF_PAGES(min) ((min) % PAGE_BYTES == 0)
#define MIN_OF_MS(min) ((min) == 10)
#define MIN_OF_RATE(min) ((min) == 0)
#define SETTING(name, TYPE, preset, min, max, text)                                                                    \
    static_assert((preset) <= (max) && ((preset) >= (min)) && MIN_OF_##TYPE(min), #name);                              \
    static_assert(sizeof(#name) <= NAME_BYTES_MAX, #name);
#define SETTING_TEXT(name, preset, text) static_assert(sizeof(#name) <= NAME_BYTES_MAX, #name);
#include "schemas/settings.def"

static uint64_t *value_of(settings_t *self, const setting_t *setting) {
    return (uint64_t *)((uint8_t *)self + setting->offset);
}

static char *text_of(settings_t *self, const setting_t *setting) {
    return (char *)self + setting->offset;
}

settings_t settings_defaults(void) {
    settings_t self = {0};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (table[i].type == TYPE_TEXT) {
            snprintf(text_of(&self, &table[i]), SETTING_TEXT_BYTES, "%s", table[i].preset_text);
        } else {
            *value_of(&self, &table[i]) = table[i].preset;
        }
    }
    return self;
}

/* Where a value stands, for the sentence that says what is wrong with it. */
typedef struct place {
    setting_source_t source;
    const char *name; /* of the flag, the variable, the file */
    unsigned line;    /* of the file, else 0 */
} place_t;

typedef struct loader {
    settings_t settings;
    char *error;
    size_t error_bytes;
} loader_t;

PRINTF_LIKE(3, 4)
static status_t refuse(loader_t *self, const place_t *place, const char *format, ...) {
    int len = place->line > 0 ? snprintf(self->error, self->error_bytes, "%s:%u: ", place->name, place->line)
                              : snprintf(self->error, self->error_bytes, "%s: ", place->name);
    if (len >= 0 && (size_t)len < self->error_bytes) {
        va_list values;
        va_start(values, format);
        vsnprintf(self->error + len, self->error_bytes - (size_t)len, format, values);
        va_end(values);
    }
    return STATUS_INVALID;
}

static const setting_t *setting_find(const char *name) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

/* Digits only: strtoull would also take signs, spaces and hexadecimal. */
static bool parse_number(const char *text, uint64_t *number) {
    uint64_t parsed = 0;
    for (const char *p = text; *p != 0; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (!isdigit((unsigned char)*p) || __builtin_mul_overflow(parsed, 10, &parsed) ||
            __builtin_add_overflow(parsed, digit, &parsed)) {
            return false;
        }
    }
    *number = parsed;
    return *text != 0;
}

static status_t set_text(loader_t *self, const place_t *place, const setting_t *setting, const char *text) {
    if (strlen(text) >= SETTING_TEXT_BYTES) {
        return refuse(self, place, "%s is longer than %d bytes", setting->name, SETTING_TEXT_BYTES - 1);
    }
    snprintf(text_of(&self->settings, setting), SETTING_TEXT_BYTES, "%s", text);
    return STATUS_OK;
}

static status_t set_number(loader_t *self, const place_t *place, const setting_t *setting, const char *text) {
    uint64_t value = 0;
    bool off = setting->type == TYPE_RATE && strcmp(text, "off") == 0;
    if (!off && !parse_number(text, &value)) {
        return refuse(self, place, "%s must be a whole number, not \"%.32s\"", setting->name, text);
    }
    if (value < setting->min || value > setting->max) {
        return refuse(self, place, "%s must be from %llu to %llu, not %llu", setting->name,
                      (unsigned long long)setting->min, (unsigned long long)setting->max, (unsigned long long)value);
    }
    if (setting->type == TYPE_PAGES && value % PAGE_BYTES != 0) {
        return refuse(self, place, "%s must be a multiple of %d, not %llu", setting->name, PAGE_BYTES,
                      (unsigned long long)value);
    }
    *value_of(&self->settings, setting) = value;
    return STATUS_OK;
}

static status_t set(loader_t *self, const place_t *place, const setting_t *setting, const char *text) {
    status_t status =
        setting->type == TYPE_TEXT ? set_text(self, place, setting, text) : set_number(self, place, setting, text);
    if (status == STATUS_OK) {
        self->settings.sources[setting - table] = (uint8_t)place->source;
    }
    return status;
}

/* The text without the spaces around it; changes it. */
static char *trim(char *text) {
    while (isspace((unsigned char)*text)) {
        text++;
    }
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        end--;
    }
    *end = 0;
    return text;
}

/* `name = value`; changes the text. */
static status_t assign(loader_t *self, const place_t *place, char *text) {
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        return refuse(self, place, "\"%.64s\" is not of the form name = value", text);
    }
    *equals = 0;
    const char *name = trim(text);
    const setting_t *setting = setting_find(name);
    if (setting == NULL) {
        return refuse(self, place, "there is no setting \"%.64s\"", name);
    }
    return set(self, place, setting, trim(equals + 1));
}

static status_t read_line(loader_t *self, const place_t *place, char *line) {
    line[strcspn(line, "#")] = 0;
    line = trim(line);
    return *line == 0 ? STATUS_OK : assign(self, place, line);
}

static status_t read_lines(loader_t *self, place_t *place, FILE *file) {
    char *line = NULL;
    size_t room = 0;
    status_t status = STATUS_OK;
    while (status == STATUS_OK && getline(&line, &room, file) >= 0) {
        place->line += 1;
        status = read_line(self, place, line);
    }
    free(line);
    if (status == STATUS_OK && ferror(file)) {
        place->line = 0;
        return refuse(self, place, "cannot be read: %s", strerror(errno));
    }
    return status;
}

static status_t read_file(loader_t *self, const char *dir) {
    char path[PATH_MAX];
    place_t place = {.source = SOURCE_FILE, .name = path};
    if ((size_t)snprintf(path, sizeof path, "%s/doran.conf", dir) >= sizeof path) {
        place.name = "doran.conf";
        return refuse(self, &place, "the folder's name is too long");
    }
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would be waited for */
    if (descriptor < 0) {
        return errno == ENOENT ? STATUS_OK : refuse(self, &place, "cannot be opened: %s", strerror(errno));
    }
    struct stat about;
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(descriptor);
        return refuse(self, &place, "is not a regular file");
    }
    FILE *file = fdopen(descriptor, "r");
    CHECK(file != NULL, "out of memory");
    status_t status = read_lines(self, &place, file);
    fclose(file);
    return status;
}

static status_t read_variable(loader_t *self, const setting_t *setting) {
    char name[sizeof "DORAN_" + NAME_BYTES_MAX];
    size_t len = (size_t)snprintf(name, sizeof name, "DORAN_%s", setting->name);
    for (size_t i = 0; i < len; i++) {
        name[i] = (char)toupper((unsigned char)name[i]);
    }
    const char *value = getenv(name);
    place_t place = {.source = SOURCE_ENVIRONMENT, .name = name};
    return value == NULL ? STATUS_OK : set(self, &place, setting, value);
}

static status_t read_environment(loader_t *self) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        status_t status = read_variable(self, &table[i]);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static status_t read_flag(loader_t *self, const char *assignment) {
    char *copy = strdup(assignment);
    CHECK(copy != NULL, "out of memory");
    place_t place = {.source = SOURCE_FLAG, .name = "--set"};
    status_t status = assign(self, &place, copy);
    free(copy);
    return status;
}

status_t settings_load(settings_t *self, const char *dir, const char *const *assignments, size_t count, char *error,
                       size_t error_bytes) {
    loader_t loader = {.settings = settings_defaults(), .error = error, .error_bytes = error_bytes};
    status_t status = dir == NULL ? STATUS_OK : read_file(&loader, dir);
    if (status == STATUS_OK) {
        status = read_environment(&loader);
    }
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = read_flag(&loader, assignments[i]);
    }
    if (status == STATUS_OK) {
        *self = loader.settings;
    }
    return status;
}

uint32_t settings_shards(const settings_t *self) {
    if (self->shards > 0) {
        return (uint32_t)self->shards;
    }
    cpu_set_t cores;
    CPU_ZERO(&cores);
    int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    return count < 1 ? 1 : count > SHARDS_MAX ? SHARDS_MAX : (uint32_t)count;
}

enum { NUMBER_TEXT_BYTES = 24 };

static const char *print_number(const setting_t *setting, uint64_t number, char text[NUMBER_TEXT_BYTES]) {
    if (setting->type == TYPE_TEXT) {
        return "";
    }
    if (setting->type == TYPE_RATE && number == 0) {
        return "off";
    }
    snprintf(text, NUMBER_TEXT_BYTES, "%llu", (unsigned long long)number);
    return text;
}

void settings_visit(const settings_t *self, void (*visit)(void *context, const setting_row_t *row), void *context) {
    static const char *const sources[] = {
        [SOURCE_DEFAULT] = "default",
        [SOURCE_FILE] = "file",
        [SOURCE_ENVIRONMENT] = "environment",
        [SOURCE_FLAG] = "flag",
    };
    settings_t copy = *self;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char value[NUMBER_TEXT_BYTES], preset[NUMBER_TEXT_BYTES], min[NUMBER_TEXT_BYTES], max[NUMBER_TEXT_BYTES];
        const setting_t *setting = &table[i];
        bool is_text = setting->type == TYPE_TEXT;
        const setting_row_t row = {
            .name = setting->name,
            .value = is_text ? text_of(&copy, setting) : print_number(setting, *value_of(&copy, setting), value),
            .preset = is_text ? setting->preset_text : print_number(setting, setting->preset, preset),
            .min = print_number(setting, setting->min, min),
            .max = print_number(setting, setting->max, max),
            .source = sources[self->sources[i]],
            .text = setting->text,
        };
        visit(context, &row);
    }
}
