/* SPDX-License-Identifier: MIT */
/*
 * place: where a server is and by which keys it is entered. Found in the options, or in the data folder of a server on
 * this machine: run/dorand.json says where it listens, run/ROLE is its socket for programs of this machine,
 * keys/ROLE.key holds a pair that it lets in. Any thread; reads files, keeps nothing open.
 */
#ifndef DORAN_CLIENT_PLACE_H
#define DORAN_CLIENT_PLACE_H

#include <stdbool.h>

#include "tools/client/client.h"

enum {
    ENDPOINT_BYTES_MAX = 512,
    Z85_BYTES = 40, /* of a key */
};

typedef struct place {
    char endpoint[ENDPOINT_BYTES_MAX];
    bool curve; /* tcp; ipc has its own rights: those of the file */
    char server_key[Z85_BYTES + 1];
    char public_key[Z85_BYTES + 1];
    char secret_key[Z85_BYTES + 1]; /* wipe with place_wipe */
    uint64_t pid;                   /* of the server that is there, as far as the data folder says; 0: unknown */
} place_t;

/* False with one sentence in error if the options make no sense or what they name cannot be read. */
bool place_find(place_t *self, const doran_options_t *options, client_transport_t transport, char *error,
                size_t error_bytes);
/* Is there, to be found at `now`, another door or another server than at `before`? A server that is not there just now
   is none. */
bool place_moved(const place_t *before, const place_t *now);
void place_wipe(place_t *self);

#endif
