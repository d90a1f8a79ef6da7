/* SPDX-License-Identifier: MIT */
/*
 * Only the parts of OpenAPI that openapi.c writes are known here. Behind an introduction (introduction.def) the page
 * has a section for each group of routes, in it one that folds for each route; then live connections, and each record.
 * A `$ref` to a record is a link to its section; one to anything else is followed.
 */
#include "tools/bridge/docs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "schemas/check.h"

static const char style[] =
    ":root{color-scheme:light "
    "dark;--paper:#fff;--ink:#1c2024;--soft:#60666c;--line:#e0e2e6;--box:#f5f6f8;--link:#0b5cad}"
    "@media(prefers-color-scheme:dark){"
    ":root{--paper:#15171a;--ink:#e6e8ea;--soft:#9aa0a6;--line:#33373c;--box:#1e2125;--link:#7ab7ff}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:1rem;max-width:56rem;background:var(--paper);color:var(--ink);"
    "font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "a{color:var(--link)}code{font:.9em ui-monospace,monospace}"
    "h1{margin:.5rem 0}h2{margin:2.5rem 0 .5rem;border-bottom:1px solid var(--line)}h3{margin:1.5rem 0 .25rem}"
    "h4{margin:1rem 0 .25rem;font-size:.95rem}p{margin:.25rem 0}"
    "nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;list-style:none}"
    "details{margin:.5rem 0;border:1px solid var(--line);border-radius:.5rem;background:var(--box)}"
    "summary{padding:.5rem .75rem;cursor:pointer}details>div{padding:0 .75rem .75rem}"
    "summary b{display:inline-block;min-width:3.5rem;font-size:.85rem}"
    "dl{margin:.25rem 0}dt{margin-top:.4rem}dd{margin:0 0 0 1rem;color:var(--soft)}"
    "pre{overflow-x:auto;padding:.5rem .75rem;background:var(--box);font:.85em/1.5 ui-monospace,monospace}"
    "small,summary span,footer{color:var(--soft)}summary span{display:block}footer{margin-top:3rem}";

/* HTML */

static void print(FILE *page, const char *text) {
    fputs(text, page);
}

static void print_escaped(FILE *page, const char *text) {
    for (const char *at = text; *at != 0; at++) {
        switch (*at) {
        case '<':
            print(page, "&lt;");
            break;
        case '>':
            print(page, "&gt;");
            break;
        case '&':
            print(page, "&amp;");
            break;
        case '"':
            print(page, "&quot;");
            break;
        default:
            fputc(*at, page);
        }
    }
}

static void print_element(FILE *page, const char *name, const char *text) {
    fprintf(page, "<%s>", name);
    print_escaped(page, text);
    fprintf(page, "</%s>", name);
}

/* JSON */

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static bool is_true(const json_t *object, const char *name) {
    return json_is_true(json_object_get(object, name));
}

/* Name of what a $ref leads to, or NULL. */
static const char *name_of_reference(const json_t *object) {
    const char *reference = json_string_value(json_object_get(object, "$ref"));
    return reference != NULL ? strrchr(reference, '/') + 1 : NULL;
}

static const json_t *component(const json_t *document, const char *part, const char *name) {
    return json_object_get(json_object_get(json_object_get(document, "components"), part), name);
}

/* Types */

/* From "minimum" to "maximum" and the like, if one of them says anything. */
static void print_bounds(FILE *page, const json_t *schema, const char *least, const char *most, const char *of_what) {
    const json_t *from = json_object_get(schema, least), *to = json_object_get(schema, most);
    if (json_is_integer(to)) {
        fprintf(page, ", %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT "%s", json_integer_value(from),
                json_integer_value(to), of_what);
    } else if (json_integer_value(from) != 0) {
        fprintf(page, ", at least %" JSON_INTEGER_FORMAT "%s", json_integer_value(from), of_what);
    }
}

static void print_type(FILE *page, const json_t *schema);

static void print_values(FILE *page, const json_t *values) {
    size_t index;
    const json_t *value;
    json_array_foreach(values, index, value) {
        print(page, index > 0 ? " | " : "");
        print_element(page, "code", json_string_value(value));
    }
}

/* Enumerations and records. */
static void print_link(FILE *page, const char *name) {
    fprintf(page, "<a href=\"#record-%s\">%s</a>", name, name);
}

static void print_alternatives(FILE *page, const json_t *schemas) {
    size_t index;
    const json_t *schema;
    json_array_foreach(schemas, index, schema) {
        print(page, index > 0 ? " or " : "");
        print_type(page, schema);
    }
}

static void print_plain_type(FILE *page, const json_t *schema) {
    const char *type = text_of(schema, "type"), *format = text_of(schema, "format");
    print(page, type[0] != 0 ? type : "any value");
    if (format[0] != 0 && strcmp(type, "string") == 0) {
        fprintf(page, " (%s)", format);
    }
    print_bounds(page, schema, "minimum", "maximum", "");
    print_bounds(page, schema, "minLength", "maxLength", " characters");
}

static void print_type(FILE *page, const json_t *schema) {
    if (name_of_reference(schema) != NULL) {
        print_link(page, name_of_reference(schema));
    } else if (json_object_get(schema, "enum") != NULL) {
        print_values(page, json_object_get(schema, "enum"));
    } else if (json_object_get(schema, "const") != NULL) {
        print_element(page, "code", text_of(schema, "const"));
    } else if (json_object_get(schema, "anyOf") != NULL) {
        print_alternatives(page, json_object_get(schema, "anyOf"));
    } else if (strcmp(text_of(schema, "type"), "array") == 0) {
        print(page, "list of ");
        print_type(page, json_object_get(schema, "items"));
        print_bounds(page, schema, "minItems", "maxItems", "");
    } else {
        print_plain_type(page, schema);
    }
}

static void print_member(FILE *page, const char *name, const json_t *schema, bool required, const char *text) {
    print(page, "<dt>");
    print_element(page, "code", name);
    print(page, " <small>");
    print_type(page, schema);
    print(page, required ? "" : ", optional");
    print(page, "</small></dt>");
    if (text[0] != 0) {
        print_element(page, "dd", text);
    }
}

static bool contains(const json_t *names, const char *name) {
    size_t index;
    const json_t *value;
    json_array_foreach(names, index, value) {
        if (strcmp(json_string_value(value), name) == 0) {
            return true;
        }
    }
    return false;
}

/* The members of an object, or what else the schema is. */
static void print_schema(FILE *page, const json_t *schema) {
    json_t *members = json_object_get(schema, "properties"), *member;
    const char *name;
    if (members == NULL) {
        print(page, "<p>");
        print_type(page, schema);
        print(page, "</p>");
        return;
    }
    print(page, "<dl>");
    json_object_foreach(members, name, member) {
        print_member(page, name, member, contains(json_object_get(schema, "required"), name),
                     text_of(member, "description"));
    }
    print(page, "</dl>");
}

/* Routes */

static void print_parameters(FILE *page, const json_t *parameters) {
    size_t index;
    const json_t *parameter;
    if (json_array_size(parameters) == 0) {
        return;
    }
    print(page, "<h4>Parameters</h4><dl>");
    json_array_foreach(parameters, index, parameter) {
        char text[512];
        snprintf(text, sizeof text, "%s%sin the %s", text_of(parameter, "description"),
                 text_of(parameter, "description")[0] != 0 ? "; " : "", text_of(parameter, "in"));
        print_member(page, text_of(parameter, "name"), json_object_get(parameter, "schema"),
                     is_true(parameter, "required"), text);
    }
    print(page, "</dl>");
}

static void print_body(FILE *page, const json_t *body) {
    const json_t *media = json_object_get(json_object_get(body, "content"), "application/json");
    const json_t *schema = json_object_get(media, "schema");
    if (json_object_size(json_object_get(schema, "properties")) > 0) {
        print(page, "<h4>Body</h4>");
        print_schema(page, schema);
    }
}

static void print_headers(FILE *page, const json_t *response) {
    static const char *const of_all[] = {"X-Request-Id", "RateLimit", "RateLimit-Policy"};
    json_t *headers = json_object_get(response, "headers"), *header;
    const char *name;
    json_object_foreach(headers, name, header) {
        bool common = false;
        for (size_t i = 0; i < sizeof of_all / sizeof of_all[0]; i++) {
            common = common || strcmp(of_all[i], name) == 0;
        }
        if (!common) {
            print(page, ", ");
            print_element(page, "code", name);
        }
    }
}

static void print_answer(FILE *page, const char *status, const json_t *response) {
    const json_t *content = json_object_get(response, "content"), *media = json_object_get(content, "application/json");
    const char *events =
        text_of(json_object_get(json_object_get(content, "text/event-stream"), "schema"), "description");
    fprintf(page, "<dt><code>%s</code> <small>", status);
    if (media != NULL) {
        print_type(page, json_object_get(media, "schema"));
    } else {
        print(page, events[0] != 0 ? "text/event-stream" : "no body");
    }
    print_headers(page, response);
    print(page, "</small></dt>");
    if (events[0] != 0) {
        print_element(page, "dd", events);
    }
}

/* Sets of errors stand among the document's components, other answers where they belong. */
static void print_errors(FILE *page, const json_t *document, json_t *responses) {
    json_t *response;
    const char *status;
    print(page, "<dl>");
    json_object_foreach(responses, status, response) {
        const char *name = name_of_reference(response);
        if (name != NULL) {
            fprintf(page, "<dt><code>%s</code></dt>", status);
            print_element(page, "dd", text_of(component(document, "responses", name), "description"));
        }
    }
    print(page, "</dl>");
}

static void print_responses(FILE *page, const json_t *document, json_t *responses) {
    json_t *response;
    const char *status;
    print(page, "<h4>Answers</h4><dl>");
    json_object_foreach(responses, status, response) {
        if (name_of_reference(response) == NULL) {
            print_answer(page, status, response);
        }
    }
    print(page, "</dl><h4>Errors</h4>");
    print_errors(page, document, responses);
}

static void print_upper(FILE *page, const char *text) {
    for (; *text != 0; text++) {
        fputc(*text - ('a' <= *text && *text <= 'z' ? 'a' - 'A' : 0), page);
    }
}

/* Who may: for whom a token is needed, the security says so; for administrators, the description. */
static const char *who_may(const json_t *operation) {
    const json_t *first = json_array_get(json_object_get(operation, "security"), 0);
    return text_of(operation, "description")[0] != 0 ? text_of(operation, "description")
           : json_object_size(first) == 0            ? "For everybody."
                                                     : "For people with an access token.";
}

static void print_operation(FILE *page, const json_t *document, const char *path, const char *method,
                            const json_t *operation) {
    fprintf(page, "<details id=\"%s\"><summary><b>", text_of(operation, "operationId"));
    print_upper(page, method);
    print(page, "</b> ");
    print_element(page, "code", path);
    print_element(page, "span", text_of(operation, "summary"));
    print(page, "</summary><div>");
    print_element(page, "p", who_may(operation));
    print_parameters(page, json_object_get(operation, "parameters"));
    print_body(page, json_object_get(operation, "requestBody"));
    print_responses(page, document, json_object_get(operation, "responses"));
    print(page, "</div></details>\n");
}

static const char *tag_of(const json_t *operation) {
    return json_string_value(json_array_get(json_object_get(operation, "tags"), 0));
}

/* The routes of a group. */
static void print_group(FILE *page, const json_t *document, const char *tag) {
    json_t *methods, *operation;
    const char *path, *method;
    fprintf(page, "<section id=\"group-%s\">", tag);
    print_element(page, "h2", tag);
    json_object_foreach(json_object_get(document, "paths"), path, methods) {
        json_object_foreach(methods, method, operation) {
            if (strcmp(tag_of(operation), tag) == 0) {
                print_operation(page, document, path, method, operation);
            }
        }
    }
    print(page, "</section>\n");
}

/* The page */

static void print_head(FILE *page, const json_t *document) {
    const json_t *info = json_object_get(document, "info"), *tag;
    size_t index;
    print(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    print_element(page, "title", text_of(info, "title"));
    fprintf(page, "<style>%s</style></head><body>\n<header>", style);
    print_element(page, "h1", text_of(info, "title"));
    print_element(page, "p", text_of(info, "description"));
    print(page, "<p>The same for programs: <a href=\"/openapi.json\">openapi.json</a></p></header>\n<nav><ul>"
                "<li><a href=\"#introduction\">introduction</a></li>");
    json_array_foreach(json_object_get(document, "tags"), index, tag) {
        fprintf(page, "<li><a href=\"#group-%s\">%s</a></li>", text_of(tag, "name"), text_of(tag, "name"));
    }
    print(page, "<li><a href=\"#live\">live</a></li><li><a href=\"#refusals\">refusals</a></li><li><a "
                "href=\"#records\">records</a></li></ul></nav>\n<main>\n");
}

static void print_introduction(FILE *page) {
    static const struct {
        const char *title, *html;
    } topics[] = {
#define TOPIC(title, html) {title, html},
#include "tools/bridge/introduction.def"
    };
    print(page, "<section id=\"introduction\"><h2>introduction</h2>\n");
    for (size_t i = 0; i < ARRAY_LENGTH(topics); i++) {
        print_element(page, "h3", topics[i].title);
        print(page, topics[i].html);
    }
    print(page, "</section>\n");
}

static void print_records(FILE *page, const json_t *document) {
    json_t *schema;
    const char *name;
    print(page, "<section id=\"records\"><h2>records</h2>\n");
    json_object_foreach(json_object_get(json_object_get(document, "components"), "schemas"), name, schema) {
        fprintf(page, "<h3 id=\"record-%s\"><code>%s</code></h3>", name, name);
        print_element(page, "p", text_of(schema, "description"));
        print_schema(page, schema);
    }
    print(page, "</section>\n");
}

static void print_frames(FILE *page, const json_t *document, const char *title, const json_t *references) {
    const json_t *reference;
    size_t index;
    print_element(page, "h3", title);
    print(page, "<dl>");
    json_array_foreach(references, index, reference) {
        const char *name = name_of_reference(reference);
        print(page, "<dt>");
        print_link(page, name);
        print(page, "</dt>");
        print_element(page, "dd", text_of(component(document, "schemas", name), "description"));
    }
    print(page, "</dl>");
}

static void print_live(FILE *page, const json_t *document) {
    const json_t *live = json_object_get(document, "x-live");
    json_t *end;
    const char *code;
    fprintf(page, "<section id=\"live\"><h2>live</h2><p><b>GET</b> <code>%s</code></p>", text_of(live, "path"));
    print_element(page, "p", text_of(live, "description"));
    print_frames(page, document, "Frames of the client", json_object_get(live, "client"));
    print_frames(page, document, "Frames of the server", json_object_get(live, "server"));
    print(page, "<h3>Close codes</h3><dl>");
    json_object_foreach(json_object_get(live, "closes"), code, end) {
        fprintf(page, "<dt><code>%s</code></dt>", code);
        print_element(page, "dd", json_string_value(end));
    }
    print(page, "</dl></section>\n");
}

static void print_refusals(FILE *page, const json_t *document) {
    print(page, "<section id=\"refusals\"><h2>refusals</h2><p>What any request may be answered with:</p>");
    print_errors(page, document, json_object_get(document, "x-refusals"));
    print(page, "</section>\n");
}

/* Nothing is loaded, and no style but ours is taken. */
static void print_policy(char policy[DOCS_POLICY_BYTES]) {
    uint8_t hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof hash, sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, (const uint8_t *)style, strlen(style));
    sodium_bin2base64(text, sizeof text, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    snprintf(policy, DOCS_POLICY_BYTES,
             "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             text);
}

char *docs_print(const json_t *document, char policy[DOCS_POLICY_BYTES]) {
    char *text;
    size_t bytes, index;
    const json_t *tag;
    FILE *page = open_memstream(&text, &bytes);
    CHECK(page != NULL, "out of memory");
    print_head(page, document);
    print_introduction(page);
    json_array_foreach(json_object_get(document, "tags"), index, tag) {
        print_group(page, document, text_of(tag, "name"));
    }
    print_live(page, document);
    print_refusals(page, document);
    print_records(page, document);
    fprintf(page, "</main><footer>Version %s</footer></body></html>\n",
            text_of(json_object_get(document, "info"), "version"));
    CHECK(fclose(page) == 0, "out of memory");
    print_policy(policy);
    return text;
}
