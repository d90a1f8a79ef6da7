/* SPDX-License-Identifier: MIT */
/*
 * GET /rooms/{id}/events: a room as server-sent events (HTML §9.2). Their data are the frames of the WebSocket, their
 * id is LOG_EPOCH:SEQ, so who comes again with Last-Event-ID goes on there, however much was missed. A slow reader is
 * not pushed: what it has no room for is read from the log when it has.
 *
 * The answer waits until the hub has said that there is such a room for this person.
 */
#include <stdlib.h>

#include "tools/bridge/live.h"
#include "tools/bridge/message.h"
#include "tools/bridge/milliseconds.h"
#include "tools/bridge/problem.h"
#include "tools/bridge/runs.h"
#include "tools/bridge/stream.h"
#include "tools/bridge/value.h"

enum { HTTP_OK = 200, WAITING_BYTES_MAX = KIB(128), BEGIN_MS = 10000, STALLED_HEARTBEATS = 3, ID_BYTES = 64 };

typedef struct reader {
    guest_t guest;
    live_t *live;
    listener_t listener;
    call_t *call;     /* until it is answered; then NULL */
    stream_t *stream; /* from then on */
    struct event *heartbeat;
    uint32_t heartbeat_ms;
    size_t waiting;   /* at the last heartbeat */
    uint32_t stalled; /* heartbeats since the reader took something */
    char room[];
} reader_t;

static void destroy(reader_t *self) {
    hub_leave(&self->listener);
    stream_end(&self->stream);
    event_free(self->heartbeat);
    guest_fini(&self->guest);
    free(self);
}

/* Writing. */

static void write_data(reader_t *self, doran_position_t position, span_t json) {
    char id[ID_BYTES];
    int bytes = snprintf(id, sizeof id, "id: %llu:%llu\ndata: ", (unsigned long long)position.log_epoch,
                         (unsigned long long)position.seq);
    stream_write(self->stream, span_of(id, (size_t)bytes));
    stream_write(self->stream, json);
    stream_write(self->stream, span_text("\n\n"));
}

/* Takes the frame. Where it stands, the id does not change. */
static void say(reader_t *self, json_t *frame) {
    char *text = value_print(frame);
    write_data(self, self->listener.position, span_text(text));
    free(text);
}

static void say_end(reader_t *self, const char *code, const char *text) {
    say(self,
        json_pack("{ss ss so ss}", "op", "error", "code", code, "detail", value_of_text(text), "room", self->room));
}

/* The stream. */

static void arm(reader_t *self, uint32_t ms) {
    struct timeval after = milliseconds(ms);
    event_add(self->heartbeat, &after);
}

static void pass_over(void *context, struct evbuffer *bytes) {
    (void)context;
    evbuffer_drain(bytes, evbuffer_get_length(bytes));
}

static void take_room(void *context) {
    reader_t *self = context;
    hub_resume(&self->listener);
}

static void take_end(void *context) {
    destroy(context);
}

static const stream_calls_t stream_calls = {.arrived = pass_over, .drained = take_room, .gone = take_end};

/* False: the reader has gone meanwhile, and is forgotten with the next heartbeat. */
static bool begin_stream(reader_t *self) {
    call_t *call = self->call;
    call_add_header(call, "Content-Type", "text/event-stream");
    call_add_header(call, "Cache-Control", "no-store");
    call_add_header(call, "X-Accel-Buffering", "no");
    call_add_header(call, "Connection", "close");
    self->call = NULL;
    self->stream = stream_new(call_give(call), HTTP_OK, &stream_calls, self);
    if (self->stream == NULL) {
        hub_leave(&self->listener);
    }
    arm(self, self->stream != NULL ? self->heartbeat_ms : 0);
    return self->stream != NULL;
}

/* What the hub says. */

static reader_t *reader_of(listener_t *listener) {
    return (reader_t *)((char *)listener - offsetof(reader_t, listener));
}

static void begun(listener_t *listener, hub_result_t result, doran_position_t position) {
    reader_t *self = reader_of(listener);
    if (self->call == NULL || begin_stream(self)) {
        say(self, json_pack("{ss ss sI sI ss}", "op", "subscribed", "room", self->room, "log_epoch",
                            (json_int_t)position.log_epoch, "seq", (json_int_t)position.seq, "result",
                            hub_result_name(result)));
    }
}

static bool take_event(listener_t *listener, doran_position_t position, span_t json) {
    reader_t *self = reader_of(listener);
    if (stream_waiting(self->stream) >= WAITING_BYTES_MAX) {
        return false;
    }
    write_data(self, position, json);
    return true;
}

static void ended(listener_t *listener, doran_code_t code, const char *text) {
    reader_t *self = reader_of(listener);
    call_t *call = self->call;
    if (call == NULL) {
        say_end(self, doran_code_name(code), text[0] != 0 ? text : status_text((status_t)code));
    }
    destroy(self);
    if (call != NULL) {
        call_fail(call, code, text);
    }
}

static const listener_calls_t listener_calls = {.begun = begun, .event = take_event, .ended = ended};

/* Time. */

static void look(evutil_socket_t fd, short events, void *context) {
    reader_t *self = context;
    call_t *call = self->call;
    size_t waiting = self->stream != NULL ? stream_waiting(self->stream) : 0;
    (void)fd;
    (void)events;
    self->stalled = waiting > 0 && waiting >= self->waiting ? self->stalled + 1 : 0;
    self->waiting = waiting;
    if (self->stream == NULL || self->stalled == STALLED_HEARTBEATS) {
        destroy(self);
        if (call != NULL) {
            call_refuse(call, REFUSE_UNREACHABLE, NULL);
        }
        return;
    }
    if (waiting == 0) {
        stream_write(self->stream, span_text(":\n\n"));
    }
    arm(self, self->heartbeat_ms);
}

static void show_out(guest_t *guest, parting_t parting) {
    static const refusal_t refusals[] = {
        [PARTING_UNKNOWN] = REFUSE_UNAUTHENTICATED,
        [PARTING_BREACH] = REFUSE_UNAUTHENTICATED,
        [PARTING_EXPIRED] = REFUSE_UNAUTHENTICATED,
        [PARTING_ENDED] = REFUSE_UNAUTHENTICATED,
        [PARTING_CROWDED] = REFUSE_BUSY,
        [PARTING_STOPPING] = REFUSE_UNREACHABLE,
    };
    reader_t *self = (reader_t *)((char *)guest - offsetof(reader_t, guest));
    call_t *call = self->call;
    refusal_t refusal = refusals[parting];
    if (self->stream != NULL) {
        say_end(self, problem_code(refusal), problem_title(refusal));
    }
    destroy(self);
    if (call != NULL) {
        call_refuse(call, refusal, NULL);
    }
}

/* Coming. */

/* LOG_EPOCH:SEQ */
static bool read_position(const char *id, doran_position_t *position) {
    char *end;
    if (id == NULL || strspn(id, "0123456789:") != strlen(id)) {
        return false;
    }
    position->log_epoch = strtoull(id, &end, 10);
    if (end == id || *end != ':' || end[1] == 0) {
        return false;
    }
    position->seq = strtoull(end + 1, &end, 10);
    return *end == 0;
}

static void listen_to(reader_t *self, span_t room) {
    doran_position_t after;
    doran_code_t code;
    bool placed = read_position(http_header(self->call->http, "Last-Event-ID"), &after);
    if (!hub_listen(live_hub(self->live), &self->listener, &listener_calls, self->guest.person, room,
                    placed ? &after : NULL, UINT64_MAX, &code)) {
        ended(&self->listener, code, "");
    }
}

void run_room_events(call_t *call) {
    span_t room = route_capture(call->route, &call->captures, "id");
    live_t *live = call->bridge->live;
    parting_t parting;
    empty_t nothing;
    if (!message_read(call, &record_empty, &nothing)) {
        return;
    }
    if (!address_key_valid(room)) {
        call_refuse_key(call, "id");
        return;
    }
    if (http_method(call->http) == HTTP_HEAD) {
        call_answer(call, HTTP_OK, "text/event-stream", (span_t){0});
        return;
    }
    reader_t *self = calloc(1, sizeof *self + room.len + 1);
    CHECK(self != NULL, "out of memory");
    self->live = live;
    self->call = call;
    self->heartbeat_ms = (uint32_t)call->bridge->settings.heartbeat_ms;
    memcpy(self->room, room.ptr, room.len);
    if (!guest_init(&self->guest, live_guests(live), show_out)) {
        free(self);
        call_refuse(call, REFUSE_BUSY, NULL);
        return;
    }
    self->heartbeat = event_new(call->bridge->base, -1, 0, look, self);
    CHECK(self->heartbeat != NULL, "out of memory");
    arm(self, BEGIN_MS);
    if (guest_enter(&self->guest, call->person, &parting)) {
        listen_to(self, span_text(self->room));
    } else {
        show_out(&self->guest, parting);
    }
}
