/* SPDX-License-Identifier: MIT */
/*
 * bridge: what the parts of the program share. It keeps nothing that another bridge would need: who is logged in, what
 * was answered and what was said in a room is the server's to know.
 */
#ifndef DORAN_BRIDGE_H
#define DORAN_BRIDGE_H

#include "schemas/settings.h"
#include "schemas/tape.h"
#include "tools/bridge/http.h"
#include "tools/client/doran.h"

typedef struct bridge {
    settings_t settings;
    const char *data; /* folder of the server */
    struct event_base *base;
    http_t *http;
    doran_t *server; /* our own connection: role gateway, nobody's handle */
    tape_t *tape;    /* for what is read next; valid until then */
    uint8_t *room;   /* for the message that is built next */
    size_t room_bytes;
    struct pump *pump;
    struct people *people; /* who are logged in and act through us */
    struct live *live;     /* who stay connected */
    struct edge *edge;     /* what every request has */
    struct pages *pages;   /* what we say of ourselves */
    struct web *web;       /* the web app */
    uint32_t calls;        /* not yet answered */
    bool draining;
} bridge_t;

/* ms since 1970. */
uint64_t bridge_now_ms(void);

tape_t *bridge_new_tape(void);
void bridge_free_tape(tape_t **tape_p);

#endif
