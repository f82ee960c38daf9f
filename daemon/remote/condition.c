/* condition.c - the `when` of a rule. */
#include "daemon/remote/condition.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"

#include <stdlib.h>

/* What is filled while one condition is read. */
struct reading {
	struct condition *condition;
	const struct matcher_scope *scope;
};

static int read_status(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	struct status_set *status = calloc(1, sizeof(*status));

	if (!status)
		return place_no_memory(error);
	reading->condition->status = status;
	return status_set_read(json, status, place, error);
}

static int read_empty(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	bool *empty = malloc(sizeof(*empty));
	int r;

	if (!empty)
		return place_no_memory(error);
	reading->condition->empty = empty;
	*empty = false;
	r = key_bool(json, empty, place, error);
	reading->condition->asks_empty |= *empty;
	return r;
}

static int read_header(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	struct condition *condition = reading->condition;
	const char *name;
	json_t *value;
	int first = 0;

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
		r = matcher_read(value, reading->scope, &header->matcher, &here, error);
		condition->open |= header->matcher.open;
		if (place_ends(place, r, &first))
			break;
	}
	return first;
}

static int read_text(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	struct condition *condition = reading->condition;
	int r;

	condition->text = calloc(1, sizeof(*condition->text));
	if (!condition->text)
		return place_no_memory(error);
	r = matcher_read(json, reading->scope, condition->text, place, error);
	condition->open |= condition->text->open;
	return r;
}

static int read_body(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	struct condition *condition = reading->condition;
	int r = matcher_map_fill(json, reading->scope, &condition->body, place, error);

	for (size_t i = 0; i < condition->body.count; i++)
		condition->open |= condition->body.items[i].open || condition->body.items[i].matcher.open;
	return r;
}

/* Compile the conditions of a list, or the one of `not`, into list. */
static int read_list(struct reading *reading, const json_t *json, struct condition_list *list,
    const struct place *place, struct error *error)
{
	struct condition *condition = reading->condition;
	size_t size = json_is_array(json) ? json_array_size(json) : 1;
	struct matcher_scope inside = *reading->scope;
	int first = 0;

	list->given = true;
	if (size > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d conditions", REMOTE_LIST_MAX);
	if (inside.depth++ >= REMOTE_CONDITION_DEPTH_MAX)
		return place_fail(place, error, "nested more than %d deep", REMOTE_CONDITION_DEPTH_MAX);
	list->items = calloc(size + 1, sizeof(*list->items));
	if (!list->items)
		return place_no_memory(error);
	for (size_t i = 0; i < size; i++) {
		const struct place element = { .up = place, .index = i };
		struct condition *item = &list->items[list->count++];
		int r;

		if (json_is_array(json))
			r = condition_read(json_array_get(json, i), &inside, item, &element, error);
		else
			r = condition_read(json, &inside, item, place, error);
		if (place_ends(place, r, &first))
			break;
		condition->asks_empty |= item->asks_empty;
		condition->open |= item->open;
	}
	return first;
}

static int read_any(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	if (!json_is_array(json))
		return place_fail(place, error, "must be a list of conditions");
	return read_list(reading, json, &reading->condition->any, place, error);
}

static int read_all(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	if (!json_is_array(json))
		return place_fail(place, error, "must be a list of conditions");
	return read_list(reading, json, &reading->condition->all, place, error);
}

static int read_not(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	if (!json_is_object(json))
		return place_fail(place, error, "must be a condition");
	return read_list(reading, json, &reading->condition->none, place, error);
}

static const struct key CONDITION_KEYS[] = {
	{ "status", read_status, 0, KEY_PLAIN },
	{ "header", read_header, 0, KEY_PLAIN },
	{ "body", read_body, 0, KEY_PLAIN },
	{ "text", read_text, 0, KEY_PLAIN },
	{ "empty", read_empty, 0, KEY_PLAIN },
	{ "any", read_any, 0, KEY_PLAIN },
	{ "all", read_all, 0, KEY_PLAIN },
	{ "not", read_not, 0, KEY_PLAIN },
	{ 0 }
};

int condition_read(const json_t *json, const struct matcher_scope *scope, struct condition *ret,
    const struct place *place, struct error *error)
{
	struct reading reading = { .condition = ret, .scope = scope };

	*ret = (struct condition){ .json = json };
	return keys_read(CONDITION_KEYS, json, &reading, place, error);
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
	if (condition->text)
		matcher_done(condition->text);
	free(condition->text);
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

struct slice condition_header_text(const struct condition_header *header, const struct http_response *response)
{
	return slice_from_str(http_header_find(response->headers, response->n_headers, header->name));
}

static int headers_hold(const struct condition *condition, const struct http_response *response)
{
	for (size_t i = 0; i < condition->n_headers; i++) {
		const struct condition_header *header = &condition->headers[i];
		int r = matcher_holds_text(&header->matcher, condition_header_text(header, response));

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
	if (r > 0 && condition->text)
		r = matcher_holds_text(condition->text, answer_text(answer));
	if (r <= 0 || condition->body.count == 0)
		return r;
	if (!answer_is_json(answer)) {
		*ret_unreadable = true;
		return 0;
	}
	return matcher_map_holds(&condition->body, answer_found(answer));
}

/* The first matcher with an `any` in it, with where it looks; NULL: none. */
static const struct matcher_item *find_any(const struct condition *condition)
{
	const struct matcher_item *found;

	for (size_t i = 0; i < condition->body.count; i++)
		if (matcher_has_element(&condition->body.items[i].matcher))
			return &condition->body.items[i];
	for (size_t i = 0; i < condition->all.count; i++) {
		found = find_any(&condition->all.items[i]);
		if (found)
			return found;
	}
	return NULL;
}

bool condition_has_element(const struct condition *condition)
{
	return find_any(condition) != NULL;
}

int condition_element(const struct condition *condition, struct answer *answer, struct slice *ret)
{
	const struct matcher_item *item = find_any(condition);
	struct slice value = item ? answer_found(answer)[item->pointer] : (struct slice){ 0 };

	return value.data ? matcher_element(&item->matcher, value, ret) : 0;
}
