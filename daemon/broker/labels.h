/* labels.h - names and values that creators hang on futures. */
#ifndef BROKER_LABELS_H
#define BROKER_LABELS_H

#include "db/store.h"

#include <stdbool.h>
#include <stddef.h>

/* A deep copy in one array; NULL: no memory (or count 0). */
struct store_label *labels_copy(const struct store_label *labels, size_t count);
void labels_free(struct store_label *labels, size_t count);

/* Do labels hold all that are wanted? */
bool labels_match(const struct store_label *labels, size_t count, const struct store_label *wanted,
    size_t n_wanted);

#endif
