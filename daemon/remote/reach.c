/* reach.c - finds rules that no answer can reach: mistakes of the one who wrote them. */
#include "daemon/remote/reach.h"
#include "daemon/remote/condition_logic.h"

enum { STEPS_MAX = 500000 };       /* of thinking about one list: some tens of milliseconds */

static const struct condition ALWAYS = { 0 };

static const struct condition *condition_of(const struct rule *rule)
{
	return rule->when ? rule->when : &ALWAYS;
}

/* A rule that may lack a value does not hold for what its condition says alone. One that was left out never does. */
static bool is_certain(const struct rule *rule)
{
	return !rule->unfilled && !rule->open && !condition_of(rule)->open;
}

/* Does the earlier rule hold whenever the later one does? */
static bool hides(const struct rule *earlier, const struct rule *later, struct logic *logic)
{
	if (is_certain(earlier))
		return condition_implies(condition_of(later), condition_of(earlier), logic);
	/* with templates: the same condition lacks the same values */
	return !earlier->unfilled && !earlier->open && json_equal(condition_of(earlier)->json, condition_of(later)->json);
}

static int unreachable(size_t i, size_t by, const char *others, const struct place *place, struct error *error)
{
	const struct place here = { .up = place, .index = i }, there = { .up = place, .index = by };
	char where[128];

	place_format(&there, where, sizeof(where));
	return place_fail(&here, error, "can never be reached: %s%s for every such answer", where, others);
}

/* Is there nothing left for rule number i by the statuses that those before it always take? */
static int check_statuses(const struct rules *rules, size_t i, struct logic *logic, const struct place *place,
    struct error *error)
{
	struct condition_statuses wanted = condition_may(condition_of(&rules->items[i]), logic), taken = { { 0 } };
	size_t first = i;

	for (size_t by = 0; by < i; by++) {
		struct condition_statuses one;

		if (!is_certain(&rules->items[by]))
			continue;
		one = condition_must(condition_of(&rules->items[by]), logic);
		if (condition_statuses_within(&wanted, &one))
			return unreachable(i, by, " holds", place, error);
		if (condition_statuses_meet(&wanted, &one) && first == i)
			first = by;
		condition_statuses_add(&taken, &one);
	}
	if (condition_statuses_within(&wanted, &taken))
		return unreachable(i, first, " or another one before it holds", place, error);
	return 0;
}

static int check_rule(const struct rules *rules, size_t i, struct logic *logic, const struct place *place,
    struct error *error)
{
	const struct rule *rule = &rules->items[i];
	const struct place here = { .up = place, .index = i };
	const struct place when = { .up = &here, .key = "when" };
	int r;

	if (rule->when && condition_never(rule->when, logic, &when, error))
		return error_errno(ERROR_INVALID_SPEC);
	r = check_statuses(rules, i, logic, place, error);
	if (r < 0)
		return r;
	for (size_t by = 0; by < i; by++)
		if (hides(&rules->items[by], rule, logic))
			return unreachable(i, by, " holds", place, error);
	return 0;
}

int reach_check(const struct rules *rules, const struct place *place, struct error *error)
{
	struct logic logic = { .left = STEPS_MAX };
	int first = 0;

	for (size_t i = 0; i < rules->count; i++) {
		if (rules->items[i].unfilled)
			continue;
		if (place_ends(place, check_rule(rules, i, &logic, place, error), &first))
			break;
	}
	return first;
}
