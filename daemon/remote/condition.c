/* condition.c - the `when` of a rule. */
#include "daemon/remote/condition.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"

#include <stdlib.h>

struct condition_header {
	const char *name;
	struct matcher matcher;
};

static int read_status(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct condition *condition = field;
	struct status_set *status = calloc(1, sizeof(*status));

	if (!status)
		return place_no_memory(error);
	condition->status = status;
	return status_set_read(json, status, place, error);
}

static int read_empty(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct condition *condition = field;
	bool *empty = malloc(sizeof(*empty));
	int r;

	if (!empty)
		return place_no_memory(error);
	condition->empty = empty;
	*empty = false;
	r = key_bool(json, empty, place, error);
	condition->asks_empty |= *empty;
	return r;
}

static int read_header(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct condition *condition = field;
	const char *name;
	json_t *value;

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object of header names");
	if (json_object_size(json) > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d headers", REMOTE_LIST_MAX);
	condition->headers = calloc(json_object_size(json) + 1, sizeof(*condition->headers));
	if (!condition->headers)
		return place_no_memory(error);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };
		struct condition_header *header = &condition->headers[condition->n_headers++];
		int r;

		header->name = name;
		r = matcher_read(value, &header->matcher, &here, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_body(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct condition *condition = field;

	return matcher_map_read(json, condition->pointers, 0, &condition->body, place, error);
}

static int read_at(const json_t *json, struct pointer_set *set, unsigned depth, struct condition *ret,
    const struct place *place, struct error *error);

/* Compile the conditions of a list, or the one of `not`, into list. */
static int read_list(struct condition *condition, const json_t *json, struct condition_list *list,
    const struct place *place, struct error *error)
{
	size_t size = json_is_array(json) ? json_array_size(json) : 1;

	if (condition->depth >= REMOTE_CONDITION_DEPTH_MAX)
		return place_fail(place, error, "nested more than %d deep", REMOTE_CONDITION_DEPTH_MAX);
	if (size > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d conditions", REMOTE_LIST_MAX);
	list->given = true;
	list->items = calloc(size + 1, sizeof(*list->items));
	if (!list->items)
		return place_no_memory(error);
	for (size_t i = 0; i < size; i++) {
		const struct place element = { .up = place, .index = i };
		struct condition *item = &list->items[list->count++];
		int r;

		if (json_is_array(json))
			r = read_at(json_array_get(json, i), condition->pointers, condition->depth + 1, item, &element,
			    error);
		else
			r = read_at(json, condition->pointers, condition->depth + 1, item, place, error);
		if (r < 0)
			return r;
		condition->asks_empty |= item->asks_empty;
	}
	return 0;
}

static int read_any(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct condition *condition = field;

	if (!json_is_array(json))
		return place_fail(place, error, "must be a list of conditions");
	return read_list(condition, json, &condition->any, place, error);
}

static int read_all(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct condition *condition = field;

	if (!json_is_array(json))
		return place_fail(place, error, "must be a list of conditions");
	return read_list(condition, json, &condition->all, place, error);
}

static int read_not(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct condition *condition = field;

	if (!json_is_object(json))
		return place_fail(place, error, "must be a condition");
	return read_list(condition, json, &condition->none, place, error);
}

static const struct key CONDITION_KEYS[] = {
	{ "status", read_status, 0, KEY_PLAIN },
	{ "header", read_header, 0, KEY_PLAIN },
	{ "body", read_body, 0, KEY_PLAIN },
	{ "empty", read_empty, 0, KEY_PLAIN },
	{ "any", read_any, 0, KEY_PLAIN },
	{ "all", read_all, 0, KEY_PLAIN },
	{ "not", read_not, 0, KEY_PLAIN },
	{ 0 }
};

static int read_at(const json_t *json, struct pointer_set *set, unsigned depth, struct condition *ret,
    const struct place *place, struct error *error)
{
	*ret = (struct condition){ .pointers = set, .depth = depth };
	return keys_read(CONDITION_KEYS, json, ret, place, error);
}

int condition_read(const json_t *json, struct pointer_set *set, struct condition *ret,
    const struct place *place, struct error *error)
{
	return read_at(json, set, 0, ret, place, error);
}

static void list_done(struct condition_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		condition_done(&list->items[i]);
	free(list->items);
}

void condition_done(struct condition *condition)
{
	for (size_t i = 0; i < condition->n_headers; i++)
		matcher_done(&condition->headers[i].matcher);
	free(condition->headers);
	free((void *)condition->status);
	free((void *)condition->empty);
	matcher_map_done(&condition->body);
	list_done(&condition->any);
	list_done(&condition->all);
	list_done(&condition->none);
	*condition = (struct condition){ 0 };
}

/* Some condition of the list (want true), or all of it (want false: stop at the first that does not). */
static int list_holds(const struct condition_list *list, bool want, struct answer *answer,
    bool *ret_unreadable)
{
	for (size_t i = 0; i < list->count; i++) {
		int r = condition_holds(&list->items[i], answer, ret_unreadable);

		if (r < 0 || (r > 0) == want)
			return r;
	}
	return !want;
}

static int headers_hold(const struct condition *condition, const struct http_response *response)
{
	for (size_t i = 0; i < condition->n_headers; i++) {
		const struct condition_header *header = &condition->headers[i];
		int r = matcher_holds_text(&header->matcher,
		    http_header_find(response->headers, response->n_headers, header->name));

		if (r <= 0)
			return r;
	}
	return 1;
}

int condition_holds(const struct condition *condition, struct answer *answer, bool *ret_unreadable)
{
	int r;

	if (condition->status && !status_set_has(condition->status, answer->response->status))
		return 0;
	if (condition->empty && *condition->empty != (answer->response->body_len == 0))
		return 0;
	r = headers_hold(condition, answer->response);
	if (r > 0 && condition->all.given)
		r = list_holds(&condition->all, false, answer, ret_unreadable);
	if (r > 0 && condition->any.given)
		r = list_holds(&condition->any, true, answer, ret_unreadable);
	if (r > 0 && condition->none.given) {
		r = list_holds(&condition->none, true, answer, ret_unreadable);
		r = r < 0 ? r : !r;
	}
	if (r <= 0 || condition->body.count == 0)
		return r;
	if (!answer_is_json(answer)) {
		*ret_unreadable = true;
		return 0;
	}
	return matcher_map_holds(&condition->body, answer_found(answer));
}
