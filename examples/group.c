/* group.c - many futures in one place, over the end of a program: remembers them in a file, and another time takes them up
 * again and prints their results in the order in which they come.
 *
 *   cc group.c $(pkg-config --cflags --libs libfutured) -o group
 *   ./group save jobs.json $(futurectl list --json | jq -r .id)
 *   ./group open jobs.json
 */
#include <futured.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int save(futured *connection, const char *path, char *const *ids)
{
	futured_group *group;
	int r;

	r = futured_group_new(connection, NULL, 0, 0, &group);
	if (r < 0)
		return r;
	for (; *ids && r == 0; ids++)
		r = futured_group_add_id(group, *ids);
	if (r == 0)
		r = futured_group_save(group, path);
	futured_group_unref(group);
	return r;
}

static void print_result(futured_future *future)
{
	const struct futured_error *error = futured_future_error(future);
	const void *data;
	size_t len;

	if (futured_future_result(future, &data, &len) == 0)
		printf("%s succeeded %.*s\n", futured_future_id(future), (int)len, (const char *)data);
	else
		printf("%s %s\n", futured_future_id(future), error ? error->message : "did not succeed");
	fflush(stdout);
}

static int print_in_order(futured_group *group)
{
	futured_completion *completion;
	futured_future *future;
	int r;

	r = futured_group_as_completed(group, FUTURED_TIME_NONE, &completion);
	if (r < 0)
		return r;
	while ((r = futured_completion_next(completion, &future)) > 0)
		print_result(future);
	futured_completion_free(completion);
	return r;
}

static int open_and_wait(futured *connection, const char *path)
{
	size_t counts[FUTURED_STATES];
	futured_group *group;
	int r;

	r = futured_group_open(connection, path, &group);
	if (r < 0)
		return r;
	/* How things stand, before any waiting. */
	r = futured_group_refresh(group, FUTURED_TIME_NONE);
	futured_group_counts(group, counts);
	printf("%zu futures, %zu succeeded, %zu failed, %zu cancelled\n", futured_group_count(group),
	    counts[FUTURED_SUCCEEDED], counts[FUTURED_FAILED], counts[FUTURED_CANCELLED]);
	if (r > 0)
		r = print_in_order(group);
	futured_group_unref(group);
	return r;
}

int main(int argc, char **argv)
{
	futured *connection = NULL;
	const char *problem;
	int r;

	if (argc < 3 || (strcmp(argv[1], "save") != 0 && strcmp(argv[1], "open") != 0)) {
		fprintf(stderr, "Usage: group save FILE ID...\n       group open FILE\n");
		return EXIT_FAILURE;
	}
	r = futured_open(NULL, NULL, &connection);
	if (r == 0)
		r = argv[1][0] == 's' ? save(connection, argv[2], argv + 3) : open_and_wait(connection, argv[2]);
	if (r < 0) {
		problem = connection ? futured_group_file_error(connection) : NULL;
		fprintf(stderr, "%s\n", problem ? problem : strerror(-r));
	}
	futured_unref(connection);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
