/* rules.c - an ordered list of rules: the first whose condition holds says what a response means. */
#include "daemon/remote/rules.h"
#include "daemon/remote/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rules *rules_free(struct rules *rules)
{
	if (!rules)
		return NULL;
	for (size_t i = 0; i < rules->count; i++)
		rule_done(&rules->items[i]);
	free(rules->items);
	pointer_set_done(&rules->pointers);
	json_decref(rules->kept);
	free(rules);
	return NULL;
}

/* An empty list with room for the rules of json. NULL: no memory. */
static struct rules *rules_new(const json_t *json)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return NULL;
	rules->json = json;
	rules->items = calloc(json_array_size(json) + 1, sizeof(*rules->items));
	return rules->items ? rules : rules_free(rules);
}

/* A rule that cannot be filled stays in its place and does not hold. */
static int leave_out(struct rule *rule, const struct error *why)
{
	rule_done(rule);
	if (why->code == ERROR_OUT_OF_MEMORY)
		return -ENOMEM;
	rule->unfilled = strdup(why->message);
	return rule->unfilled ? 0 : -ENOMEM;
}

/* Read the next rule. Where complaints are gathered, one that is wrong is left out, and the others are looked at. */
static int read_one(const json_t *json, struct rules *rules, struct filling *filling, const struct place *place,
    struct error *error)
{
	struct rule *rule = &rules->items[rules->count++];
	int first = 0;

	if (place_ends(place, rule_read(json, &rules->pointers, filling, rule, place, error), &first))
		return first;
	return first < 0 ? leave_out(rule, error) : 0;
}

int rules_read(const json_t *json, json_t *names, struct rules **ret, const struct place *place,
    struct error *error)
{
	struct filling filling = { .names = names };
	struct rules *rules;
	json_t *item;
	size_t i;
	int r = 0;

	if (!json_is_array(json))
		return place_fail(place, error, "must be a list of rules");
	if (json_array_size(json) > REMOTE_RULES_MAX)
		return place_fail(place, error, "more than %d rules", REMOTE_RULES_MAX);
	rules = rules_new(json);
	if (!rules)
		return place_no_memory(error);
	place_format(place ? place->up : NULL, rules->name, sizeof(rules->name));
	json_array_foreach((json_t *)json, i, item) {
		const struct place here = { .up = place, .index = i };

		r = read_one(item, rules, &filling, &here, error);
		if (r < 0)
			break;
	}
	rules->kept = filling.kept;
	rules->templates = filling.templates;
	if (r < 0) {
		rules_free(rules);
		return r;
	}
	*ret = rules;
	return 0;
}

bool rules_can(const struct rules *rules, enum outcome outcome)
{
	for (size_t i = 0; rules && i < rules->count; i++)
		if (rule_may_say(&rules->items[i], outcome))
			return true;
	return false;
}

int rules_fill(const struct rules *rules, const struct values *values, struct rules **ret)
{
	struct filling filling = { .values = values };
	struct rules *filled = rules_new(rules->json);
	int r = filled ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < rules->count; i++) {
		struct rule *rule = &filled->items[filled->count++];
		struct error why = { 0 };

		if (rule_read(json_array_get(rules->json, i), &filled->pointers, &filling, rule, NULL, &why) < 0)
			r = leave_out(rule, &why);
	}
	if (filled)
		filled->kept = filling.kept;
	if (r < 0) {
		rules_free(filled);
		return r;
	}
	memcpy(filled->name, rules->name, sizeof(filled->name));
	*ret = filled;
	return 0;
}

int rules_find(const struct rules *rules, struct answer *answer, const struct rule **ret_rule,
    bool *ret_unreadable)
{
	bool unreadable = false;

	*ret_rule = NULL;
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		int r = rule->when ? condition_holds(rule->when, answer, &unreadable) : !rule->unfilled;

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*ret_rule = rule;
		if (rule->when && rule->when->asks_empty && answer->response->body_len == 0)
			unreadable = false;
		break;
	}
	*ret_unreadable = unreadable;
	return 0;
}
