/* SPDX-License-Identifier: MIT */
/* Whatever comes more than once (a record, a header, a set of errors) stands once among the components. */
#include "tools/bridge/openapi.h"

#include "tools/bridge/body.h"
#include "tools/bridge/openapi_live.h"
#include "tools/bridge/openapi_schema.h"
#include "tools/bridge/route_errors.h"
#include "tools/bridge/value.h"

#define BASE "/api/v1/"

enum { TEXT_BYTES = 512, PAGE_MAX = 100, PAGE = 20, HTTP_CREATED = 201 };

typedef struct document {
    json_t *root, *paths, *schemas, *responses; /* root owns the others */
} document_t;

/* JSON */

static void append(json_t *array, json_t *value) {
    CHECK(json_array_append_new(array, value) == 0, "out of memory");
}

static json_t *text_schema(const char *text) {
    return value_made(json_pack("{ss ss}", "type", "string", "description", text));
}

static bool has(const route_t *route, uint32_t flag) {
    return (route->flags & flag) != 0;
}

/* Components */

static const struct header {
    const char *name, *text;
    bool required; /* it is there wherever it is declared */
} headers[] = {
    {"X-Request-Id", "Name of the request: the one that it came with, or a new one", true},
    {"ETag", "Version of what is shown, for If-Match and If-None-Match", true},
    {"Location", "Path of what came into being, or of what is to be watched", true},
    {"Link", "With rel=next: the next page", false},
    {"Retry-After", "Seconds after which the same request may succeed", true},
    {"RateLimit", "What is left of the limit (draft-ietf-httpapi-ratelimit-headers)", false},
    {"RateLimit-Policy", "The limit of requests", false},
    {"WWW-Authenticate", "How to say who asks (RFC 6750)", true},
    {"Allow", "The methods that there are", true},
};

static void add_headers(json_t *components) {
    json_t *all = value_made(json_object());
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        value_set(all, headers[i].name,
                  value_made(json_pack("{ss sb s{ss}}", "description", headers[i].text, "required", headers[i].required,
                                       "schema", "type", "string")));
    }
    value_set(components, "headers", all);
}

/* RFC 9457. */
static json_t *problem_schema(void) {
    json_t *wrong = openapi_closed_object("What is wrong at one place of the body");
    openapi_add_member(wrong, "pointer", text_schema("JSON Pointer (RFC 6901) to the place"), true);
    openapi_add_member(wrong, "code", text_schema("What is wrong: required, unknown, type, too_long, ..."), true);
    openapi_add_member(wrong, "detail", text_schema("The same in words"), true);
    json_t *schema = openapi_closed_object("An error (RFC 9457)");
    openapi_add_member(schema, "type", text_schema("A URI of the kind of problem"), true);
    openapi_add_member(schema, "title", text_schema("What the code means"), true);
    openapi_add_member(schema, "status", value_made(json_pack("{ss}", "type", "integer")), true);
    openapi_add_member(schema, "detail", text_schema("What went wrong this time"), false);
    openapi_add_member(schema, "instance", text_schema("Path of the request"), false);
    openapi_add_member(schema, "code", text_schema("Stable name of the error, for programs"), true);
    openapi_add_member(schema, "request_id", text_schema("As in X-Request-Id"), true);
    openapi_add_member(schema, "errors", value_made(json_pack("{ss so}", "type", "array", "items", wrong)), false);
    return schema;
}

static void add_header(json_t *response, const char *name) {
    json_t *all = json_object_get(response, "headers");
    if (all == NULL) {
        all = value_made(json_object());
        value_set(response, "headers", all);
    }
    value_set(all, name, openapi_reference("headers", name));
}

static json_t *new_response(const char *text) {
    json_t *response = value_made(json_pack("{ss}", "description", text));
    add_header(response, "X-Request-Id");
    add_header(response, "RateLimit");
    add_header(response, "RateLimit-Policy");
    return response;
}

static void add_content(json_t *response, const char *media, json_t *schema) {
    value_set(response, "content", value_made(json_pack("{s{so}}", media, "schema", schema)));
}

/* Errors */

/* Errors of one status; how many of them there are. */
static uint32_t same_status(const route_error_t *errors, uint32_t count) {
    uint32_t same = 1;
    while (same < count && errors[same].http == errors[0].http) {
        same++;
    }
    return same;
}

static json_t *codes_schema(const route_error_t *errors, uint32_t count) {
    json_t *codes = value_made(json_array());
    for (uint32_t i = 0; i < count; i++) {
        append(codes, json_string(errors[i].code));
    }
    return value_made(json_pack("{s[o{s{s{so}}}]}", "allOf", openapi_reference("schemas", "problem"), "properties",
                                "code", "enum", codes));
}

/* What goes with an error beside the problem. */
static const struct with {
    int http;
    const char *header;
} with[] = {{401, "WWW-Authenticate"}, {405, "Allow"}, {429, "Retry-After"}, {503, "Retry-After"}};

static json_t *error_response(const route_error_t *errors, uint32_t count) {
    char text[TEXT_BYTES] = "";
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%s%s: %s", i > 0 ? ". " : "", errors[i].code, errors[i].title);
    }
    json_t *response = new_response(text);
    for (size_t i = 0; i < ARRAY_LENGTH(with); i++) {
        if (with[i].http == errors[0].http) {
            add_header(response, with[i].header);
        }
    }
    add_content(response, "application/problem+json", codes_schema(errors, count));
    return response;
}

/* Routes with the same errors share what is said of them. */
static json_t *refer_to_errors(document_t *self, const route_error_t *errors, uint32_t count) {
    char name[TEXT_BYTES] = "";
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strlen(name);
        snprintf(name + len, sizeof name - len, "%s%s", i > 0 ? "." : "", errors[i].code);
    }
    if (json_object_get(self->responses, name) == NULL) {
        value_set(self->responses, name, error_response(errors, count));
    }
    return openapi_reference("responses", name);
}

static void set_status(json_t *responses, int status, json_t *response) {
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    value_set(responses, text, response);
}

static void add_errors(document_t *self, const route_error_t *errors, uint32_t count, json_t *responses) {
    for (uint32_t i = 0, same; i < count; i += same) {
        same = same_status(errors + i, count - i);
        set_status(responses, errors[i].http, refer_to_errors(self, errors + i, same));
    }
}

/* Answers */

static json_t *record_schema(document_t *self, const record_t *record) {
    const field_t *version = body_field(record, "version");
    return openapi_reply(self->schemas, record, version != NULL && route_hides(version) ? version->name : NULL);
}

static json_t *page_schema(document_t *self, const record_t *item) {
    json_t *schema = openapi_closed_object("A page");
    openapi_add_member(schema, "items",
                       value_made(json_pack("{ss sI so}", "type", "array", "maxItems", (json_int_t)PAGE_MAX, "items",
                                            record_schema(self, item))),
                       true);
    openapi_add_member(schema, "next_cursor", text_schema("For the next page; absent: this was the last"), false);
    return schema;
}

static json_t *reply_schema(document_t *self, const route_t *route) {
    const record_t *reply = route_reply(route);
    return has(route, LISTED) ? page_schema(self, reply) : record_schema(self, reply);
}

static json_t *success(document_t *self, const route_t *route, int status) {
    json_t *response = new_response(route->text);
    if (has(route, TAGGED)) {
        add_header(response, "ETag");
    }
    if (has(route, CREATES | ACCEPTS) || status == HTTP_CREATED) {
        add_header(response, "Location");
    }
    if (route_pages(route)) {
        add_header(response, "Link");
    }
    if (has(route, STREAMED)) {
        add_content(response, "text/event-stream", openapi_events_schema());
    }
    if (route_reply(route) != NULL) {
        add_content(response, "application/json", reply_schema(self, route));
    }
    return response;
}

static json_t *responses_of(document_t *self, const route_t *route) {
    route_error_t errors[ROUTE_ERRORS_MAX];
    json_t *responses = value_made(json_object());
    set_status(responses, route_status(route), success(self, route, route_status(route)));
    if (has(route, GUARDED)) {
        set_status(responses, HTTP_CREATED, success(self, route, HTTP_CREATED));
    }
    if (route->method == HTTP_GET && has(route, TAGGED)) {
        json_t *unchanged = new_response("It is still of the version that If-None-Match names");
        add_header(unchanged, "ETag");
        set_status(responses, 304, unchanged);
    }
    add_errors(self, errors, route_errors(route, errors), responses);
    return responses;
}

/* Requests */

static json_t *parameter(const char *name, const char *place, bool required, json_t *schema) {
    json_t *text = json_object_get(schema, "description");
    json_t *made_one =
        value_made(json_pack("{ss ss sb so}", "name", name, "in", place, "required", required, "schema", schema));
    if (text != NULL) {
        CHECK(json_object_set(made_one, "description", text) == 0, "out of memory");
        json_object_del(schema, "description");
    }
    return made_one;
}

static json_t *key_schema(void) {
    return value_made(json_pack("{ss sI sI ss}", "type", "string", "minLength", (json_int_t)1, "maxLength",
                                (json_int_t)KEY_BYTES_MAX, "pattern", OPENAPI_KEY_PATTERN));
}

/* A part in braces is the key of the actor, or a field of the request. */
static void add_path_parameters(document_t *self, const route_t *route, json_t *parameters) {
    for (const char *begin = strchr(route->path, '{'); begin != NULL; begin = strchr(begin + 1, '{')) {
        char name[TEXT_BYTES];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(begin + 1, "}"), begin + 1);
        const record_t *request = route_request(route);
        const field_t *field = request != NULL ? body_field(request, name) : NULL;
        json_t *schema = field != NULL ? openapi_field(self->schemas, field, SCHEMA_OF_REQUEST) : key_schema();
        append(parameters, parameter(name, "path", true, schema));
    }
}

static void add_paging_parameters(json_t *parameters) {
    append(parameters, parameter("limit", "query", false,
                                 value_made(json_pack("{ss si si si ss}", "type", "integer", "minimum", 1, "maximum",
                                                      PAGE_MAX, "default", PAGE, "description", "Items at most"))));
    append(parameters, parameter("cursor", "query", false, text_schema("Of the page before: its next_cursor")));
}

static void add_query_parameters(document_t *self, const route_t *route, json_t *parameters) {
    const record_t *request = route_request(route);
    for (uint32_t i = 0; request != NULL && i < request->field_count; i++) {
        const field_t *field = &request->fields[i];
        bool paging = has(route, LISTED) && strcmp(field->name, "limit") == 0;
        if (route_source(route, field) == FIELD_FROM_QUERY && !paging) {
            append(parameters, parameter(field->name, "query", (field->flags & REQUIRED) != 0,
                                         openapi_field(self->schemas, field, SCHEMA_OF_REQUEST)));
        }
    }
}

static void add_header_parameters(const route_t *route, json_t *parameters) {
    bool reads = route->method == HTTP_GET;
    if (route_changes(route)) {
        append(parameters, parameter("If-Match", "header", has(route, CONDITIONAL),
                                     text_schema("Done only if this is the ETag of the current version")));
    }
    if (reads && has(route, TAGGED)) {
        append(parameters, parameter("If-None-Match", "header", false,
                                     text_schema("304 if this is the ETag of the current version")));
    }
    if (has(route, STREAMED)) {
        append(parameters, parameter("Last-Event-ID", "header", false,
                                     text_schema("LOG_EPOCH:SEQ, the id of the last event: what came behind it is sent "
                                                 "first; absent: events from now on")));
    }
    if (!reads && !has(route, KEY_REFUSED)) {
        append(parameters,
               parameter("Idempotency-Key", "header", has(route, KEY_REQUIRED),
                         value_made(json_pack("{ss sI sI ss}", "type", "string", "minLength", (json_int_t)1,
                                              "maxLength", (json_int_t)IDEMPOTENCY_KEY_BYTES_MAX, "description",
                                              "The same key and body: the first answer again"))));
        append(parameters, parameter("Prefer", "header", false,
                                     text_schema("wait=N: waits N seconds for the first request with this key")));
    }
}

static json_t *parameters_of(document_t *self, const route_t *route) {
    json_t *parameters = value_made(json_array());
    add_path_parameters(self, route, parameters);
    add_query_parameters(self, route, parameters);
    if (route_pages(route)) {
        add_paging_parameters(parameters);
    }
    add_header_parameters(route, parameters);
    return parameters;
}

/* Of a JSON Merge Patch (RFC 7396): null takes the member away. */
static json_t *or_null(json_t *schema) {
    json_t *text = json_incref(json_object_get(schema, "description"));
    json_object_del(schema, "description");
    return value_made(json_pack("{s[o{ss}] so}", "anyOf", schema, "type", "null", "description", text));
}

/* May null take the field away? Only what the stored record can be without. */
static bool can_be_taken(const route_t *route, const field_t *field) {
    const field_t *stored = has(route, MERGED) ? body_field(route->kind->state, field->name) : NULL;
    return stored != NULL && (stored->flags & REQUIRED) == 0;
}

static json_t *body_schema(document_t *self, const route_t *route) {
    const record_t *request = route_request(route);
    json_t *schema = openapi_closed_object(request != NULL ? request->text : "Nothing");
    for (uint32_t i = 0; request != NULL && i < request->field_count; i++) {
        const field_t *field = &request->fields[i];
        if (route_source(route, field) == FIELD_FROM_BODY) {
            json_t *member = openapi_field(self->schemas, field, SCHEMA_OF_REQUEST);
            openapi_add_member(schema, field->name, can_be_taken(route, field) ? or_null(member) : member,
                               (field->flags & REQUIRED) != 0);
        }
    }
    return schema;
}

/* No body is an empty object. */
static json_t *body_of(document_t *self, const route_t *route) {
    json_t *schema = body_schema(self, route);
    bool required = json_object_get(schema, "required") != NULL;
    json_t *content = value_made(json_object());
    if (has(route, MERGED)) {
        value_set(content, "application/merge-patch+json", value_made(json_pack("{sO}", "schema", schema)));
    }
    value_set(content, "application/json", value_made(json_pack("{so}", "schema", schema)));
    return value_made(json_pack("{sb so}", "required", required, "content", content));
}

/* Operations */

/* Routes under the same first word belong together. */
static json_t *tag_of(const route_t *route) {
    const char *begin = route->path + (strncmp(route->path, BASE, strlen(BASE)) == 0 ? strlen(BASE) : 1);
    return value_made(json_stringn(begin, strcspn(begin, "/")));
}

static void note_tag(json_t *tags, const route_t *route) {
    json_t *name = tag_of(route), *tag;
    size_t index;
    json_array_foreach(tags, index, tag) {
        if (json_equal(json_object_get(tag, "name"), name)) {
            json_decref(name);
            return;
        }
    }
    append(tags, json_pack("{so}", "name", name));
}

static json_t *security_of(const route_t *route) {
    return route->access == ACCESS_EVERYBODY ? value_made(json_pack("[{} {s[]}]", "bearer"))
                                             : value_made(json_pack("[{s[]}]", "bearer"));
}

static json_t *operation(document_t *self, const route_t *route) {
    json_t *made_one =
        value_made(json_pack("{ss ss s[o] so so}", "operationId", route->name, "summary", route->text, "tags",
                             tag_of(route), "security", security_of(route), "parameters", parameters_of(self, route)));
    if (route_takes_body(route)) {
        value_set(made_one, "requestBody", body_of(self, route));
    }
    if (route->access == ACCESS_ADMIN) {
        value_set(made_one, "description", json_string("For people with the role ADMIN."));
    }
    value_set(made_one, "responses", responses_of(self, route));
    return made_one;
}

static void add_route(document_t *self, const route_t *route) {
    static const char *const members[] = {"get", "head", "post", "put", "patch", "delete", "options", ""};
    json_t *path = json_object_get(self->paths, route->path);
    if (path == NULL) {
        path = value_made(json_object());
        value_set(self->paths, route->path, path);
    }
    value_set(path, members[route->method], operation(self, route));
    note_tag(json_object_get(self->root, "tags"), route);
}

/* OpenAPI has no place for what any request may be answered with, whatever it asks for. */
static void add_refusals(document_t *self) {
    route_error_t errors[ROUTE_ERRORS_MAX];
    json_t *refusals = value_made(json_object());
    add_errors(self, errors, route_refusals(errors), refusals);
    value_set(self->root, "x-refusals", refusals);
}

static void begin(document_t *self) {
    self->root = value_made(json_pack("{ss s{ss ss ss} s[{ss}] s[] s{} s{s{} s{} s{s{ss ss ss}}}}", "openapi", "3.1.0",
                                      "info", "title", "DoranDoran", "version", DORAN_VERSION, "description",
                                      "Accounts, chat rooms, a shop with orders, and batch jobs.", "servers", "url",
                                      "/", "tags", "paths", "components", "schemas", "responses", "securitySchemes",
                                      "bearer", "type", "http", "scheme", "bearer", "bearerFormat", "JWT"));
    json_t *components = json_object_get(self->root, "components");
    self->paths = json_object_get(self->root, "paths");
    self->schemas = json_object_get(components, "schemas");
    self->responses = json_object_get(components, "responses");
    add_headers(components);
    value_set(self->schemas, "problem", problem_schema());
}

json_t *openapi_document(void) {
    document_t self;
    begin(&self);
    for (uint32_t i = 0; i < routes_count; i++) {
        if (!has(&routes[i], OPEN_OUTSIDE)) {
            add_route(&self, &routes[i]);
        }
    }
    add_refusals(&self);
    openapi_add_live(self.root, self.schemas);
    return self.root;
}
