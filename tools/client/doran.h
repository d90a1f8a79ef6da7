/* SPDX-License-Identifier: MIT */
/*
 * doran.h: the client of a DoranDoran server, for C programs.
 *
 * A doran_t is one connection with one client session, or one of the users that share it (doran_as). It belongs to the
 * thread that opened it: every call on it, and every function of yours that is called back, happens on that thread;
 * different connections may live on different threads. There is no thread of the library's that calls you: your
 * functions run inside doran_run, doran_ask, doran_call, doran_query and doran_ping. Programs with an event loop watch
 * doran_fd and call doran_run(self, 0) when it is readable, and at least every second.
 *
 * Requests are numbered within the session and sent again under the same number until they are answered or their time
 * is up: after a reconnect, a restart of the server, or when it answers `busy`. The server runs a request once and
 * gives a retry the first answer. DORAN_DEADLINE_EXCEEDED therefore means: unknown, it may still happen. Requests to
 * one actor run in the order of their submission, unless one of them had to be sent again.
 *
 * Bodies are msgpack maps, made and read with a msgpack library of your choice. Strings are UTF-8 with a NUL; all
 * times are in milliseconds. Out of memory aborts. Do not use a doran_t after fork().
 */
#ifndef DORAN_H
#define DORAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DORAN_API __attribute__((visibility("default")))

typedef struct doran doran_t;

/* Result codes; the same table as the server's errors, in the same order. */
typedef enum doran_code {
    DORAN_OK = 0,
    DORAN_INVALID,
    DORAN_INVALID_ADDRESS,
    DORAN_UNKNOWN_METHOD,
    DORAN_UNSUPPORTED_VERSION,
    DORAN_TOO_LARGE,
    DORAN_UNAUTHENTICATED,
    DORAN_FORBIDDEN,
    DORAN_NOT_FOUND,
    DORAN_CONFLICT,
    DORAN_PRECONDITION_FAILED,
    DORAN_IDEMPOTENCY_MISMATCH,
    DORAN_IN_PROGRESS,
    DORAN_RATE_LIMITED,
    DORAN_BUSY,
    DORAN_DEADLINE_EXCEEDED,
    DORAN_UNREACHABLE,
    DORAN_STORAGE_FULL,
    DORAN_DRAINING,
    DORAN_INTERNAL
} doran_code_t;

/* "ok", "not_found", …: stable. */
DORAN_API const char *doran_code_name(doran_code_t code);

/* Zero-initialise, then set what you need. Strings are copied. */
typedef struct doran_options {
    const char *data;     /* folder of a server on this machine: endpoint and keys are found there ... */
    const char *role;     /* ... as this role: "operator" (default), "gateway" or "service" */
    const char *endpoint; /* instead of data: "tcp://host:port" or "ipc://path"; with data: this one of its endpoints */
    const char *server_key;              /* Z85 public key of the server, for tcp; with data: read from there */
    const char *public_key, *secret_key; /* Z85, this client's pair, for tcp; with data: read from there */
    uint32_t timeout_ms;                 /* for requests that give none; 0: 10,000 */
    uint32_t in_flight_max;              /* requests waiting for answers; 0: 1,000; at most 4,096 */
    int busy_fails; /* not 0: `busy` completes the request instead of being retried within its time */
    /* Going on with an earlier session (after a restart of this program): its 16 bytes and the next request number, as
       doran_session gave them. NULL: a new session. */
    const uint8_t *session;
    uint64_t next_id;
} doran_options_t;

/* Starts to connect and returns at once. NULL if the options make no sense or files cannot be read: one sentence in
 * error. */
DORAN_API doran_t *doran_open(const doran_options_t *options, char *error, size_t error_bytes);
/* Drops requests in flight without completing them, and ends subscriptions without a notice. Nulls the pointer; NULL is
   allowed. */
DORAN_API void doran_close(doran_t **self_p);

/* What came back. Everything points into memory that is valid until the completion returns (doran_send, doran_submit)
   or until the next call on this doran_t (doran_ask, doran_call, doran_query). */
typedef struct doran_reply {
    doran_code_t code;
    const char *text;        /* of an error; "" if ok */
    uint32_t retry_after_ms; /* of an error; 0 if none */
    const uint8_t *body;     /* msgpack map; of an error: {code, text, retryable, …} */
    size_t body_bytes;
    uint64_t id; /* of the request within the session */
} doran_reply_t;

/* A request. Zero-initialise, then set what you need; all of it is copied. */
typedef struct doran_request {
    const char *address; /* "kind/key", or "kind/" to create with a key made by the server; of a query: "kind" */
    const char *method;
    const void *body; /* NULL: an empty map */
    size_t body_bytes;
    uint32_t timeout_ms; /* 0: the default */
    /* Of 1 to 255 printable ASCII characters, or NULL: the same request with the same key runs once, whichever program
       and session it comes from, and gets the first answer for the server's `idempotency_ms`. Keys belong to the user,
       or to this program's key; those of all gateways, where they act for no user, are one another's. Another body or
       method: DORAN_IDEMPOTENCY_MISMATCH. The first still waits for its answer: DORAN_IN_PROGRESS, so ask again. What
       reads ignores it. */
    const char *idempotency_key;
    const uint8_t *trace; /* W3C trace context, 25 bytes: trace id (16), parent id (8), flags; or NULL */
} doran_request_t;

/* Sends one request and waits. Returns reply->code. */
DORAN_API doran_code_t doran_ask(doran_t *self, const doran_request_t *request, doran_reply_t *reply);
/* The same in short, without idempotency key and trace. */
DORAN_API doran_code_t doran_call(doran_t *self, const char *address, const char *method, const void *body,
                                  size_t body_bytes, uint32_t timeout_ms, doran_reply_t *reply);

typedef void (*doran_done_fn)(void *context, const doran_reply_t *reply);
/* Sends one request; done runs once, later. DORAN_BUSY: in_flight_max reached, nothing was sent, done will not run.
   DORAN_TOO_LARGE, DORAN_INVALID_ADDRESS, DORAN_UNKNOWN_METHOD, DORAN_INVALID (body or idempotency key): likewise. */
DORAN_API doran_code_t doran_send(doran_t *self, const doran_request_t *request, doran_done_fn done, void *context);
/* The same in short. */
DORAN_API doran_code_t doran_submit(doran_t *self, const char *address, const char *method, const void *body,
                                    size_t body_bytes, uint32_t timeout_ms, doran_done_fn done, void *context);

/* Works for at most timeout_ms (0: only what is ready; -1: until something completes or an event comes; returns 0 at
   once when neither can be) and returns how many of your functions ran. Returns early once one ran. Must be called
   regularly: it also answers for heartbeats, reconnects and resending. */
DORAN_API int doran_run(doran_t *self, int timeout_ms);
/* Sends what is buffered without waiting; doran_run does so too. */
DORAN_API void doran_flush(doran_t *self);
/* Readable when doran_run(self, 0) has work. Edge-triggered: run until it returns 0. */
DORAN_API int doran_fd(doran_t *self);
DORAN_API uint32_t doran_in_flight(const doran_t *self);

/* A query: a request to a kind without a key, answered once by every shard. each runs for every answer, then done once:
   with the last of them, or with the first error, behind which neither runs any more. Codes as doran_send. */
DORAN_API doran_code_t doran_send_query(doran_t *self, const doran_request_t *request, doran_done_fn each,
                                        doran_done_fn done, void *context);
/* Sends a query and waits. each runs for every answer, and for an error, which ends it. Returns the last one's code. */
DORAN_API doran_code_t doran_query(doran_t *self, const char *kind, const char *method, const void *body,
                                   size_t body_bytes, uint32_t timeout_ms, doran_done_fn each, void *context);

/* Acting for a user.
 *
 * doran_as makes another doran_t, on the connection of `self`, that acts for a user: its requests, queries and
 * subscriptions carry a handle, which `address` ("session/KEY", or "session/" for a session that the server makes)
 * gives in answer to its method `open` with this body: {token}, or {as: "user/ID"} with the key of an operator.
 * doran_as returns at once; what is submitted meanwhile waits for the handle.
 *
 * The server may forget a handle: when it starts again, when the connection was lost, when the handle's time is over.
 * Then the same request opens another one, and what was refused is sent again; the program notices nothing but the time
 * that takes. When that request is refused for good (the session was ended, the user suspended), this doran_t is of no
 * more use: requests that wait for the handle complete with the error, those submitted later are refused with it,
 * subscriptions end with it. What the server may have begun to do before is unknown as ever: DORAN_DEADLINE_EXCEEDED.
 *
 * on_open (may be NULL) runs each time a handle was opened, with the reply {handle, user, role, session, expires_at},
 * and at the end with the error.
 *
 * Every doran_t of a connection is closed by itself, in any order; the last one ends the connection. Closing one that
 * acts for a user has the server end its handle, with all it hears: not at once, but while the others work. doran_run,
 * doran_fd, doran_flush, doran_in_flight, doran_ping, doran_endpoint and doran_session mean the connection, whichever
 * of its doran_t they are given. in_flight_max counts over all of them; openings and subscriptions do not count.
 *
 * An actor that answers DORAN_UNAUTHENTICATED for reasons of its own makes the handle be opened again once, for that
 * request; if it says so again, that is the answer.
 *
 * DORAN_INVALID_ADDRESS, DORAN_INVALID, DORAN_TOO_LARGE: address or body; DORAN_BUSY: 65,536 are there. */
DORAN_API doran_code_t doran_as(doran_t *self, const char *address, const void *body, size_t body_bytes,
                                doran_done_fn on_open, void *context, doran_t **user);

/* Events.
 *
 * An actor publishes events under its address, the topic, and numbers them without a gap: seq. A number means something
 * within its log epoch, which changes only when the server was restored from an older copy. */
typedef struct doran_position {
    uint64_t log_epoch, seq;
} doran_position_t;

typedef enum doran_notice {
    DORAN_EVENT = 0,
    /* What was missed has been given; from here on events come as they happen. Also after every interruption. */
    DORAN_SUBSCRIBED,
    /* Events come from `position` on; those before were not given, so the state has to be read anew. The first notice
       of a subscription that began without a position; later only when the log was replaced. */
    DORAN_RESET,
    /* No more comes, because of `code`: not_found, forbidden, … doran_unsubscribe is still to be called. */
    DORAN_ENDED
} doran_notice_t;

/* Everything points into memory that is valid until on_event returns. */
typedef struct doran_event {
    doran_notice_t notice;
    const char *topic;         /* "kind/key" */
    const char *type;          /* of an event; else "" */
    doran_position_t position; /* of the event; else of the subscription */
    const uint8_t *body;       /* msgpack map. Of an event: its record, the same bytes whichever way it came; SUBSCRIBED
                                  and RESET: the reply to `subscribe`, which may hold the state; ENDED: the error */
    size_t body_bytes;
    doran_code_t code; /* of DORAN_ENDED */
    const char *text;  /* of DORAN_ENDED; else "" */
} doran_event_t;

typedef void (*doran_event_fn)(void *context, const doran_event_t *event);
typedef struct doran_subscription doran_subscription_t;

/* Subscribes to the events of an actor after a position, or from now on if `after` is NULL. From there on_event gets
   every event once and in the order of seq, without a gap, however long or often the connection was lost, the server
   restarted, or this program too slow; what was missed is read from the actor's log. The only exception announces
   itself: DORAN_RESET. Errors that may pass are not reported: it is tried again until it goes.

   on_event may call anything, doran_unsubscribe and doran_close too. It never runs inside another on_event of the same
   connection: if it waits with doran_call, what comes meanwhile is fetched again afterwards; so better submit.

   DORAN_INVALID_ADDRESS: topic; DORAN_CONFLICT: this doran_t has a subscription to it; DORAN_BUSY: the connection has
   1,000,000 of them. Any other code: that of a doran_t which may not act for its user any more. Nothing was made then.
 */
DORAN_API doran_code_t doran_subscribe(doran_t *self, const char *topic, const doran_position_t *after,
                                       doran_event_fn on_event, void *context, doran_subscription_t **subscription);
/* on_event will not run any more. Nulls the pointer; NULL is allowed. Not after doran_close, which has done it. */
DORAN_API void doran_unsubscribe(doran_subscription_t **subscription_p);
/* Of the last event that on_event got, or of the last RESET: what to keep for going on after a restart of this program.
   Inside on_event that of the event itself. 1, or 0 if there is none yet; then position is untouched. */
DORAN_API int doran_subscription_position(const doran_subscription_t *subscription, doran_position_t *position);

/* Round trip of one ping in µs, or -1 when none came back in timeout_ms. version (may be NULL) gets the server's. */
DORAN_API int64_t doran_ping(doran_t *self, uint32_t timeout_ms, char *version, size_t version_bytes);
/* 1 while the server answers: a pong came on this connection, and nothing that was sent since waits for long. Looks at
   nothing but what doran_run saw. */
DORAN_API int doran_ready(const doran_t *self);
/* The endpoint in use. */
DORAN_API const char *doran_endpoint(const doran_t *self);
/* The session in use and the number of the next request, to be kept by programs that want to go on after a restart of
   their own. 0 before the first answer of the server, else 1. */
DORAN_API int doran_session(const doran_t *self, uint8_t session[16], uint64_t *next_id);

#ifdef __cplusplus
}
#endif
#endif
