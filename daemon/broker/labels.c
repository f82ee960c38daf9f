/* labels.c - names and values that creators hang on futures. */
#include "daemon/broker/labels.h"

#include <stdlib.h>
#include <string.h>

struct store_label *labels_copy(const struct store_label *labels, size_t count)
{
	struct store_label *copy;

	if (count == 0)
		return NULL;
	copy = calloc(count, sizeof *copy);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		copy[i].name = strdup(labels[i].name);
		copy[i].value = strdup(labels[i].value);
		if (!copy[i].name || !copy[i].value) {
			labels_free(copy, count);
			return NULL;
		}
	}
	return copy;
}

void labels_free(struct store_label *labels, size_t count)
{
	for (size_t i = 0; labels && i < count; i++) {
		free(labels[i].name);
		free(labels[i].value);
	}
	free(labels);
}

static bool has_label(const struct store_label *labels, size_t count, const struct store_label *wanted)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(labels[i].name, wanted->name) == 0)
			return strcmp(labels[i].value, wanted->value) == 0;
	}
	return false;
}

bool labels_match(const struct store_label *labels, size_t count, const struct store_label *wanted,
    size_t n_wanted)
{
	for (size_t i = 0; i < n_wanted; i++) {
		if (!has_label(labels, count, &wanted[i]))
			return false;
	}
	return true;
}
