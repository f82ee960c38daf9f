/* budget.c - what rules have used up of their budgets: {"poll.2": [times, first_at_ms]}, durable with the future. */
#include "daemon/remote/budget.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Room for a list's name, a dot and a number. */
enum { KEY_SIZE = sizeof(((struct rules *)NULL)->name) + 24 };

static void make_key(const struct rules *rules, size_t i, char ret[KEY_SIZE])
{
	snprintf(ret, KEY_SIZE, "%s.%zu", rules->name, i);
}

int budget_spend(json_t *state, const struct rules *rules, size_t i, int64_t now_ms, bool *ret_used_up)
{
	const struct rule_budget *budget = &rules->items[i].budget;
	json_int_t times = 0, first = now_ms;
	json_t *used, *next;
	char key[KEY_SIZE];
	bool used_up;

	make_key(rules, i, key);
	used = json_object_get(state, key);
	if (json_is_integer(json_array_get(used, 0)) && json_is_integer(json_array_get(used, 1))) {
		times = json_integer_value(json_array_get(used, 0));
		first = json_integer_value(json_array_get(used, 1));
	}
	/* a clock that was set back gives time, it does not take any */
	if (times < 0 || first < 0 || first > now_ms) {
		times = times < 0 ? 0 : times;
		first = now_ms;
	}
	used_up = (budget->times && times >= budget->times) ||
	    (budget->usec && times > 0 && (uint64_t)(now_ms - first) >= budget->usec / 1000);
	/* once used up, the state stays as it is */
	if (!used_up) {
		next = json_pack("[I,I]", times + 1, first);
		if (!next || json_object_set_new(state, key, next) < 0)
			return -ENOMEM;
	}
	*ret_used_up = used_up;
	return 0;
}

void budget_give_back(json_t *state, const struct rules *rules, bool own_only, size_t except)
{
	char kept[KEY_SIZE] = "", own[KEY_SIZE];
	const char *key;
	json_t *value;
	void *next;

	if (rules && except != SIZE_MAX)
		make_key(rules, except, kept);
	snprintf(own, sizeof(own), "%s.", rules ? rules->name : "");
	json_object_foreach_safe(state, next, key, value) {
		if (strcmp(key, kept) == 0)
			continue;
		if (!own_only || strncmp(key, own, strlen(own)) == 0)
			json_object_del(state, key);
	}
}
