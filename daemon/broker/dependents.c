/* dependents.c - who waits for a future: found from it when it ends or is forgotten. */
#include "daemon/broker/dependents.h"

#include "daemon/broker/access.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A stranger who may read a future must not be able to make its owner keep it. The groups of who created one are not
 * known any more. */
static bool keeps(const struct dependency *dependency)
{
	const struct future_rec *waiting = &dependency->waiting->rec, *on = &dependency->on->rec;
	const struct caller owner = { .uid = waiting->uid, .gid = waiting->gid };

	return access_may_write(&owner, on->uid, on->gid, on->mode);
}

static void chain(struct dependency *dependency)
{
	struct future *on = dependency->on;

	dependency->keeps = keeps(dependency);
	on->kept_for += dependency->keeps;
	dependency->next = on->dependents;
	dependency->prev = NULL;
	if (dependency->next)
		dependency->next->prev = dependency;
	on->dependents = dependency;
}

static void unchain(struct dependency *dependency)
{
	dependency->on->kept_for -= dependency->keeps;
	if (dependency->prev)
		dependency->prev->next = dependency->next;
	else
		dependency->on->dependents = dependency->next;
	if (dependency->next)
		dependency->next->prev = dependency->prev;
}

/* Take note of what became of it. */
static void note_end(struct dependency *dependency)
{
	struct future *waiting = dependency->waiting;

	if (!dependency->over)
		waiting->hold.open--;
	dependency->over = true;
	if (!dependency->on || dependency->on->durable_state != STORE_SUCCEEDED)
		waiting->hold.spoilt = true;
}

int dependents_link(struct future *waiting)
{
	const struct future_rec *rec = &waiting->rec;
	struct id id;

	if (rec->n_after == 0)
		return 0;
	waiting->hold.on = calloc(rec->n_after, sizeof *waiting->hold.on);
	if (!waiting->hold.on)
		return -ENOMEM;
	waiting->hold.count = waiting->hold.open = rec->n_after;
	for (size_t i = 0; i < rec->n_after; i++) {
		struct dependency *dependency = &waiting->hold.on[i];

		memcpy(id.bytes, rec->after[i], sizeof id.bytes);
		dependency->waiting = waiting;
		dependency->on = index_find(&waiting->broker->index, &id);
		if (dependency->on)
			chain(dependency);
		if (dependency->on && future_at_rest(&dependency->on->rec))
			drive_arm(dependency->on);
		if (!dependency->on || future_state_terminal(dependency->on->durable_state))
			note_end(dependency);
	}
	return 0;
}

void dependents_unlink(struct future *waiting)
{
	struct dependency *on = waiting->hold.on;

	waiting->hold.on = NULL;
	for (size_t i = 0; on && i < waiting->hold.count; i++) {
		if (!on[i].on)
			continue;
		unchain(&on[i]);
		/* What kept it from being forgotten may have been this. */
		if (on[i].on->kept_for == 0 && future_at_rest(&on[i].on->rec))
			drive_arm(on[i].on);
	}
	free(on);
	waiting->hold.count = waiting->hold.open = 0;
	waiting->hold.spoilt = false;
}

/* Put those that future waits for on the list, each once. */
static struct future *add_waits(const struct future *future, uint64_t mark, struct future *list)
{
	for (size_t i = 0; future->hold.on && i < future->hold.count; i++) {
		struct future *on = future->hold.on[i].on;

		if (!on || on->named == mark)
			continue;
		on->named = mark;
		on->walk = list;
		list = on;
	}
	return list;
}

bool dependents_lead_to(struct future *on, const struct future *to)
{
	uint64_t mark = to->broker->naming;
	struct future *list = NULL;

	if (!on || on->named == mark)
		return false;
	on->named = mark;
	while (on && on != to) {
		list = add_waits(on, mark, list);
		on = list;
		if (list)
			list = list->walk;
	}
	return on != NULL;
}

void dependents_ended(struct future *future)
{
	for (struct dependency *dependency = future->dependents; dependency; dependency = dependency->next) {
		note_end(dependency);
		hold_look(dependency->waiting);
	}
}

void dependents_gone(struct future *future)
{
	struct dependency *dependency;

	while ((dependency = future->dependents)) {
		unchain(dependency);
		dependency->on = NULL;
		note_end(dependency);
		hold_look(dependency->waiting);
	}
}
