/* SPDX-License-Identifier: MIT */
#include "tools/inspector/pages.h"

#include <stdio.h>

int pages_show(const pages_t *self, const arguments_t *arguments, void *list) {
    uint64_t left = arguments->limit != 0 ? arguments->limit : UINT64_MAX;
    bool any = false, more;
    do {
        size_t complete;
        int code = self->ask(list, left, &complete, &more);
        if (code != DONE) {
            return code;
        }
        size_t count = complete < left ? complete : (size_t)left;
        if (!any && count > 0 && !arguments->json && self->head != NULL) {
            self->head();
        }
        for (size_t i = 0; i < count; i++) {
            self->print(list, i);
        }
        any = any || count > 0;
        left -= count;
    } while (left > 0 && more);
    if (!any && !arguments->json) {
        printf("none\n");
    }
    return DONE;
}
