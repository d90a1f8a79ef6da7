/* SPDX-License-Identifier: MIT */
/*
 * How subscriptions come, ask and go.
 *
 * The lists are safe to walk while functions of the program run, because what is gone stays in them until nobody walks.
 * An unsubscribe that was refused for now must not end a later subscription: who comes again cancels it, and what was
 * sent of it is ahead of everything that follows.
 */
#include "tools/client/subscription_inside.h"

enum { REQUEST_BYTES_MAX = 64 };

static const uint8_t empty_map[] = {0x80};

void subscriptions_init(subscriptions_t *self) {
    *self = (subscriptions_t){0};
    TAILQ_INIT(&self->plain);
    TAILQ_INIT(&self->late);
    TAILQ_INIT(&self->gone);
    crypto_shorthash_keygen(self->hash_key);
}

static struct subscription_list *owner_of(exchange_t *exchange, handle_t *handle) {
    return handle != NULL ? &handle->subscriptions : &exchange->subscriptions.plain;
}

/* Topics. Others may choose their names, so the hash is keyed. */

typedef struct name {
    char text[KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 1];
    size_t bytes;
    unsigned hash;
} name_t;

/* Of an address within its bounds. */
static name_t name_of(const subscriptions_t *self, address_t address) {
    name_t name = {.bytes = address.kind.len + 1 + address.key.len};
    uint8_t hash[crypto_shorthash_BYTES];
    memcpy(name.text, address.kind.ptr, address.kind.len);
    name.text[address.kind.len] = '/';
    memcpy(name.text + address.kind.len + 1, address.key.ptr, address.key.len);
    crypto_shorthash(hash, (const uint8_t *)name.text, name.bytes, self->hash_key);
    memcpy(&name.hash, hash, sizeof name.hash);
    return name;
}

static topic_t *find(const subscriptions_t *self, const name_t *name) {
    topic_t *topic;
    HASH_FIND_BYHASHVALUE(hh, self->by_name, name->text, name->bytes, name->hash, topic);
    return topic;
}

topic_t *topic_find(const subscriptions_t *self, address_t address) {
    name_t name = name_of(self, address);
    return find(self, &name);
}

static topic_t *topic_new(subscriptions_t *self, const name_t *name, size_t kind) {
    topic_t *topic = calloc(1, sizeof *topic + name->bytes + 1);
    CHECK(topic != NULL, "no memory");
    memcpy(topic->name, name->text, name->bytes);
    topic->address =
        (address_t){.kind = span_of(topic->name, kind), .key = span_of(topic->name + kind + 1, name->bytes - kind - 1)};
    TAILQ_INIT(&topic->subscriptions);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, self->by_name, topic->name, name->bytes, name->hash, topic);
    return topic;
}

static void topic_left(subscriptions_t *self, topic_t *topic) {
    if (TAILQ_EMPTY(&topic->subscriptions)) {
        HASH_DELETE(hh, self->by_name, topic);
        free(topic);
    }
}

/* Going. */

void subscription_set(doran_subscription_t *self, subscription_state_t state) {
    struct subscription_list *late = &self->exchange->subscriptions.late;
    if (self->state == SUBSCRIPTION_LATE) {
        TAILQ_REMOVE(late, self, in_work);
    }
    self->state = state;
    if (state == SUBSCRIPTION_LATE) {
        TAILQ_INSERT_TAIL(late, self, in_work);
    }
}

void subscription_go(doran_subscription_t *self) {
    if (self->state == SUBSCRIPTION_GONE) {
        return;
    }
    errand_cancel(&self->errand);
    subscription_set(self, SUBSCRIPTION_GONE);
    TAILQ_INSERT_TAIL(&self->exchange->subscriptions.gone, self, in_work);
}

static void destroy(doran_subscription_t *self) {
    subscriptions_t *subscriptions = &self->exchange->subscriptions;
    TAILQ_REMOVE(&self->topic->subscriptions, self, in_topic);
    TAILQ_REMOVE(owner_of(self->exchange, self->handle), self, in_owner);
    topic_left(subscriptions, self->topic);
    subscriptions->count -= 1;
    free(self);
}

static void free_gone(exchange_t *exchange) {
    struct subscription_list *gone = &exchange->subscriptions.gone;
    doran_subscription_t *self;
    while ((self = TAILQ_FIRST(gone)) != NULL) {
        handle_t *handle = self->handle;
        TAILQ_REMOVE(gone, self, in_work);
        destroy(self);
        if (handle != NULL) {
            handle_left(handle);
        }
    }
}

static void destroy_all(struct subscription_list *list) {
    while (!TAILQ_EMPTY(list)) {
        destroy(TAILQ_FIRST(list));
    }
}

void subscriptions_fini(subscriptions_t *self, handles_t *handles) {
    handle_t *handle;
    TAILQ_FOREACH(handle, &handles->all, in_all) {
        destroy_all(&handle->subscriptions);
    }
    destroy_all(&self->plain);
    free(self->scratch);
}

/* Ending. */

void subscription_tell(doran_subscription_t *self, const doran_event_t *event) {
    CHECK(self->exchange->subscriptions.inside == 1, "inside %u", self->exchange->subscriptions.inside);
    self->exchange->ran += 1;
    self->on_event(self->context, event);
}

void subscription_end(doran_subscription_t *self, doran_code_t code, const char *text, span_t body) {
    subscription_set(self, SUBSCRIPTION_ENDED);
    subscription_tell(self, &(doran_event_t){.notice = DORAN_ENDED,
                                             .topic = self->topic->name,
                                             .type = "",
                                             .position = self->position,
                                             .body = body.ptr,
                                             .body_bytes = body.len,
                                             .code = code,
                                             .text = text});
}

/* Asking. */

static pending_t *ask_topic(const doran_subscription_t *self, exchange_t *exchange, const char *method, span_t body,
                            uint64_t deadline_us) {
    const address_t *topic = &self->topic->address;
    ask_t ask = {.kind = topic->kind, .key = topic->key, .method = span_text(method), .body = body};
    return exchange_add(exchange, self->handle, &ask, deadline_us);
}

/* {after?: {log_epoch, seq}} */
static pending_t *send_subscribe(doran_subscription_t *self, exchange_t *exchange, uint64_t deadline_us) {
    uint8_t bytes[REQUEST_BYTES_MAX];
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, self->has_position ? 1 : 0);
    if (self->has_position) {
        pack_cstring(&body, "after");
        pack_map(&body, 2);
        pack_cstring(&body, "log_epoch");
        pack_u64(&body, self->position.log_epoch);
        pack_cstring(&body, "seq");
        pack_u64(&body, self->position.seq);
    }
    CHECK(pack_ok(&body), "over %d bytes", REQUEST_BYTES_MAX);
    return ask_topic(self, exchange, "subscribe", pack_bytes(&body), deadline_us);
}

static pending_t *send_request(void *owner, exchange_t *exchange, uint64_t deadline_us) {
    doran_subscription_t *self = owner;
    if (self->state != SUBSCRIPTION_LEAVING) {
        return send_subscribe(self, exchange, deadline_us);
    }
    return ask_topic(self, exchange, "unsubscribe", span_of(empty_map, sizeof empty_map), deadline_us);
}

void subscription_be_late(doran_subscription_t *self) {
    errand_cancel(&self->errand);
    subscription_set(self, SUBSCRIPTION_LATE);
}

void subscription_ask(doran_subscription_t *self) {
    switch (self->handle != NULL ? self->handle->state : HANDLE_OPEN) {
    case HANDLE_OPEN:
        subscription_set(self, SUBSCRIPTION_ASKING);
        errand_start(&self->errand);
        break;
    case HANDLE_OPENING:
        subscription_set(self, SUBSCRIPTION_WAITING);
        break;
    case HANDLE_FAILED:
        subscription_be_late(self); /* to be told so */
        break;
    }
}

void subscriptions_settle(exchange_t *exchange) {
    subscriptions_t *subscriptions = &exchange->subscriptions;
    doran_subscription_t *self;
    if (subscriptions->inside > 0) {
        return;
    }
    subscriptions->inside += 1;
    while ((self = TAILQ_FIRST(&subscriptions->late)) != NULL) {
        if (self->handle != NULL && self->handle->state == HANDLE_FAILED) {
            subscription_end(self, self->handle->code, self->handle->text, span_of(empty_map, sizeof empty_map));
        } else {
            subscription_ask(self);
        }
    }
    subscriptions->inside -= 1;
    free_gone(exchange);
}

static const errand_kind_t asking = {.send = send_request, .done = subscription_answered};

/* Coming and leaving. */

/* Is there another one? One that is leaving does not count, and need not leave any more. */
static bool is_taken(const topic_t *topic, const handle_t *handle) {
    doran_subscription_t *self;
    TAILQ_FOREACH(self, &topic->subscriptions, in_topic) {
        if (self->handle != handle || self->state == SUBSCRIPTION_ENDED || self->state == SUBSCRIPTION_GONE) {
            continue;
        }
        if (self->state != SUBSCRIPTION_LEAVING) {
            return true;
        }
        subscription_go(self);
    }
    return false;
}

doran_code_t subscription_new(exchange_t *exchange, handle_t *handle, address_t address, const doran_position_t *after,
                              doran_event_fn on_event, void *context, doran_subscription_t **subscription) {
    subscriptions_t *subscriptions = &exchange->subscriptions;
    name_t name = name_of(subscriptions, address);
    topic_t *topic = find(subscriptions, &name);
    if (topic != NULL && is_taken(topic, handle)) {
        return DORAN_CONFLICT;
    }
    if (subscriptions->count == SUBSCRIPTIONS_MAX) {
        return DORAN_BUSY;
    }
    doran_subscription_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "no memory");
    self->exchange = exchange;
    self->handle = handle;
    self->topic = topic != NULL ? topic : topic_new(subscriptions, &name, address.kind.len);
    self->on_event = on_event;
    self->context = context;
    self->has_position = after != NULL;
    self->position = after != NULL ? *after : (doran_position_t){0};
    TAILQ_INSERT_HEAD(&self->topic->subscriptions, self, in_topic);
    TAILQ_INSERT_TAIL(owner_of(exchange, handle), self, in_owner);
    subscriptions->count += 1;
    errand_init(&self->errand, &asking, self, exchange);
    subscription_ask(self);
    *subscription = self;
    return DORAN_OK;
}

/* The server is told only if it may have us. */
void subscription_leave(doran_subscription_t *self) {
    bool told = errand_was_sent(&self->errand);
    switch (self->state) {
    case SUBSCRIPTION_ASKING:
    case SUBSCRIPTION_ON:
    case SUBSCRIPTION_LATE:
        errand_cancel(&self->errand);
        if (told && (self->handle == NULL || self->handle->state == HANDLE_OPEN)) {
            subscription_set(self, SUBSCRIPTION_LEAVING);
            errand_start(&self->errand);
            return;
        }
        break;
    case SUBSCRIPTION_WAITING:
    case SUBSCRIPTION_LEAVING:
    case SUBSCRIPTION_ENDED:
    case SUBSCRIPTION_GONE:
        break;
    }
    subscription_go(self);
}

void subscriptions_leave(exchange_t *exchange, handle_t *handle) {
    doran_subscription_t *self;
    TAILQ_FOREACH(self, owner_of(exchange, handle), in_owner) {
        if (handle != NULL) {
            subscription_go(self);
        } else if (self->state != SUBSCRIPTION_LEAVING) {
            subscription_leave(self);
        }
    }
}

exchange_t *subscription_exchange(const doran_subscription_t *self) {
    return self->exchange;
}

bool subscription_position(const doran_subscription_t *self, doran_position_t *position) {
    if (self->has_position) {
        *position = self->position;
    }
    return self->has_position;
}

/* What the server forgets. */

static void forget(doran_subscription_t *self) {
    switch (self->state) {
    case SUBSCRIPTION_ON:
        subscription_ask(self);
        break;
    case SUBSCRIPTION_LEAVING:
        subscription_go(self);
        break;
    case SUBSCRIPTION_WAITING:
    case SUBSCRIPTION_ASKING: /* is sent again as it is */
    case SUBSCRIPTION_LATE:
    case SUBSCRIPTION_ENDED:
    case SUBSCRIPTION_GONE:
        break;
    }
}

void subscriptions_forgotten(exchange_t *exchange) {
    doran_subscription_t *self;
    TAILQ_FOREACH(self, &exchange->subscriptions.plain, in_owner) {
        forget(self);
    }
}

void subscriptions_handle_lost(handle_t *handle) {
    doran_subscription_t *self;
    TAILQ_FOREACH(self, &handle->subscriptions, in_owner) {
        if (self->state == SUBSCRIPTION_ASKING) {
            errand_cancel(&self->errand);
            subscription_set(self, SUBSCRIPTION_WAITING);
        } else {
            forget(self); /* ON: waits as well */
        }
    }
}

void subscriptions_handle_opened(handle_t *handle) {
    doran_subscription_t *self;
    TAILQ_FOREACH(self, &handle->subscriptions, in_owner) {
        if (self->state == SUBSCRIPTION_WAITING) {
            subscription_ask(self);
        }
    }
}

void subscriptions_handle_failed(handle_t *handle) {
    doran_subscription_t *self;
    TAILQ_FOREACH(self, &handle->subscriptions, in_owner) {
        if (self->state == SUBSCRIPTION_WAITING) {
            subscription_be_late(self);
        }
    }
}
