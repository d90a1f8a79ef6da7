/* SPDX-License-Identifier: MIT */
/*
 * doran.h: the client of a DoranDoran server, for C programs.
 *
 * A doran_t is one connection with one client session. It belongs to the thread that opened it: every call on it, and
 * every completion, happens on that thread; different doran_t may live on different threads. There is no thread of the
 * library's that calls you: completions run inside doran_run, doran_call and doran_query. Programs with an event loop
 * watch doran_fd and call doran_run(self, 0) when it is readable, and at least every second.
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
/* Drops requests in flight without completing them. Nulls the pointer; NULL is allowed. */
DORAN_API void doran_close(doran_t **self_p);

/* What came back. Everything points into memory that is valid until the completion returns (doran_submit) or until the
   next call on this doran_t (doran_call, doran_query). */
typedef struct doran_reply {
    doran_code_t code;
    const char *text;        /* of an error; "" if ok */
    uint32_t retry_after_ms; /* of an error; 0 if none */
    const uint8_t *body;     /* msgpack map; of an error: {code, text, retryable, …} */
    size_t body_bytes;
    uint64_t id; /* of the request within the session */
} doran_reply_t;

/* Sends one request and waits. address is "kind/key", or "kind/" to create with a key made by the server. body NULL: an
   empty map. timeout_ms 0: the default. Returns reply->code. */
DORAN_API doran_code_t doran_call(doran_t *self, const char *address, const char *method, const void *body,
                                  size_t body_bytes, uint32_t timeout_ms, doran_reply_t *reply);

typedef void (*doran_done_fn)(void *context, const doran_reply_t *reply);
/* Sends one request; done runs once, later. DORAN_BUSY: in_flight_max reached, nothing was sent, done will not run.
   DORAN_TOO_LARGE, DORAN_INVALID_ADDRESS: likewise. */
DORAN_API doran_code_t doran_submit(doran_t *self, const char *address, const char *method, const void *body,
                                    size_t body_bytes, uint32_t timeout_ms, doran_done_fn done, void *context);

/* Works for at most timeout_ms (0: only what is ready; -1: until something completes) and returns how many requests
   completed. Returns early once something completed. Must be called regularly: it also answers for heartbeats,
   reconnects and resending. */
DORAN_API int doran_run(doran_t *self, int timeout_ms);
/* Sends what is buffered without waiting; doran_run does so too. */
DORAN_API void doran_flush(doran_t *self);
/* Readable when doran_run(self, 0) has work. Edge-triggered: run until it returns 0. */
DORAN_API int doran_fd(doran_t *self);
DORAN_API uint32_t doran_in_flight(const doran_t *self);

/* A query: a request to a kind without a key, answered once by every shard. each runs for every answer; returns when
   all have come or with the first error. */
DORAN_API doran_code_t doran_query(doran_t *self, const char *kind, const char *method, const void *body,
                                   size_t body_bytes, uint32_t timeout_ms, doran_done_fn each, void *context);

/* Round trip of one ping in µs, or -1 when none came back in timeout_ms. version (may be NULL) gets the server's. */
DORAN_API int64_t doran_ping(doran_t *self, uint32_t timeout_ms, char *version, size_t version_bytes);
/* The endpoint in use. */
DORAN_API const char *doran_endpoint(const doran_t *self);
/* The session in use and the number of the next request, to be kept by programs that want to go on after a restart of
   their own. 0 before the first answer of the server, else 1. */
DORAN_API int doran_session(const doran_t *self, uint8_t session[16], uint64_t *next_id);

#ifdef __cplusplus
}
#endif
#endif
