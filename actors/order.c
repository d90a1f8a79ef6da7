/* SPDX-License-Identifier: MIT */
/*
 * order: a saga over its SKUs. The turn that asks them also sets the timer that ends the order if they do not answer,
 * so whatever happens between, what they reserve is paid or given back:
 *
 *   create ─► reserve to each SKU ─► reserved or refused from each ─► RESERVED, or release to those that reserved
 *
 * Messages from one order to one SKU keep their order, so a release never comes before the reserve that it undoes.
 *
 *   own keys   'h' number   an order_step: each state, and when        number: 8 bytes, big endian
 */
#include "actors/row_key.h"
#include "actors/turn.h"
#include "schemas/address.h"
#include "schemas/list.h"

enum {
    STEP = 'h',
    STEP_BYTES_MAX = 512, /* as it is packed */
    LINE_BYTES_MAX = 512,
    TRANSITION_BYTES_MAX = 64,
    MONEY_BYTES_MAX = 64,
    STEPS_MAX = 8,
    ANSWERS_MS = 300000, /* SKUs that have not answered by then are given up */
};

/* An order as it is changed: what is listed in it, unpacked. */
typedef struct draft {
    order_t order;
    order_line_t lines[ORDER_LINES_MAX];
    order_reason_t reasons[ORDER_LINES_MAX];
    uint32_t line_count, reason_count;
} draft_t;

static void draft_open(draft_t *self, const order_t *order) {
    list_t list;
    self->order = *order;
    self->line_count = self->reason_count = 0;
    list_open(&list, &record_order_line, order->lines);
    while (self->line_count < ORDER_LINES_MAX && list_next(&list, &self->lines[self->line_count])) {
        self->line_count++;
    }
    list_open(&list, &record_order_reason, FIELD_OR(order, order, reasons, (span_t){0}));
    while (self->reason_count < ORDER_LINES_MAX && list_next(&list, &self->reasons[self->reason_count])) {
        self->reason_count++;
    }
}

static status_t pack_list(turn_t *turn, const record_t *element, const void *items, uint32_t count, span_t *list) {
    size_t room = LIST_HEAD_BYTES + count * (size_t)LINE_BYTES_MAX;
    list_writer_t writer;
    list_writer_init(&writer, element, turn_alloc(turn, room), room);
    for (uint32_t i = 0; i < count; i++) {
        list_writer_add(&writer, (const uint8_t *)items + i * (size_t)element->struct_bytes);
    }
    return list_writer_end(&writer, list);
}

/* Packs what is listed, and makes it the state. */
static status_t draft_keep(draft_t *self, turn_t *turn) {
    order_t *order = &self->order;
    status_t status = pack_list(turn, &record_order_line, self->lines, self->line_count, &order->lines);
    FIELD_SET(order, order, lines, order->lines);
    if (status == STATUS_OK && self->reason_count > 0) {
        status = pack_list(turn, &record_order_reason, self->reasons, self->reason_count, &order->reasons);
        FIELD_SET(order, order, reasons, order->reasons);
    }
    return status == STATUS_OK ? turn_state(turn, order) : status;
}

static void add_reason(draft_t *self, const order_line_t *line, order_refusal_t refusal) {
    order_reason_t reason = {0};
    CHECK(self->reason_count < ORDER_LINES_MAX, "%u reasons", self->reason_count);
    FIELD_SET(order_reason, &reason, sku, line->sku);
    FIELD_SET(order_reason, &reason, reason, refusal);
    self->reasons[self->reason_count++] = reason;
}

static order_line_t *line_of(draft_t *self, span_t sku) {
    for (uint32_t i = 0; i < self->line_count; i++) {
        if (span_equal(self->lines[i].sku, sku)) {
            return &self->lines[i];
        }
    }
    return NULL;
}

/* Steps */

/* What may be asked, in which states, and to which it leads. */
static const struct action {
    order_state_t to;
    uint32_t from; /* a bit for each state */
    uint32_t method;
} actions[order_action_COUNT] = {
    [order_action_pay] = {order_state_PAID, 1u << order_state_RESERVED, METHOD_order_pay},
    [order_action_cancel] = {order_state_CANCELLED, 1u << order_state_PENDING | 1u << order_state_RESERVED,
                             METHOD_order_cancel},
};

static bool is_legal(order_action_t action, const order_t *order) {
    return (actions[action].from >> order->state & 1) != 0;
}

static status_t fail_illegal(turn_t *turn, const order_t *order) {
    char legal[64] = "";
    size_t len = 0;
    for (order_action_t action = 0; action < order_action_COUNT; action++) {
        if (is_legal(action, order)) {
            len += (size_t)snprintf(legal + len, sizeof legal - len, "%s%s", len > 0 ? ", " : "",
                                    enum_order_action.values[action]);
        }
    }
    return turn_fail(turn, STATUS_CONFLICT, "The order is %s; legal steps: %s", enum_order_state.values[order->state],
                     len > 0 ? legal : "none");
}

/* The order comes into a state, and its history says so. */
static status_t enter(turn_t *turn, order_t *order, order_state_t state) {
    order_step_t step = {0};
    FIELD_SET(order, order, state, state);
    FIELD_SET(order, order, steps, order->steps + 1);
    FIELD_SET(order, order, updated_at, turn_now(turn));
    order->present &= ~FIELD_BIT(order, expires_at);
    FIELD_SET(order_step, &step, seq, order->steps);
    FIELD_SET(order_step, &step, at, turn_now(turn));
    FIELD_SET(order_step, &step, state, state);
    if ((turn_roles(turn) & ROLE_ACTOR) == 0 && turn_user(turn).ptr != NULL) {
        FIELD_SET(order_step, &step, user, turn_user(turn));
    }
    row_key_t key = row_key(STEP, order->steps);
    return row_put(turn, row_key_span(&key), &record_order_step, &step, STEP_BYTES_MAX);
}

static status_t set_timer(turn_t *turn, uint64_t when_ms) {
    return turn_at(turn, when_ms, METHOD_order_expire, span_text(""), &(empty_t){0});
}

/* To a SKU, about this order. */
static status_t tell_sku(turn_t *turn, span_t sku, uint32_t method) {
    sku_of_order_t message = {0};
    FIELD_SET(sku_of_order, &message, order, turn_key(turn));
    return turn_send(turn, &kinds[KIND_sku], sku, method, &message);
}

/* To all SKUs that have reserved, or may still do so. */
static status_t tell_skus(const draft_t *self, turn_t *turn, uint32_t method) {
    status_t status = STATUS_OK;
    for (uint32_t i = 0; i < self->line_count && status == STATUS_OK; i++) {
        if (self->lines[i].answer != order_answer_REFUSED) {
            status = tell_sku(turn, self->lines[i].sku, method);
        }
    }
    return status;
}

/* The order comes into a state in which nothing more is to come, and its SKUs are told. */
static status_t finish(draft_t *self, turn_t *turn, order_state_t state, uint32_t method) {
    status_t status = enter(turn, &self->order, state);
    if (status == STATUS_OK) {
        status = turn_cancel(turn, METHOD_order_expire, span_text(""));
    }
    if (status == STATUS_OK) {
        status = tell_skus(self, turn, method);
    }
    return status == STATUS_OK ? draft_keep(self, turn) : status;
}

/* Answers of SKUs */

static bool all_answered(const draft_t *self) {
    for (uint32_t i = 0; i < self->line_count; i++) {
        if (self->lines[i].answer == order_answer_ASKED) {
            return false;
        }
    }
    return true;
}

/* What all lines cost. Those in another currency than the first are reasons to reject the order. */
static money_t total_of(draft_t *self) {
    money_t total = {0}, price;
    for (uint32_t i = 0; i < self->line_count; i++) {
        record_read(&record_money, self->lines[i].price, &price);
        if (i == 0) {
            FIELD_SET(money, &total, currency, price.currency);
        } else if (!span_equal(price.currency, total.currency)) {
            add_reason(self, &self->lines[i], order_refusal_currency);
        }
        FIELD_SET(money, &total, amount, total.amount + price.amount * self->lines[i].quantity);
    }
    return total;
}

static status_t become_reserved(draft_t *self, turn_t *turn, const money_t *total) {
    uint64_t expires_at = turn_now(turn) + turn_settings(turn)->reservation_ms;
    pack_t pack = pack_into(turn_alloc(turn, MONEY_BYTES_MAX), MONEY_BYTES_MAX);
    record_encode(&record_money, total, &pack);
    CHECK(pack_ok(&pack), "more than %d bytes", MONEY_BYTES_MAX);
    status_t status = enter(turn, &self->order, order_state_RESERVED);
    FIELD_SET(order, &self->order, total, pack_bytes(&pack));
    FIELD_SET(order, &self->order, expires_at, expires_at);
    if (status == STATUS_OK) {
        status = set_timer(turn, expires_at);
    }
    return status == STATUS_OK ? draft_keep(self, turn) : status;
}

static status_t go_on(draft_t *self, turn_t *turn) {
    if (!all_answered(self)) {
        return draft_keep(self, turn);
    }
    if (self->reason_count == 0) {
        money_t total = total_of(self);
        if (self->reason_count == 0) {
            return become_reserved(self, turn, &total);
        }
    }
    return finish(self, turn, order_state_REJECTED, METHOD_sku_release);
}

/* Nothing may stay reserved for an order that has ended. As a rule the release is on its way already, behind the
   reserve; not if that reserve was given up as a dead letter and then sent again. */
static status_t come_too_late(turn_t *turn, const order_t *order, span_t sku) {
    bool keeps = order->state == order_state_RESERVED || order->state == order_state_PAID;
    return keeps ? STATUS_OK : tell_sku(turn, sku, METHOD_sku_release);
}

static status_t reserved(turn_t *turn, const void *state, const void *request) {
    const order_reserved_t *answer = request;
    const order_t *order = state;
    draft_t draft;
    if (order->state != order_state_PENDING) {
        return come_too_late(turn, order, answer->sku);
    }
    draft_open(&draft, order);
    order_line_t *line = line_of(&draft, answer->sku);
    if (line == NULL || line->answer != order_answer_ASKED) {
        return STATUS_OK;
    }
    FIELD_SET(order_line, line, answer, order_answer_RESERVED);
    FIELD_SET(order_line, line, price, answer->price);
    return go_on(&draft, turn);
}

static status_t refused(turn_t *turn, const void *state, const void *request) {
    const order_reason_t *answer = request;
    const order_t *order = state;
    draft_t draft;
    if (order->state != order_state_PENDING) {
        return STATUS_OK;
    }
    draft_open(&draft, order);
    order_line_t *line = line_of(&draft, answer->sku);
    if (line == NULL || line->answer != order_answer_ASKED) {
        return STATUS_OK;
    }
    FIELD_SET(order_line, line, answer, order_answer_REFUSED);
    draft.reasons[draft.reason_count++] = *answer;
    return go_on(&draft, turn);
}

static status_t expire(turn_t *turn, const void *state, const void *request) {
    draft_t draft;
    (void)request;
    draft_open(&draft, state);
    if (draft.order.state == order_state_RESERVED) {
        return finish(&draft, turn, order_state_EXPIRED, METHOD_sku_release);
    }
    if (draft.order.state != order_state_PENDING) {
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < draft.line_count; i++) {
        if (draft.lines[i].answer == order_answer_ASKED) {
            add_reason(&draft, &draft.lines[i], order_refusal_no_answer);
        }
    }
    return finish(&draft, turn, order_state_REJECTED, METHOD_sku_release);
}

/* What people ask */

/* Operators, services and administrators may see and end all orders, others their own. */
static status_t check_owner(turn_t *turn, const order_t *order) {
    bool any = (turn_roles(turn) & (ROLE_OPERATOR | ROLE_SERVICE | ROLE_ADMIN)) != 0;
    bool own = FIELD_HAS(order, order, user) && turn_user(turn).ptr != NULL && span_equal(order->user, turn_user(turn));
    return any || own ? STATUS_OK : turn_fail(turn, STATUS_FORBIDDEN, "It is not the order of this user");
}

static status_t reply_order(turn_t *turn, const order_t *order) {
    order_view_t view = {0};
    FIELD_SET(order_view, &view, id, turn_key(turn));
    FIELD_SET(order_view, &view, version, turn_version(turn));
    FIELD_COPY(order_view, &view, order, order, user);
    FIELD_COPY(order_view, &view, order, order, state);
    FIELD_COPY(order_view, &view, order, order, lines);
    FIELD_COPY(order_view, &view, order, order, reasons);
    FIELD_COPY(order_view, &view, order, order, total);
    FIELD_COPY(order_view, &view, order, order, created_at);
    FIELD_COPY(order_view, &view, order, order, updated_at);
    FIELD_COPY(order_view, &view, order, order, expires_at);
    return turn_reply(turn, &view);
}

static status_t take_user(turn_t *turn, const order_create_t *asked, order_t *order) {
    span_t user = turn_user(turn);
    if (FIELD_HAS(order_create, asked, user)) {
        if (user.ptr != NULL && !span_equal(user, asked->user)) {
            return turn_fail(turn, STATUS_FORBIDDEN, "Users order for themselves");
        }
        user = asked->user;
    }
    if (user.ptr != NULL) {
        FIELD_SET(order, order, user, user);
    }
    return STATUS_OK;
}

static status_t take_lines(turn_t *turn, const order_create_t *asked, draft_t *draft) {
    order_wish_t wish;
    list_t list;
    list_open(&list, &record_order_wish, asked->lines);
    while (list_next(&list, &wish)) {
        if (line_of(draft, wish.sku) != NULL) {
            char pointer[32];
            snprintf(pointer, sizeof pointer, "/lines/%u/sku", draft->line_count);
            return turn_fail_at(turn, pointer, "lines: %.*s comes twice", (int)wish.sku.len,
                                (const char *)wish.sku.ptr);
        }
        order_line_t *line = &draft->lines[draft->line_count++];
        *line = (order_line_t){0};
        FIELD_SET(order_line, line, sku, wish.sku);
        FIELD_SET(order_line, line, quantity, wish.quantity);
        FIELD_SET(order_line, line, answer, order_answer_ASKED);
    }
    return STATUS_OK;
}

static status_t ask_skus(const draft_t *draft, turn_t *turn) {
    status_t status = STATUS_OK;
    for (uint32_t i = 0; i < draft->line_count && status == STATUS_OK; i++) {
        sku_reserve_t message = {0};
        FIELD_SET(sku_reserve, &message, order, turn_key(turn));
        FIELD_SET(sku_reserve, &message, quantity, draft->lines[i].quantity);
        status = turn_send(turn, &kinds[KIND_sku], draft->lines[i].sku, METHOD_sku_reserve, &message);
    }
    return status;
}

static status_t begin(draft_t *draft, turn_t *turn) {
    FIELD_SET(order, &draft->order, created_at, turn_now(turn));
    status_t status = enter(turn, &draft->order, order_state_PENDING);
    if (status == STATUS_OK) {
        status = set_timer(turn, turn_now(turn) + ANSWERS_MS);
    }
    if (status == STATUS_OK) {
        status = ask_skus(draft, turn);
    }
    return status == STATUS_OK ? draft_keep(draft, turn) : status;
}

static status_t create(turn_t *turn, const void *state, const void *request) {
    draft_t draft = {.line_count = 0};
    (void)state;
    if (turn_key(turn).len > ORDER_KEY_BYTES_MAX) {
        return turn_fail(turn, STATUS_INVALID, "The key has more than %d bytes", ORDER_KEY_BYTES_MAX);
    }
    status_t status = take_user(turn, request, &draft.order);
    if (status == STATUS_OK) {
        status = take_lines(turn, request, &draft);
    }
    if (status == STATUS_OK) {
        status = begin(&draft, turn);
    }
    return status == STATUS_OK ? reply_order(turn, &draft.order) : status;
}

static status_t get(turn_t *turn, const void *state, const void *request) {
    (void)request;
    status_t status = check_owner(turn, state);
    return status == STATUS_OK ? reply_order(turn, state) : status;
}

static status_t transitions(turn_t *turn, const void *state, const void *request) {
    size_t room = LIST_HEAD_BYTES + order_action_COUNT * (size_t)TRANSITION_BYTES_MAX;
    order_transitions_t reply = {0};
    list_writer_t writer;
    (void)request;
    status_t status = check_owner(turn, state);
    if (status != STATUS_OK) {
        return status;
    }
    list_writer_init(&writer, &record_order_transition, turn_alloc(turn, room), room);
    for (order_action_t action = 0; action < order_action_COUNT; action++) {
        order_transition_t transition = {0};
        bool may = (kinds[KIND_order].methods[actions[action].method].roles & turn_roles(turn)) != 0;
        FIELD_SET(order_transition, &transition, action, action);
        FIELD_SET(order_transition, &transition, state, actions[action].to);
        if (may && is_legal(action, state)) {
            list_writer_add(&writer, &transition);
        }
    }
    status = list_writer_end(&writer, &reply.items);
    FIELD_SET(order_transitions, &reply, items, reply.items);
    return status == STATUS_OK ? turn_reply(turn, &reply) : status;
}

typedef struct history {
    list_writer_t writer;
    status_t status;
} history_t;

static bool add_step(void *context, span_t subkey, span_t value) {
    history_t *steps = context;
    order_step_t step;
    (void)subkey;
    steps->status = record_load(&record_order_step, value, &step);
    if (steps->status == STATUS_OK) {
        list_writer_add(&steps->writer, &step);
    }
    return steps->status == STATUS_OK;
}

static status_t history(turn_t *turn, const void *state, const void *request) {
    const order_t *order = state;
    size_t room = LIST_HEAD_BYTES + STEPS_MAX * (size_t)STEP_BYTES_MAX;
    row_key_t from = row_key(STEP, 1), to = row_key(STEP, order->steps + 1);
    history_t steps = {.status = STATUS_OK};
    order_history_t reply = {0};
    (void)request;
    status_t status = check_owner(turn, order);
    if (status != STATUS_OK) {
        return status;
    }
    list_writer_init(&steps.writer, &record_order_step, turn_alloc(turn, room), room);
    status = turn_list(turn, row_key_span(&from), row_key_span(&to), add_step, &steps);
    status = status == STATUS_OK ? steps.status : status;
    if (status == STATUS_OK) {
        status = list_writer_end(&steps.writer, &reply.items);
    }
    FIELD_SET(order_history, &reply, items, reply.items);
    return status == STATUS_OK ? turn_reply(turn, &reply) : status;
}

/* given: a version that the order is to have. */
static status_t check_version(turn_t *turn, bool given, uint64_t version) {
    if (given && version != turn_version(turn)) {
        return turn_fail(turn, STATUS_PRECONDITION_FAILED, "the current version is %llu",
                         (unsigned long long)turn_version(turn));
    }
    return STATUS_OK;
}

static status_t pay(turn_t *turn, const void *state, const void *request) {
    const order_pay_t *asked = request;
    const order_t *order = state;
    draft_t draft;
    status_t status = check_version(turn, FIELD_HAS(order_pay, asked, version), asked->version);
    if (status != STATUS_OK) {
        return status;
    }
    if (!is_legal(order_action_pay, order)) {
        return fail_illegal(turn, order);
    }
    draft_open(&draft, order);
    status = finish(&draft, turn, order_state_PAID, METHOD_sku_commit);
    return status == STATUS_OK ? reply_order(turn, &draft.order) : status;
}

static status_t cancel(turn_t *turn, const void *state, const void *request) {
    const order_cancel_t *asked = request;
    const order_t *order = state;
    draft_t draft;
    status_t status = check_owner(turn, order);
    if (status == STATUS_OK) {
        status = check_version(turn, FIELD_HAS(order_cancel, asked, version), asked->version);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (!is_legal(order_action_cancel, order)) {
        return fail_illegal(turn, order);
    }
    draft_open(&draft, order);
    status = finish(&draft, turn, order_state_CANCELLED, METHOD_sku_release);
    return status == STATUS_OK ? reply_order(turn, &draft.order) : status;
}

static const handler_fn handlers[METHOD_order_COUNT] = {
    [METHOD_order_create] = create,           [METHOD_order_get] = get,         [METHOD_order_history] = history,
    [METHOD_order_transitions] = transitions, [METHOD_order_pay] = pay,         [METHOD_order_cancel] = cancel,
    [METHOD_order_reserved] = reserved,       [METHOD_order_refused] = refused, [METHOD_order_expire] = expire,
};

const actor_t actor_order = {.kind = "order",
                             .handlers = handlers,
                             .handler_count = METHOD_order_COUNT,
                             .listing = {.roles = ROLE_USER, .field = "user"}};
