/* crowd.c - a program for test_crowd.py: very many futures at once.
 *
 *   crowd create BASE COUNT FILE   one future for each of operations/0 to operations/COUNT-1 of the service at BASE, saved as a
 *                                  group; waits for each in the order of completion
 *   crowd slowly BASE COUNT FILE   the same, but each is made when the one before is
 *   crowd all FILE                 waits for all of a group
 *   crowd first FILE               waits for the first, prints its id
 *   crowd exception FILE           waits for the first that failed, prints its id
 *
 * Says "waiting" when its wait begins, and in the end "total N succeeded N failed N cancelled N others N".
 */
#include <futured.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static int create(futured *c, const char *base, int number, bool slowly, futured_group *group)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	char name[32];
	const char *params[] = { "base", base, "name", name, NULL };
	futured_future *f;
	int r;

	snprintf(name, sizeof(name), "operations/%d", number);
	options.profile = "google-lro";
	options.params = params;
	options.flags = FUTURED_NO_RESULT;
	r = futured_create(c, &options, NULL, NULL, &f);
	if (r < 0)
		return r;
	r = futured_group_add(group, f);
	if (r == 0 && slowly)
		r = futured_future_wait_created(f, FUTURED_TIME_NONE);
	futured_future_unref(f);
	return r < 0 ? r : 0;
}

/* Take each in turn: as many as there are, each done when it comes. */
static int take_all(futured_group *group)
{
	futured_completion *it;
	futured_future *f;
	size_t n = 0;
	int r;

	r = futured_group_as_completed(group, FUTURED_TIME_NONE, &it);
	if (r < 0)
		return r;
	while ((r = futured_completion_next(it, &f)) > 0)
		n += (size_t)futured_future_is_done(f);
	futured_completion_free(it);
	return r < 0 || n != futured_group_count(group) ? -1 : 0;
}

static int create_all(futured *c, char **arguments, futured_group **ret)
{
	const char *base = arguments[2], *path = arguments[4];
	bool slowly = strcmp(arguments[1], "slowly") == 0;
	int n = atoi(arguments[3]);
	int r;

	r = futured_group_new(c, NULL, 0, 0, ret);
	for (int i = 0; i < n && r == 0; i++)
		r = create(c, base, i, slowly, *ret);
	if (r == 0)
		r = futured_group_wait_created(*ret, FUTURED_TIME_NONE);
	if (r > 0)
		r = futured_group_save(*ret, path);
	if (r < 0)
		return r;
	say("waiting");
	return take_all(*ret);
}

static int wait_for(futured *c, const char *how, const char *path, futured_group **ret)
{
	enum futured_wait_mode mode = FUTURED_ALL_COMPLETED;
	int r;

	if (how[0] != 'a')
		mode = how[0] == 'f' ? FUTURED_FIRST_COMPLETED : FUTURED_FIRST_EXCEPTION;
	r = futured_group_open(c, path, ret);
	if (r < 0)
		return r;
	say("waiting");
	r = futured_group_wait(*ret, mode, FUTURED_TIME_NONE);
	for (size_t i = 0; r > 0 && mode != FUTURED_ALL_COMPLETED && i < futured_group_count(*ret); i++) {
		futured_future *f = futured_group_at(*ret, i);

		if (mode == FUTURED_FIRST_COMPLETED ? futured_future_is_done(f) : futured_future_state(f) == FUTURED_FAILED)
			say(futured_future_id(f));
	}
	return r;
}

int main(int argc, char **argv)
{
	size_t counts[FUTURED_STATES], others;
	futured_group *group = NULL;
	futured *c = NULL;
	int r;

	r = futured_open(NULL, NULL, &c);
	if (r == 0 && argc == 5)
		r = create_all(c, argv, &group);
	else if (r == 0 && argc == 3)
		r = wait_for(c, argv[1], argv[2], &group);
	if (r >= 0 && group) {
		others = futured_group_counts(group, counts);
		printf("total %zu succeeded %zu failed %zu cancelled %zu others %zu\n", futured_group_count(group),
		    counts[FUTURED_SUCCEEDED], counts[FUTURED_FAILED], counts[FUTURED_CANCELLED], others);
	}
	futured_group_unref(group);
	futured_unref(c);
	if (r < 0)
		fprintf(stderr, "%s\n", strerror(-r));
	return r < 0;
}
