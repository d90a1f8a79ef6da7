/* SPDX-License-Identifier: MIT */
/*
 * Messages from actor to actor leave the journal like answers do, and enter the lane of the receiver's shard here; so
 * do the few requests of the server itself. What a lane has no room for is dropped and counted: messages and acks are
 * sent again by the sender's shard, work is guarded by a timer. Only results wait, since they cost something; there are
 * at most as many as orders.
 */
#include <utlist.h>

#include "broker/broker_inside.h"

/* False: the shard's lane has no room. */
static bool put(broker_t *self, const request_t *request) {
    lane_t *lane = &self->lanes[request->partition % self->options.shards];
    requests_t *open = lane_open(lane, request_bytes(request), LANE_RING);
    if (open == NULL) {
        return false;
    }
    requests_add(open, request);
    return true;
}

static uint32_t roles_of(const envelope_t *envelope) {
    if (envelope->subject.ptr == NULL) {
        return ROLE_ACTOR;
    }
    bool admin = span_equal(envelope->role, span_text("ADMIN"));
    return ROLE_ACTOR | ROLE_USER | (admin ? ROLE_ADMIN : 0);
}

/* What both kinds have from the envelope; its kind may be unknown (NULL), and its method, too. */
static request_t request_of(const broker_t *self, const envelope_t *envelope, uint64_t now_us) {
    request_t request = {.hops = envelope->hops,
                         .received_us = now_us,
                         .deadline_us = UINT64_MAX,
                         .kind = self->options.kind_of(envelope->kind),
                         .roles = roles_of(envelope),
                         .key = envelope->key,
                         .subject = envelope->subject,
                         .trace = envelope->trace,
                         .body = envelope->body};
    if (request.kind != NULL) {
        request.method = kind_method(request.kind, envelope->method);
    }
    return request;
}

/* Messages. */

static bool send_message(broker_t *self, span_t bytes, uint64_t now_us) {
    envelope_t envelope;
    size_t consumed;
    if (envelope_decode(&envelope, &self->tape, bytes, &consumed) != STATUS_OK || envelope.stream.ptr == NULL) {
        return false;
    }
    request_t request = request_of(self, &envelope, now_us);
    request.type = REQUEST_MESSAGE;
    stream_t *stream = &request.stream.stream;
    if (stream_read(stream, &request.chain, self->options.kind_of, envelope.stream) != STATUS_OK ||
        stream->kind != request.kind) {
        return false;
    }
    request.partition = stream->to;
    return put(self, &request);
}

void broker_send(broker_t *self, span_t envelope, uint64_t now_us) {
    self->lost_messages += !send_message(self, envelope, now_us);
}

void broker_acknowledge(broker_t *self, const stream_ack_t *ack, uint64_t now_us) {
    request_t request = {.type = REQUEST_ACK,
                         .partition = ack->stream.from,
                         .received_us = now_us,
                         .deadline_us = UINT64_MAX,
                         .roles = ROLE_ACTOR,
                         .stream = *ack};
    (void)put(self, &request); /* a later one says the same, or the message comes again */
}

/* Of the server itself. */

status_t broker_ask(broker_t *self, const request_t *asked, uint64_t now_us) {
    request_t request = *asked;
    request.type = REQUEST_CALL;
    request.peer_number = OWN_NUMBER;
    request.received_us = now_us;
    request.roles = ROLE_OPERATOR;
    request.partition = address_partition(span_text(asked->kind->name), asked->key);
    if (!put(self, &request)) {
        return STATUS_BUSY;
    }
    self->in_flight++;
    return STATUS_OK;
}

bool broker_answered(broker_t *self, status_t *status) {
    bool answered = self->answered;
    self->answered = false;
    *status = answered ? self->answer : *status;
    return answered;
}

/* Work. */

void broker_order(broker_t *self, work_pool_t pool, span_t envelope, uint64_t now_us) {
    if (self->draining || self->order_count[pool] >= WORK_ORDERS_MAX ||
        self->order_bytes[pool] + envelope.len > WORK_BYTES_MAX) {
        self->lost_works++;
        return;
    }
    work_order_t *order = work_order_new(pool, envelope, now_us);
    DL_APPEND(self->ordered, order);
    self->order_count[pool]++;
    self->order_bytes[pool] += envelope.len;
}

work_order_t *broker_take_work(broker_t *self) {
    work_order_t *order = self->ordered;
    if (order != NULL) {
        DL_DELETE(self->ordered, order);
    }
    return order;
}

static void finish(broker_t *self, work_order_t *order) {
    self->order_count[order->pool]--;
    self->order_bytes[order->pool] -= order->envelope_bytes;
    work_order_destroy(&order);
}

/* False: later. */
static bool put_result(broker_t *self, const work_order_t *order, uint64_t now_us) {
    envelope_t envelope;
    size_t consumed;
    if (order->result_bytes == 0 ||
        envelope_decode(&envelope, &self->tape, work_order_envelope(order), &consumed) != STATUS_OK) {
        self->lost_works++;
        return true;
    }
    request_t request = request_of(self, &envelope, now_us);
    request.type = REQUEST_WORKED;
    request.body = work_order_result(order);
    if (request.method == NULL) {
        self->lost_works++;
        return true;
    }
    request.partition = address_partition(envelope.kind, envelope.key);
    return put(self, &request);
}

void broker_worked(broker_t *self, work_order_t *order, uint64_t now_us) {
    if (put_result(self, order, now_us)) {
        finish(self, order);
    } else {
        DL_APPEND(self->worked, order);
    }
}

void broker_put_worked(broker_t *self, uint64_t now_us) {
    work_order_t *next;
    for (work_order_t *order = self->worked; order != NULL; order = next) {
        next = order->next;
        if (put_result(self, order, now_us)) {
            DL_DELETE(self->worked, order);
            finish(self, order);
        }
    }
}

static void forget(broker_t *self, work_order_t **list) {
    while (*list != NULL) {
        work_order_t *order = *list;
        DL_DELETE(*list, order);
        finish(self, order);
    }
}

void broker_forget_orders(broker_t *self) {
    forget(self, &self->ordered);
    forget(self, &self->worked);
}
