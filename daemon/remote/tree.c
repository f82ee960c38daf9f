/* tree.c - copies of JSON values in which the strings are others. */
#include "config.h"

#include "daemon/remote/tree.h"

int tree_copy(const json_t *json, tree_string_cb string, void *arg, json_t **ret, struct error *error)
{
	json_t *copy, *value, *item;
	const char *key;
	size_t i;
	int r = 0;

	if (json_is_string(json))
		return string(arg, json, ret, error);
	if (!json_is_array(json) && !json_is_object(json)) {
		*ret = json_incref((json_t *)json);
		return 0;
	}
	copy = json_is_array(json) ? json_array() : json_object();
	if (!copy)
		return place_no_memory(error);
	json_array_foreach((json_t *)json, i, value) {
		r = r < 0 ? r : tree_copy(value, string, arg, &item, error);
		if (r == 0 && json_array_append_new(copy, item) < 0)
			r = place_no_memory(error);
	}
	json_object_foreach((json_t *)json, key, value) {
		r = r < 0 ? r : tree_copy(value, string, arg, &item, error);
		if (r == 0 && json_object_set_new_nocheck(copy, key, item) < 0)
			r = place_no_memory(error);
	}
	if (r < 0)
		json_decref(copy);
	else
		*ret = copy;
	return r;
}
