/* SPDX-License-Identifier: MIT */
/*
 * A handle is found by its bytes, and hangs in the list of its peer (oldest first) and in those of its two owners, the
 * session that opened it and the user it is for. Peers and owners exist while they have handles. A binary heap orders
 * handles by the time they end. The addresses of owners are chosen by others: their hash is keyed at random.
 */
#include "broker/handles.h"

#include <sodium.h>
#include <xxhash.h>

#define HASH_FUNCTION(key, bytes, hash) (hash) = (unsigned)XXH3_64bits(key, bytes)
#include <uthash.h>
#include <utlist.h>

enum { SESSION, USER, OWNERS };

static const char *const owner_kinds[OWNERS] = {"session", "user"};

#define ADDRESS_BYTES_MAX (KIND_BYTES_MAX + 1 + KEY_BYTES_MAX)

typedef struct handle handle_t;
typedef struct owner owner_t;

typedef struct link { /* of a handle, in the list of one owner */
    handle_t *handle;
    owner_t *owner;
    struct link *prev, *next;
} link_t;

struct owner {
    UT_hash_handle hh;
    link_t *links;
    uint8_t key_at; /* in the address */
    uint8_t address_bytes;
    uint8_t address[];
};

typedef struct opener { /* a peer */
    peer_id_t peer;
    UT_hash_handle hh; /* by number */
    handle_t *handles; /* oldest first */
    uint32_t count;
} opener_t;

struct handle {
    uint8_t bytes[HANDLE_BYTES];
    UT_hash_handle hh;
    opener_t *opener;
    handle_t *prev, *next; /* of the opener */
    link_t links[OWNERS];
    uint32_t roles;
    uint32_t place; /* in the heap */
    uint64_t expires_ms;
};

struct handles {
    handles_options_t options;
    handle_t *by_bytes;
    opener_t *openers;
    owner_t *owners;
    handle_t **heap; /* handles_max; none ends before the one above it */
    uint64_t seed;
};

static void *made(size_t count, size_t bytes) {
    void *memory = calloc(count, bytes);
    CHECK(memory != NULL, "out of memory: %zu times %zu bytes", count, bytes);
    return memory;
}

handles_t *handles_new(const handles_options_t *options) {
    CHECK(sodium_init() >= 0, "libsodium does not start");
    CHECK(options->handles_max > 0 && options->peer_handles_max > 0, "%u handles, %u of a peer", options->handles_max,
          options->peer_handles_max);
    handles_t *self = made(1, sizeof *self);
    self->options = *options;
    self->heap = made(options->handles_max, sizeof *self->heap);
    randombytes_buf(&self->seed, sizeof self->seed);
    return self;
}

/* The heap. */

static uint32_t above(uint32_t at) {
    return (at - 1) / 2;
}

static void place(handles_t *self, handle_t *handle, uint32_t at) {
    self->heap[at] = handle;
    handle->place = at;
}

/* Puts the handle where it belongs, from this place, which is its own or empty, up or down. count: of the heap. */
static void settle(handles_t *self, handle_t *handle, uint32_t at, uint32_t count) {
    while (at > 0 && self->heap[above(at)]->expires_ms > handle->expires_ms) {
        place(self, self->heap[above(at)], at);
        at = above(at);
    }
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && self->heap[child + 1]->expires_ms < self->heap[child]->expires_ms) {
            child++;
        }
        if (self->heap[child]->expires_ms >= handle->expires_ms) {
            break;
        }
        place(self, self->heap[child], at);
    }
    place(self, handle, at);
}

/* Openers and owners. */

static opener_t *find_opener(const handles_t *self, peer_id_t peer) {
    opener_t *opener;
    HASH_FIND(hh, self->openers, &peer.number, sizeof peer.number, opener);
    return opener;
}

static opener_t *opener_of(handles_t *self, peer_id_t peer) {
    opener_t *opener = find_opener(self, peer);
    if (opener == NULL) {
        opener = made(1, sizeof *opener);
        opener->peer = peer;
        HASH_ADD(hh, self->openers, peer.number, sizeof opener->peer.number, opener);
    }
    return opener;
}

static unsigned hash_of(const handles_t *self, span_t address) {
    return (unsigned)XXH3_64bits_withSeed(address.ptr, address.len, self->seed);
}

static owner_t *find_owner(const handles_t *self, span_t address) {
    owner_t *owner;
    HASH_FIND_BYHASHVALUE(hh, self->owners, address.ptr, address.len, hash_of(self, address), owner);
    return owner;
}

static span_t address_of(int which, span_t key, char text[ADDRESS_BYTES_MAX]) {
    size_t key_at = strlen(owner_kinds[which]) + 1;
    CHECK(key.len <= KEY_BYTES_MAX, "a key of %zu bytes", key.len);
    memcpy(text, owner_kinds[which], key_at - 1);
    text[key_at - 1] = '/';
    memcpy(text + key_at, key.ptr, key.len);
    return span_of(text, key_at + key.len);
}

static owner_t *owner_of(handles_t *self, int which, span_t key) {
    char text[ADDRESS_BYTES_MAX];
    span_t address = address_of(which, key, text);
    owner_t *owner = find_owner(self, address);
    if (owner == NULL) {
        owner = made(1, sizeof *owner + address.len);
        owner->key_at = (uint8_t)(address.len - key.len);
        owner->address_bytes = (uint8_t)address.len;
        memcpy(owner->address, address.ptr, address.len);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, self->owners, owner->address, owner->address_bytes, hash_of(self, address),
                                    owner);
    }
    return owner;
}

static_assert(ADDRESS_BYTES_MAX <= UINT8_MAX, "the length of an address is a byte");

static span_t key_of(const owner_t *owner) {
    return span_of(owner->address + owner->key_at, (size_t)(owner->address_bytes - owner->key_at));
}

/* Handles. */

static handle_t *find(const handles_t *self, const uint8_t *bytes) {
    handle_t *handle;
    HASH_FIND(hh, self->by_bytes, bytes, HANDLE_BYTES, handle);
    return handle;
}

static void join(handles_t *self, handle_t *handle, int which, span_t key) {
    link_t *link = &handle->links[which];
    *link = (link_t){.handle = handle, .owner = owner_of(self, which, key)};
    DL_APPEND(link->owner->links, link);
}

static void leave(handles_t *self, handle_t *handle, int which) {
    link_t *link = &handle->links[which];
    owner_t *owner = link->owner;
    DL_DELETE(owner->links, link);
    if (owner->links == NULL) {
        HASH_DELETE(hh, self->owners, owner);
        free(owner);
    }
}

static void forget(handles_t *self, handle_t *handle) {
    opener_t *opener = handle->opener;
    handle_t *last = self->heap[handles_count(self) - 1];
    HASH_DELETE(hh, self->by_bytes, handle);
    if (last != handle) {
        settle(self, last, handle->place, handles_count(self));
    }
    for (int which = 0; which < OWNERS; which++) {
        leave(self, handle, which);
    }
    DL_DELETE(opener->handles, handle);
    if (--opener->count == 0) {
        HASH_DELETE(hh, self->openers, opener);
        free(opener);
    }
    free(handle);
}

static void end(handles_t *self, handle_t *handle) {
    uint8_t bytes[HANDLE_BYTES];
    peer_id_t peer = handle->opener->peer;
    memcpy(bytes, handle->bytes, sizeof bytes);
    forget(self, handle);
    self->options.ended(self->options.context, peer, bytes);
}

void handles_destroy(handles_t **self_p) {
    handles_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    while (self->by_bytes != NULL) {
        forget(self, self->by_bytes);
    }
    free(self->heap);
    free(self);
    *self_p = NULL;
}

static void make(handles_t *self, peer_id_t peer, const uint8_t *bytes, const grant_t *grant) {
    handle_t *handle = made(1, sizeof *handle);
    opener_t *opener = opener_of(self, peer);
    memcpy(handle->bytes, bytes, HANDLE_BYTES);
    handle->opener = opener;
    handle->roles = grant->roles;
    handle->expires_ms = grant->expires_ms;
    HASH_ADD(hh, self->by_bytes, bytes, HANDLE_BYTES, handle);
    DL_APPEND(opener->handles, handle);
    opener->count++;
    join(self, handle, SESSION, grant->session);
    join(self, handle, USER, grant->user);
    settle(self, handle, handles_count(self) - 1, handles_count(self));
}

status_t handles_add(handles_t *self, peer_id_t peer, const uint8_t bytes[HANDLE_BYTES], const grant_t *grant) {
    static const uint8_t none[HANDLE_BYTES];
    CHECK(memcmp(bytes, none, HANDLE_BYTES) != 0, "zeros are no handle");
    handle_t *known = find(self, bytes);
    const opener_t *opener = find_opener(self, peer);
    if (known != NULL && known->opener == opener) {
        forget(self, known); /* and is the newest again */
    } else {
        bool full = opener != NULL && opener->count >= self->options.peer_handles_max;
        if (known == NULL && !full && handles_count(self) >= self->options.handles_max) {
            return STATUS_BUSY;
        }
        if (known != NULL) {
            end(self, known);
        }
        if (full) {
            end(self, opener->handles);
        }
    }
    make(self, peer, bytes, grant);
    return STATUS_OK;
}

bool handles_find(const handles_t *self, peer_id_t peer, const uint8_t bytes[HANDLE_BYTES], uint64_t unix_ms,
                  grant_t *grant) {
    const handle_t *handle = find(self, bytes);
    if (handle == NULL || handle->opener->peer.number != peer.number || unix_ms >= handle->expires_ms) {
        return false;
    }
    *grant = (grant_t){.user = key_of(handle->links[USER].owner),
                       .session = key_of(handle->links[SESSION].owner),
                       .roles = handle->roles,
                       .expires_ms = handle->expires_ms};
    return true;
}

bool handles_close(handles_t *self, peer_id_t peer, const uint8_t bytes[HANDLE_BYTES]) {
    handle_t *handle = find(self, bytes);
    if (handle == NULL || handle->opener->peer.number != peer.number) {
        return false;
    }
    forget(self, handle);
    return true;
}

void handles_end_of(handles_t *self, span_t address) {
    const owner_t *owner = find_owner(self, address);
    for (bool last = owner == NULL; !last;) { /* goes with its last handle */
        last = owner->links->next == NULL;
        end(self, owner->links->handle);
    }
}

void handles_walk(const handles_t *self, span_t user,
                  void (*each)(void *context, peer_id_t peer, const uint8_t handle[HANDLE_BYTES]), void *context) {
    char text[ADDRESS_BYTES_MAX];
    const owner_t *owner = find_owner(self, address_of(USER, user, text));
    for (const link_t *link = owner != NULL ? owner->links : NULL; link != NULL; link = link->next) {
        each(context, link->handle->opener->peer, link->handle->bytes);
    }
}

void handles_end_of_peer(handles_t *self, peer_id_t peer) {
    const opener_t *opener = find_opener(self, peer);
    for (bool last = opener == NULL; !last;) { /* goes with its last handle */
        last = opener->handles->next == NULL;
        end(self, opener->handles);
    }
}

void handles_expire(handles_t *self, uint64_t unix_ms) {
    while (handles_count(self) > 0 && self->heap[0]->expires_ms <= unix_ms) {
        end(self, self->heap[0]);
    }
}

uint32_t handles_count(const handles_t *self) {
    return HASH_COUNT(self->by_bytes);
}

static void check_handle(const handles_t *self, const handle_t *handle) {
    CHECK(find(self, handle->bytes) == handle, "a handle that is not found");
    CHECK(handle->place < handles_count(self) && self->heap[handle->place] == handle, "place %u", handle->place);
    CHECK(handle->place == 0 || self->heap[above(handle->place)]->expires_ms <= handle->expires_ms,
          "what is above place %u ends later", handle->place);
    for (int which = 0; which < OWNERS; which++) {
        const link_t *link = &handle->links[which];
        CHECK(link->handle == handle && link->owner->links != NULL, "a link of another handle");
        CHECK(find_owner(self, span_of(link->owner->address, link->owner->address_bytes)) == link->owner,
              "an owner that is not found");
    }
}

void handles_check(const handles_t *self) {
    uint32_t count = 0, links = 0;
    for (const opener_t *opener = self->openers; opener != NULL; opener = opener->hh.next) {
        uint32_t of_opener = 0;
        for (const handle_t *handle = opener->handles; handle != NULL; handle = handle->next) {
            CHECK(handle->opener == opener, "a handle of peer %u", opener->peer.index);
            check_handle(self, handle);
            of_opener++;
        }
        CHECK(of_opener == opener->count && of_opener > 0 && of_opener <= self->options.peer_handles_max,
              "%u handles of peer %u, %u counted", of_opener, opener->peer.index, opener->count);
        count += of_opener;
    }
    for (const owner_t *owner = self->owners; owner != NULL; owner = owner->hh.next) {
        for (const link_t *link = owner->links; link != NULL; link = link->next) {
            CHECK(link->owner == owner, "a link of another owner");
            links++;
        }
    }
    CHECK(count == handles_count(self) && count <= self->options.handles_max, "%u handles, %u counted", count,
          handles_count(self));
    CHECK(links == OWNERS * count, "%u links of %u handles", links, count);
}
