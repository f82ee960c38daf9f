/* future_rec.c - deep copies of a future's record. */
#include "db/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where the texts of a record are. */
static const size_t text_offsets[] = {
	offsetof(struct future_rec, profile),
	offsetof(struct future_rec, key),
	offsetof(struct future_rec, last_error),
	offsetof(struct future_rec, idempotency),
	offsetof(struct future_rec, captured),
	offsetof(struct future_rec, budgets),
	offsetof(struct future_rec, progress),
	offsetof(struct future_rec, error_kind),
	offsetof(struct future_rec, error_message),
	offsetof(struct future_rec, error_code),
	offsetof(struct future_rec, content_type),
	offsetof(struct future_rec, claim),
};
#define N_TEXTS (sizeof(text_offsets) / sizeof(text_offsets[0]))

static char **text_at(struct future_rec *rec, size_t i)
{
	return (char **)((char *)rec + text_offsets[i]);
}

/* Forget every pointer, so that future_rec_done() has nothing to free yet. */
static void drop_pointers(struct future_rec *rec)
{
	for (size_t i = 0; i < N_TEXTS; i++)
		*text_at(rec, i) = NULL;
	rec->labels = NULL;
	rec->n_labels = 0;
	rec->after = NULL;
	rec->n_after = 0;
}

static int copy_text(const char *text, char **ret)
{
	if (!text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int copy_labels(const struct future_rec *rec, struct future_rec *copy)
{
	if (!rec->n_labels)
		return 0;
	copy->labels = calloc(rec->n_labels, sizeof(*copy->labels));
	if (!copy->labels)
		return -ENOMEM;
	copy->n_labels = rec->n_labels;
	for (size_t i = 0; i < rec->n_labels; i++)
		if (copy_text(rec->labels[i].name, &copy->labels[i].name) < 0 ||
		    copy_text(rec->labels[i].value, &copy->labels[i].value) < 0)
			return -ENOMEM;
	return 0;
}

static int copy_after(const struct future_rec *rec, struct future_rec *copy)
{
	if (!rec->n_after)
		return 0;
	copy->after = malloc(rec->n_after * sizeof(*copy->after));
	if (!copy->after)
		return -ENOMEM;
	memcpy(copy->after, rec->after, rec->n_after * sizeof(*copy->after));
	copy->n_after = rec->n_after;
	return 0;
}

int future_rec_copy(const struct future_rec *rec, struct future_rec *ret)
{
	struct future_rec source = *rec;
	struct future_rec copy = *rec;

	drop_pointers(&copy);
	for (size_t i = 0; i < N_TEXTS; i++)
		if (copy_text(*text_at(&source, i), text_at(&copy, i)) < 0)
			goto fail;
	if (copy_labels(rec, &copy) < 0 || copy_after(rec, &copy) < 0)
		goto fail;
	*ret = copy;
	return 0;
fail:
	future_rec_done(&copy);
	return -ENOMEM;
}

size_t future_rec_bytes(const struct future_rec *rec)
{
	size_t bytes = rec->n_after * sizeof(*rec->after);

	for (size_t i = 0; i < N_TEXTS; i++) {
		const char *text = *text_at((struct future_rec *)rec, i);

		bytes += text ? strlen(text) : 0;
	}
	for (size_t i = 0; i < rec->n_labels; i++)
		bytes += sizeof(*rec->labels) + strlen(rec->labels[i].name) + strlen(rec->labels[i].value);
	return bytes;
}

void future_rec_done(struct future_rec *rec)
{
	for (size_t i = 0; i < N_TEXTS; i++)
		free(*text_at(rec, i));
	for (size_t i = 0; i < rec->n_labels; i++) {
		free(rec->labels[i].name);
		free(rec->labels[i].value);
	}
	free(rec->labels);
	free(rec->after);
	drop_pointers(rec);
}

void future_rec_done_unshared(struct future_rec *rec, const struct future_rec *base)
{
	for (size_t i = 0; i < N_TEXTS; i++) {
		if (*text_at(rec, i) != *text_at((struct future_rec *)base, i))
			free(*text_at(rec, i));
	}
	if (rec->after != base->after)
		free(rec->after);
}
