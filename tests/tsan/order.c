/* SPDX-License-Identifier: MIT */
/*
 * Tells ThreadSanitizer of the order that libzmq makes. libzmq is not instrumented, so every hand-off through one of
 * its sockets would look like a race. Preloaded, this stands before the calls that our threads and czmq's use:
 *
 *   a message of three words (broker/pipe.h): what happened to the object at `pointer` before it was sent is over when
 *   it is received; of messages without a pointer the same holds for their type
 *   anything else of a few bytes: the signals of zactor at the start and end of a thread
 *
 * The order is told per object and not for all at once, so that a thread which goes on using what it has handed on is
 * still found.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <zmq.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

enum { SIGNAL_BYTES_MAX = 16, TYPES = 16 };

struct words {
    uint64_t type;
    void *pointer;
    uint64_t value;
};

static char signals, types[TYPES];

static void *sync_of(const void *bytes, size_t len) {
    struct words words;
    if (len != sizeof words) {
        return len <= SIGNAL_BYTES_MAX ? &signals : NULL;
    }
    memcpy(&words, bytes, sizeof words);
    return words.pointer != NULL ? words.pointer : &types[words.type % TYPES];
}

static void before_send(const void *bytes, size_t len) {
    void *sync = sync_of(bytes, len);
    if (sync != NULL) {
        __tsan_release(sync);
    }
}

static void after_receive(const void *bytes, size_t len) {
    void *sync = sync_of(bytes, len);
    if (sync != NULL) {
        __tsan_acquire(sync);
    }
}

static struct {
    int (*send)(void *, const void *, size_t, int);
    int (*recv)(void *, void *, size_t, int);
    int (*msg_send)(zmq_msg_t *, void *, int);
    int (*msg_recv)(zmq_msg_t *, void *, int);
} libzmq;

/* Before main, while there is one thread. */
__attribute__((constructor)) static void find_libzmq(void) {
    *(void **)&libzmq.send = dlsym(RTLD_NEXT, "zmq_send");
    *(void **)&libzmq.recv = dlsym(RTLD_NEXT, "zmq_recv");
    *(void **)&libzmq.msg_send = dlsym(RTLD_NEXT, "zmq_msg_send");
    *(void **)&libzmq.msg_recv = dlsym(RTLD_NEXT, "zmq_msg_recv");
}

int zmq_send(void *socket, const void *bytes, size_t len, int flags) {
    before_send(bytes, len);
    return libzmq.send(socket, bytes, len, flags);
}

int zmq_recv(void *socket, void *bytes, size_t len, int flags) {
    int received = libzmq.recv(socket, bytes, len, flags);
    if (received >= 0 && (size_t)received <= len) {
        after_receive(bytes, (size_t)received);
    }
    return received;
}

int zmq_msg_send(zmq_msg_t *message, void *socket, int flags) {
    before_send(zmq_msg_data(message), zmq_msg_size(message));
    return libzmq.msg_send(message, socket, flags);
}

int zmq_msg_recv(zmq_msg_t *message, void *socket, int flags) {
    int received = libzmq.msg_recv(message, socket, flags);
    if (received >= 0) {
        after_receive(zmq_msg_data(message), zmq_msg_size(message));
    }
    return received;
}
