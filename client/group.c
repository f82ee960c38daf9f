/* group.c - several handles, in order: their states, and waits for all of them. */
#include "config.h"

#include "client/group.h"

#include "client/future.h"
#include "client/refresh.h"
#include "client/wait.h"

#include <errno.h>
#include <search.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_ROOM_MIN 16u

int futured_group_new(futured *c, futured_future *const *futures, size_t n, unsigned flags, futured_group **ret)
{
	futured_group *group;
	int r;

	r = conn_check(c);
	if (r < 0)
		return r;
	if (flags & ~GROUP_FLAGS)
		return -EINVAL;
	group = calloc(1, sizeof(*group));
	if (!group)
		return -ENOMEM;
	group->refs = 1;
	group->flags = flags;
	group->conn = c;
	TAILQ_INSERT_TAIL(&c->groups, group, entry);
	for (size_t i = 0; i < n; i++) {
		r = futured_group_add(group, futures[i]);
		if (r < 0) {
			futured_group_unref(group);
			return r;
		}
	}
	*ret = group;
	return 0;
}

futured_group *futured_group_ref(futured_group *group)
{
	if (group)
		group->refs++;
	return group;
}

static void group_detach(futured_group *group)
{
	if (group->conn)
		TAILQ_REMOVE(&group->conn->groups, group, entry);
	group->conn = NULL;
}

/* What the tree points to is not its own. */
static void group_keep(void *id)
{
}

futured_group *futured_group_unref(futured_group *group)
{
	if (!group || --group->refs > 0)
		return NULL;
	group_detach(group);
	tdestroy(group->by_id, group_keep);
	for (size_t i = 0; i < group->n; i++)
		futured_future_unref(group->futures[i]);
	free(group->futures);
	free(group);
	return NULL;
}

void group_detach_all(struct futured *c)
{
	futured_group *group;

	while ((group = TAILQ_FIRST(&c->groups)))
		group_detach(group);
}

/* Room for one more. */
static int group_reserve(futured_group *group)
{
	size_t room = group->room ? group->room * 2 : GROUP_ROOM_MIN;
	futured_future **futures;

	if (group->n < group->room)
		return 0;
	if (room > SIZE_MAX / sizeof(futured_future *))
		return -ENOMEM;
	futures = realloc(group->futures, room * sizeof(futured_future *));
	if (!futures)
		return -ENOMEM;
	group->futures = futures;
	group->room = room;
	return 0;
}

static int group_compare(const void *left, const void *right)
{
	return id_compare(left, right);
}

/* Append f, whose reference is taken over also on failure. There must be room. */
static int group_append(futured_group *group, futured_future *f)
{
	if (f->has_id && !tsearch(&f->id, &group->by_id, group_compare)) {
		futured_future_unref(f);
		return -ENOMEM;
	}
	group->futures[group->n++] = f;
	return 0;
}

/* The handle in group with that id, or NULL. */
static futured_future *group_find(futured_group *group, const char *text)
{
	struct id id, *const *found;

	if (!text || id_parse(text, strlen(text), &id) < 0)
		return NULL;
	found = tfind(&id, &group->by_id, group_compare);
	return found ? (futured_future *)(void *)((char *)*found - offsetof(struct futured_future, id)) : NULL;
}

int futured_group_add(futured_group *group, futured_future *f)
{
	int r;

	if (!group->conn)
		return -ENOTCONN;
	if (f->conn != group->conn)
		return -EINVAL;
	r = group_reserve(group);
	return r < 0 ? r : group_append(group, futured_future_ref(f));
}

int futured_group_add_id(futured_group *group, const char *id)
{
	futured_future *f;
	int r;

	if (!group->conn)
		return -ENOTCONN;
	r = group_reserve(group);
	if (r < 0)
		return r;
	f = futured_future_ref(group_find(group, id));
	if (!f)
		r = futured_attach(group->conn, id, group->flags & FUTURED_NO_RESULT, NULL, NULL, &f);
	return r < 0 ? r : group_append(group, f);
}

size_t futured_group_count(futured_group *group)
{
	return group->n;
}

futured_future *futured_group_at(futured_group *group, size_t i)
{
	return i < group->n ? group->futures[i] : NULL;
}

const char *futured_group_id(futured_group *group, size_t i)
{
	return i < group->n ? futured_future_id(group->futures[i]) : NULL;
}

int futured_group_is_single(futured_group *group)
{
	return (group->flags & FUTURED_GROUP_SINGLE) != 0;
}

int futured_group_is_ready(futured_group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		if (!group->futures[i]->done)
			return 0;
	}
	return 1;
}

size_t futured_group_counts(futured_group *group, size_t ret[FUTURED_STATES])
{
	size_t others = 0;

	for (int i = 0; i < FUTURED_STATES; i++)
		ret[i] = 0;
	for (size_t i = 0; i < group->n; i++) {
		const futured_future *f = group->futures[i];

		if (f->done && f->state < FUTURED_SUCCEEDED)
			others++;
		else
			ret[f->state]++;
	}
	return others;
}

int futured_group_refresh(futured_group *group, uint64_t timeout_usec)
{
	int r;

	if (futured_group_is_ready(group))
		return 1;
	if (!group->conn)
		return -ENOTCONN;
	r = conn_check(group->conn);
	if (r < 0)
		return r;
	return refresh_states(group->conn, group->futures, group->n, timeout_usec);
}

int futured_group_wait_created(futured_group *group, uint64_t timeout_usec)
{
	uint64_t start = conn_now();
	int r = 1;

	futured_group_ref(group);
	for (size_t i = 0; r > 0 && i < group->n; i++) {
		uint64_t used = conn_now() - start, left = timeout_usec;

		if (timeout_usec != FUTURED_TIME_NONE)
			left = used < timeout_usec ? timeout_usec - used : 0;
		r = futured_future_wait_created(group->futures[i], left);
	}
	futured_group_unref(group);
	return r;
}

int futured_group_wait(futured_group *group, enum futured_wait_mode mode, uint64_t timeout_usec)
{
	return wait_for(NULL, group->futures, group->n, mode, timeout_usec);
}

int futured_group_as_completed(futured_group *group, uint64_t timeout_usec, futured_completion **ret)
{
	return futured_as_completed(group->conn, group->futures, group->n, timeout_usec, ret);
}
