/* roster.c - the members of a batch, and which of them an item of the list is about. */
#include "daemon/remote/roster.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/list.h"
#include "daemon/remote/template.h"
#include "daemon/remote/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Its id at the service, when that can be known by now. 0, or -ENOMEM. */
static int fill_id(struct roster_member *member, uint32_t attempt, struct error *error)
{
	json_t *is = json_string(member->plan->spec->requests[STEP_LIST].list->is);
	const struct values values = {
		.builtin = json_pack("{s:s,s:I}", "id", member->future, "attempt", (json_int_t)attempt),
		.captured = member->captured,
		.params = member->plan->params,
	};
	size_t len;
	int r = is && values.builtin ? 0 : place_no_memory(error);

	if (r == 0)
		r = template_fill_json(is, &values, &member->id, error);
	if (r == 0)
		r = template_value_text("is", member->id, &member->text, &len, error);
	json_decref((json_t *)values.builtin);
	json_decref(is);
	return r == -ENOMEM ? r : 0;
}

static int parse_object(const char *what, const char *text, json_t **ret, struct error *error)
{
	return text && *text ? spec_parse_stored(what, slice_from_str(text), ret, error) : 0;
}

static int add_member(struct roster *roster, const struct batch_member *from, struct error *error)
{
	struct roster_member *member = &roster->members[roster->count++];
	int r;

	member->plan = (const struct remote_plan *)from->plan;
	id_format(from->input.id, member->future);
	r = parse_object("captured values", from->input.captured, &member->captured, error);
	if (r == 0)
		r = parse_object("budgets", from->input.budgets, &member->budgets, error);
	if (r == 0)
		r = fill_id(member, from->input.attempt, error);
	if (r == 0 && member->text)
		roster->by_text[roster->n_by_text++] = member;
	return r;
}

static int compare_texts(const void *a, const void *b)
{
	const struct roster_member *const *left = a, *const *right = b;

	return strcmp((*left)->text, (*right)->text);
}

int roster_init(struct roster *roster, const struct batch_member *members, size_t count, struct error *error)
{
	int r = 0;

	*roster = (struct roster){
		.members = calloc(count, sizeof(*roster->members)),
		.by_text = calloc(count, sizeof(*roster->by_text)),
	};
	if (!roster->members || !roster->by_text)
		return place_no_memory(error);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_member(roster, &members[i], error);
	if (r < 0)
		return r;
	qsort(roster->by_text, roster->n_by_text, sizeof(*roster->by_text), compare_texts);
	roster->left = roster->n_by_text;
	return 0;
}

void roster_done(struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++) {
		struct roster_member *member = &roster->members[i];

		json_decref(member->captured);
		json_decref(member->budgets);
		json_decref(member->id);
		free(member->text);
	}
	free(roster->members);
	free(roster->by_text);
	*roster = (struct roster){ 0 };
}

size_t roster_find(const struct roster *roster, const char *text)
{
	size_t low = 0, high = roster->n_by_text;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(roster->by_text[middle]->text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void roster_strike(struct roster *roster, size_t i)
{
	struct roster_member *member = &roster->members[i];

	if (member->plan && member->text)
		roster->left--;
	member->plan = NULL;
}

/* The next id in order that is not the same as this one; NULL after the last. */
static const struct roster_member *next_id(const struct roster *roster, size_t *at)
{
	const char *before = *at > 0 ? roster->by_text[*at - 1]->text : NULL;

	while (*at < roster->n_by_text && before && strcmp(roster->by_text[*at]->text, before) == 0)
		(*at)++;
	return *at < roster->n_by_text ? roster->by_text[(*at)++] : NULL;
}

static int list_ids(const struct roster *roster, json_t **ret)
{
	const struct roster_member *member;
	json_t *ids = json_array();
	size_t at = 0;

	while (ids && (member = next_id(roster, &at)))
		if (json_array_append(ids, member->id) < 0) {
			json_decref(ids);
			ids = NULL;
		}
	*ret = ids;
	return ids ? 0 : -ENOMEM;
}

static int join_ids(const struct roster *roster, const char *join, json_t **ret)
{
	struct text text = { .max = REMOTE_BODY_MAX };
	const struct roster_member *member;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (member = next_id(roster, &at))) {
		if (text.len > 0)
			r = text_append_str(&text, join);
		if (r == 0)
			r = text_append_str(&text, member->text);
	}
	if (r == 0) {
		*ret = json_stringn(text.data ? text.data : "", text.len);
		r = *ret ? 0 : -ENOMEM;
	}
	text_done(&text);
	return r;
}

int roster_ids(const struct roster *roster, const char *join, json_t **ret, struct error *error)
{
	int r = join ? join_ids(roster, join, ret) : list_ids(roster, ret);

	if (r == -EMSGSIZE)
		return error_set(error, ERROR_INVALID_SPEC, "polling.batch: the ids are longer than %d bytes",
		    REMOTE_BODY_MAX);
	return r < 0 ? place_no_memory(error) : 0;
}
