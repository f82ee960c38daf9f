/* condition_logic.c - what can be said of conditions without an answer. */
#include "daemon/remote/condition_logic.h"

#include <string.h>
#include <strings.h>

/* --- statuses ------------------------------------------------------------------------------------------ */

enum { STATUS_MIN = 100, STATUS_MAX = 599, WORDS = 8 };

static void keep(struct condition_statuses *to, const struct condition_statuses *from, bool within)
{
	for (int i = 0; i < WORDS; i++)
		to->bits[i] &= within ? from->bits[i] : ~from->bits[i];
}

void condition_statuses_add(struct condition_statuses *to, const struct condition_statuses *from)
{
	for (int i = 0; i < WORDS; i++)
		to->bits[i] |= from->bits[i];
}

bool condition_statuses_within(const struct condition_statuses *a, const struct condition_statuses *b)
{
	for (int i = 0; i < WORDS; i++)
		if (a->bits[i] & ~b->bits[i])
			return false;
	return true;
}

bool condition_statuses_meet(const struct condition_statuses *a, const struct condition_statuses *b)
{
	for (int i = 0; i < WORDS; i++)
		if (a->bits[i] & b->bits[i])
			return true;
	return false;
}

static void add_status(struct condition_statuses *to, int status)
{
	to->bits[(status - STATUS_MIN) / 64] |= UINT64_C(1) << (status - STATUS_MIN) % 64;
}

/* Those of a `status`; NULL: all. */
static struct condition_statuses statuses_of(const struct status_set *set)
{
	static const struct status_set all = { .classes = 0x3e };
	struct condition_statuses statuses = { { 0 } };

	set = set ? set : &all;
	for (int status = STATUS_MIN; set->classes && status <= STATUS_MAX; status++)
		if (set->classes >> (status / 100) & 1)
			add_status(&statuses, status);
	for (unsigned i = 0; i < set->count; i++)
		add_status(&statuses, set->codes[i]);
	return statuses;
}

/* One of condition_may() and condition_must(). */
typedef struct condition_statuses (*statuses_fn)(const struct condition *condition, struct logic *logic);

/* Statuses of a condition: `same` is asked of its parts, `other` of what must not hold. */
static struct condition_statuses combine(const struct condition *condition, statuses_fn same, statuses_fn other,
    struct logic *logic)
{
	struct condition_statuses statuses = statuses_of(condition->status), some = { { 0 } }, one;

	for (size_t i = 0; i < condition->all.count; i++) {
		one = same(&condition->all.items[i], logic);
		keep(&statuses, &one, true);
	}
	for (size_t i = 0; i < condition->any.count; i++) {
		one = same(&condition->any.items[i], logic);
		condition_statuses_add(&some, &one);
	}
	if (condition->any.given)
		keep(&statuses, &some, true);
	for (size_t i = 0; i < condition->none.count; i++) {
		one = other(&condition->none.items[i], logic);
		keep(&statuses, &one, false);
	}
	return statuses;
}

struct condition_statuses condition_may(const struct condition *condition, struct logic *logic)
{
	return logic_step(logic) ? combine(condition, condition_may, condition_must, logic) : statuses_of(NULL);
}

struct condition_statuses condition_must(const struct condition *condition, struct logic *logic)
{
	static const struct condition_statuses none = { { 0 } };

	if (condition->empty || condition->n_headers > 0 || condition->text || condition->body.count > 0 ||
	    !logic_step(logic))
		return none;
	return combine(condition, condition_must, condition_may, logic);
}

/* --- parts ---------------------------------------------------------------------------------------------- */

/* One thing that a condition asks for. */
struct part {
	enum { PART_EMPTY, PART_HEADER, PART_TEXT, PART_BODY } kind;
	bool empty;
	const char *name;              /* of the header, or the pointer */
	bool open;                     /* that pointer is not filled yet */
	const struct matcher *matcher;
};

/* Part number i of a condition, nested ones aside. false: there are no more. */
static bool part_get(const struct condition *condition, size_t i, struct part *ret)
{
	*ret = (struct part){ 0 };
	if (condition->empty && i-- == 0) {
		ret->kind = PART_EMPTY;
		ret->empty = *condition->empty;
		return true;
	}
	if (condition->text && i-- == 0) {
		ret->kind = PART_TEXT;
		ret->matcher = condition->text;
		return true;
	}
	if (i < condition->n_headers) {
		ret->kind = PART_HEADER;
		ret->name = condition->headers[i].name;
		ret->matcher = &condition->headers[i].matcher;
		return true;
	}
	i -= condition->n_headers;
	if (i >= condition->body.count)
		return false;
	ret->kind = PART_BODY;
	ret->name = condition->body.items[i].text;
	ret->open = condition->body.items[i].open;
	ret->matcher = &condition->body.items[i].matcher;
	return true;
}

/* Do two parts ask about the same thing? */
static bool same_thing(const struct part *a, const struct part *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == PART_HEADER)
		return strcasecmp(a->name, b->name) == 0;
	if (a->kind == PART_BODY)
		return a->open == b->open && strcmp(a->name, b->name) == 0;
	return true;
}

static enum matcher_about about(const struct part *part)
{
	return part->kind == PART_BODY ? MATCHER_ABOUT_JSON : part->kind == PART_HEADER ? MATCHER_ABOUT_HEADER
	                                                                              : MATCHER_ABOUT_BODY;
}

static bool part_implies(const struct part *a, const struct part *b, struct logic *logic)
{
	/* a body that is JSON is not empty */
	if (b->kind == PART_EMPTY && !b->empty && a->kind == PART_BODY)
		return true;
	if (!same_thing(a, b))
		return false;
	return a->kind == PART_EMPTY ? a->empty == b->empty : matcher_implies(a->matcher, b->matcher, about(a), logic);
}

static bool part_disjoint(const struct part *a, const struct part *b, struct logic *logic)
{
	if ((a->kind == PART_EMPTY && a->empty && b->kind == PART_BODY) ||
	    (b->kind == PART_EMPTY && b->empty && a->kind == PART_BODY))
		return true;
	if (a->kind == PART_EMPTY && a->empty && b->kind == PART_TEXT && !b->matcher->open)
		return matcher_holds_text(b->matcher, slice_from_str("")) == 0;
	if (!same_thing(a, b))
		return false;
	return a->kind == PART_EMPTY ? a->empty != b->empty : matcher_disjoint(a->matcher, b->matcher, about(a), logic);
}

/* --- conditions ----------------------------------------------------------------------------------------- */

/* Does the part hold whenever the condition does? */
static bool gives(const struct condition *condition, const struct part *part, struct logic *logic)
{
	struct part own;
	size_t i;

	if (!logic_step(logic))
		return false;
	for (i = 0; part_get(condition, i, &own); i++)
		if (part_implies(&own, part, logic))
			return true;
	for (i = 0; i < condition->all.count; i++)
		if (gives(&condition->all.items[i], part, logic))
			return true;
	for (i = 0; i < condition->any.count; i++)
		if (!gives(&condition->any.items[i], part, logic))
			return false;
	return condition->any.count > 0;
}

/* Does a imply all that b itself asks for? */
static bool implies_parts(const struct condition *a, const struct condition *b, struct logic *logic)
{
	struct part part;

	if (b->status) {
		struct condition_statuses mine = condition_may(a, logic), others = statuses_of(b->status);

		if (!condition_statuses_within(&mine, &others))
			return false;
	}
	for (size_t i = 0; part_get(b, i, &part); i++)
		if (!gives(a, &part, logic))
			return false;
	for (size_t i = 0; i < b->all.count; i++)
		if (!condition_implies(a, &b->all.items[i], logic))
			return false;
	for (size_t i = 0; i < b->none.count; i++)
		if (!condition_disjoint(a, &b->none.items[i], logic))
			return false;
	for (size_t i = 0; i < b->any.count; i++)
		if (condition_implies(a, &b->any.items[i], logic))
			return true;
	return !b->any.given;
}

bool condition_implies(const struct condition *a, const struct condition *b, struct logic *logic)
{
	if (b->open || !logic_step(logic))
		return false;
	if (implies_parts(a, b, logic))
		return true;
	for (size_t i = 0; i < a->all.count; i++)
		if (condition_implies(&a->all.items[i], b, logic))
			return true;
	for (size_t i = 0; i < a->any.count; i++)
		if (!condition_implies(&a->any.items[i], b, logic))
			return false;
	return a->any.count > 0;
}

/* Is a part of a at odds with a part of b? */
static bool parts_disjoint(const struct condition *a, const struct condition *b, struct logic *logic)
{
	struct part of_a, of_b;

	for (size_t i = 0; part_get(a, i, &of_a); i++)
		for (size_t j = 0; part_get(b, j, &of_b); j++)
			if (!logic_step(logic) || part_disjoint(&of_a, &of_b, logic) || part_disjoint(&of_b, &of_a, logic))
				return logic->left > 0;
	return false;
}

/* Is what a asks for beyond its own parts at odds with b? */
static bool lists_disjoint(const struct condition *a, const struct condition *b, struct logic *logic)
{
	bool alternatives = a->any.given;

	for (size_t i = 0; i < a->all.count; i++)
		if (condition_disjoint(&a->all.items[i], b, logic))
			return true;
	for (size_t i = 0; i < a->none.count; i++)
		if (condition_implies(b, &a->none.items[i], logic))
			return true;
	for (size_t i = 0; i < a->any.count && alternatives; i++)
		alternatives = condition_disjoint(&a->any.items[i], b, logic);
	return alternatives;
}

bool condition_disjoint(const struct condition *a, const struct condition *b, struct logic *logic)
{
	struct condition_statuses mine, others;

	if (!logic_step(logic))
		return false;
	mine = condition_may(a, logic);
	others = condition_may(b, logic);
	return !condition_statuses_meet(&mine, &others) || parts_disjoint(a, b, logic) || lists_disjoint(a, b, logic) ||
	    lists_disjoint(b, a, logic);
}

static bool say_never(const struct place *place, struct error *error, const char *why)
{
	place_fail(place, error, "can never hold: %s", why);
	return true;
}

/* Is one of the condition's own parts never there? */
static bool part_never(const struct condition *condition, struct logic *logic, const struct place *place,
    struct error *error)
{
	struct part part;

	for (size_t i = 0; part_get(condition, i, &part); i++) {
		const struct place list = { .up = place, .key = part.kind == PART_BODY ? "body" : "header" };
		const struct place item = { .up = &list, .key = part.name };
		const struct place text = { .up = place, .key = "text" };

		if (part.kind != PART_EMPTY && matcher_never(part.matcher, about(&part), logic))
			return say_never(part.kind == PART_TEXT ? &text : &item, error,
			    "no value fulfils it");
	}
	return false;
}

/* Can none of `any` hold? */
static bool any_never(const struct condition *condition, struct logic *logic, const struct place *place,
    struct error *error)
{
	struct condition own = *condition;
	struct error ignored;

	own.any = (struct condition_list){ 0 };
	for (size_t i = 0; i < condition->any.count; i++)
		if (!condition_never(&condition->any.items[i], logic, place, &ignored) &&
		    !condition_disjoint(&own, &condition->any.items[i], logic))
			return false;
	return condition->any.given && say_never(place, error, "no condition of \"any\" can hold here");
}

bool condition_never(const struct condition *condition, struct logic *logic, const struct place *place,
    struct error *error)
{
	const struct place all = { .up = place, .key = "all" };
	struct condition own = *condition;
	struct condition_statuses statuses = condition_may(condition, logic);
	const struct condition_statuses none = { { 0 } };

	if (!logic_step(logic))
		return false;
	if (condition_statuses_within(&statuses, &none))
		return say_never(place, error, condition->any.given && condition->any.count == 0
		    ? "\"any\" is empty" : "no status fulfils it");
	if (part_never(condition, logic, place, error) || any_never(condition, logic, place, error))
		return true;
	if (parts_disjoint(condition, condition, logic))
		return say_never(place, error, "its parts exclude each other");
	own.all = own.none = (struct condition_list){ 0 };
	for (size_t i = 0; i < condition->all.count; i++) {
		const struct place item = { .up = &all, .index = i };

		if (condition_never(&condition->all.items[i], logic, &item, error))
			return true;
		if (condition_disjoint(&own, &condition->all.items[i], logic))
			return say_never(&item, error, "it excludes what is asked for beside it");
		for (size_t j = 0; j < i; j++)
			if (condition_disjoint(&condition->all.items[j], &condition->all.items[i], logic))
				return say_never(&item, error, "it excludes what is asked for beside it");
	}
	own.all = condition->all;
	for (size_t i = 0; i < condition->none.count; i++)
		if (condition_implies(&own, &condition->none.items[i], logic))
			return say_never(place, error, "\"not\" rules out all that is asked for beside it");
	return false;
}
