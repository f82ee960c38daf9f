/* list.c - one answer about many operations: where its items are, which one is whose, and where the next page is. */
#include "daemon/remote/list.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is filled while a list is read. */
struct reading {
	struct list *list;
	json_t *names;
};

static int read_items(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct list *list = ((struct reading *)field)->list;
	const char *text;
	int r = key_string(json, &text, place, error);

	return r < 0 ? r : pointer_set_read(&list->outer, text, &list->items, place, error);
}

static int read_id(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct list *list = ((struct reading *)field)->list;
	const char *text;
	size_t index;
	int r = key_string(json, &text, place, error);

	return r < 0 ? r : pointer_set_read(&list->inner, text, &index, place, error);
}

static int read_is(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	int r = key_string(json, &reading->list->is, place, error);

	return r < 0 ? r : template_names(reading->list->is, reading->names, place, error);
}

static int read_max(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct list *list = ((struct reading *)field)->list;
	json_int_t value = json_integer_value(json);

	if (!json_is_integer(json) || value < 1 || value > REMOTE_BATCH_IDS_MAX)
		return place_fail(place, error, "must be a whole number from 1 to %d", REMOTE_BATCH_IDS_MAX);
	list->max = (size_t)value;
	return 0;
}

static int read_join(const json_t *json, void *field, const struct place *place, struct error *error)
{
	return key_string(json, &((struct reading *)field)->list->join, place, error);
}

static int read_next(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct list *list = ((struct reading *)field)->list;

	if (json_object_size(json) != 1 || (!json_object_get(json, "page") && !json_object_get(json, "url")))
		return place_fail(place, error, "must be an object with one capture, \"page\" or \"url\"");
	return captures_read(json, NULL, &list->next, place, error);
}

static int read_more(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct list *list = ((struct reading *)field)->list;

	list->has_more = true;
	return matcher_map_read(json, &list->outer, 0, &list->more, place, error);
}

static int read_missing(const json_t *json, void *field, const struct place *place, struct error *error)
{
	static const char *const WORDS[] = {
		[LIST_MISSING_POLL] = "poll", [LIST_MISSING_PENDING] = "pending", [LIST_MISSING_LOST] = "lost", NULL
	};
	struct list *list = ((struct reading *)field)->list;
	const char *word;
	int r = key_string(json, &word, place, error);

	if (r < 0)
		return r;
	for (size_t i = 0; WORDS[i]; i++)
		if (strcmp(word, WORDS[i]) == 0) {
			list->missing = (enum list_missing)i;
			return 0;
		}
	return keys_unknown("word", word, WORDS, place, error);
}

static const struct key LIST_KEYS[] = {
	{ "items", read_items, 0, KEY_PLAIN },
	{ "id", read_id, 0, KEY_PLAIN },
	{ "is", read_is, 0, KEY_REQUIRED },
	{ "max", read_max, 0, KEY_PLAIN },
	{ "join", read_join, 0, KEY_PLAIN },
	{ "next", read_next, 0, KEY_PLAIN },
	{ "more", read_more, 0, KEY_PLAIN },
	{ "missing", read_missing, 0, KEY_PLAIN },
	{ 0 }
};

int list_read(const json_t *json, json_t *names, struct list **ret, const struct place *place, struct error *error)
{
	struct list *list = calloc(1, sizeof(*list));
	struct reading reading = { .list = list, .names = names };
	int r;

	*ret = NULL;
	if (!list)
		return place_no_memory(error);
	r = keys_read_known(LIST_KEYS, json, &reading, place, error);
	if (r == 0 && !json_object_get(json, "items"))
		r = pointer_set_read(&list->outer, "", &list->items, place, error);
	if (r == 0 && list->join && list->max == 0)
		r = place_fail(place, error, "\"join\" is for ids that are sent: \"max\" says how many");
	if (r == 0 && list->has_more && !list->next)
		r = place_fail(place, error, "\"more\" is for a list with \"next\"");
	if (r < 0) {
		list_free(list);
		return r;
	}
	*ret = list;
	return 0;
}

struct list *list_free(struct list *list)
{
	if (!list)
		return NULL;
	pointer_set_done(&list->outer);
	pointer_set_done(&list->inner);
	captures_free(list->next);
	matcher_map_done(&list->more);
	rules_free(list->rules);
	free(list);
	return NULL;
}

static int fail(struct json_fault *fault, const char *what)
{
	*fault = (struct json_fault){ .what = what };
	return -EBADMSG;
}

/* Hand out one item under a string or number. Anything else is no id: then it is nobody's item. */
static int hand_out(struct slice id, struct slice item, list_cb each, void *arg)
{
	char *text;
	size_t len;
	int r;

	if (!id.data || !strchr("\"-0123456789", id.data[0]))
		return 0;
	if (id.data[0] == '"') {
		r = json_string_decode(id, &text, &len);
		if (r < 0)
			return r;
	} else {
		len = id.len;
		text = strndup(id.data, len);
		if (!text)
			return -ENOMEM;
	}
	r = strlen(text) == len ? each(arg, text, item) : 0;
	free(text);
	return r;
}

static int walk_array(const struct list *list, struct slice array, list_cb each, void *arg,
    struct json_fault *fault)
{
	struct slice item, found[REMOTE_POINTERS_MAX];
	size_t at = 0;
	int r = 0;

	while (r == 0 && json_array_next(array, &at, &item)) {
		r = json_scan(item, &list->inner, found, fault);
		if (r == 0)
			r = hand_out(found[0], item, each, arg);
	}
	return r;
}

static int walk_object(struct slice object, list_cb each, void *arg)
{
	struct slice name, item;
	size_t at = 0;
	int r = 0;

	while (r == 0 && json_object_next(object, &at, &name, &item))
		r = hand_out(name, item, each, arg);
	return r;
}

/*
 * Services leave an empty list out, or write null. That is taken for one, unless it would declare operations lost: an
 * answer that is not the list at all must not do that.
 */
static int walk_items(const struct list *list, struct slice items, list_cb each, void *arg,
    struct json_fault *fault)
{
	bool named = list->inner.count == 0;
	char first = items.data ? items.data[0] : 'n';

	if (first == '[' && !named)
		return walk_array(list, items, each, arg, fault);
	if (first == '{' && named)
		return walk_object(items, each, arg);
	if (first != 'n')
		return fail(fault, named ? "\"items\" leads to no object" : "\"items\" leads to no array");
	if (list->missing == LIST_MISSING_LOST)
		return fail(fault, "there is nothing where \"items\" leads");
	return 0;
}

/* A page's token or URL, as text: an empty one, null and false mean that this was the last page. */
static int next_text(const json_t *taken, const char *name, char **ret, struct json_fault *fault)
{
	const json_t *value = json_object_get(taken, name);
	struct error error = { 0 };
	char *text;
	size_t len;
	int r;

	if (!value || json_is_boolean(value))
		return 0;
	r = template_value_text(name, value, &text, &len, &error);
	if (r < 0)
		return error.code == ERROR_OUT_OF_MEMORY ? -ENOMEM : fail(fault, "\"next\" leads to no text or number");
	if (len == 0) {
		free(text);
		return 0;
	}
	*ret = text;
	return 0;
}

static int find_next(const struct list *list, const struct http_response *response, const struct slice *found,
    struct list_next *ret, struct json_fault *fault)
{
	json_t *taken;
	int r;

	if (!list->next)
		return 0;
	r = list->has_more ? matcher_map_holds(&list->more, found) : 1;
	if (r <= 0)
		return r;
	r = captures_take(list->next, response, NULL, &taken);
	if (r < 0)
		return r == -EMSGSIZE ? fail(fault, "what \"next\" leads to is too long") : r;
	r = next_text(taken, "page", &ret->page, fault);
	if (r == 0)
		r = next_text(taken, "url", &ret->url, fault);
	json_decref(taken);
	return r;
}

int list_walk(const struct list *list, const struct http_response *response, list_cb each, void *arg,
    struct list_next *ret_next, struct json_fault *fault)
{
	const struct slice body = { response->body, response->body_len };
	struct slice found[REMOTE_POINTERS_MAX];
	struct list_next next = { 0 };
	int r;

	r = json_scan(body, &list->outer, found, fault);
	if (r == 0)
		r = walk_items(list, found[list->items], each, arg, fault);
	if (r == 0)
		r = find_next(list, response, found, &next, fault);
	if (r == 0)
		*ret_next = next;
	return r;
}
