/* SPDX-License-Identifier: MIT */
/* The table of works. */
#include "actors/work.h"

#include "actors/work_password.h"

extern const work_t work_user_statistics;

const work_t *const works[] = {&work_user_statistics, &work_password_hash, &work_password_check, NULL};

const work_t *work_find(span_t name) {
    for (const work_t *const *work = works; *work != NULL; work++) {
        if (span_equal(name, span_text((*work)->name))) {
            return *work;
        }
    }
    return NULL;
}
