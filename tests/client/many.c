/* many.c - a program for test_restarts.py: creates futures, waits for them, and says what became of them.
 *
 *   many BASE COUNT     one future for each of operations/0 to operations/COUNT-1 of the service at BASE
 *
 * Prints "connected", then "created" when all are durable, and in the end "called N succeeded N made N".
 */
#include <futured.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLLING "{\"initial\":0.05,\"maximum\":0.2}"

static int called;

static void on_done(futured_future *future, void *userdata)
{
	called++;
}

static int create(futured *c, const char *base, int number, futured_future **ret)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	char name[32];
	const char *params[] = { "base", base, "name", name, NULL };

	snprintf(name, sizeof(name), "operations/%d", number);
	options.profile = "google-lro";
	options.params = params;
	options.polling_json = POLLING;
	options.retry_json = POLLING;
	return futured_create(c, &options, on_done, NULL, ret);
}

static int run(futured *c, const char *base, int n, futured_future **futures)
{
	int succeeded = 0, made = 0, r = 0;

	for (int i = 0; i < n && r >= 0; i++)
		r = create(c, base, i, &futures[i]);
	for (int i = 0; i < n && r >= 0; i++)
		r = futured_future_wait_created(futures[i], FUTURED_TIME_NONE);
	if (r < 0)
		return r;
	puts("created");
	fflush(stdout);
	r = futured_wait(c, futures, (size_t)n, FUTURED_ALL_COMPLETED, FUTURED_TIME_NONE);
	if (r < 0)
		return r;
	for (int i = 0; i < n; i++) {
		succeeded += futured_future_result(futures[i], NULL, NULL) == 0;
		made += futured_future_id(futures[i]) != NULL;
		futured_future_unref(futures[i]);
	}
	printf("called %d succeeded %d made %d\n", called, succeeded, made);
	return 0;
}

int main(int argc, char **argv)
{
	futured_future **futures;
	futured *c;
	int n, r;

	n = argc == 3 ? atoi(argv[2]) : 0;
	if (n <= 0)
		return 2;
	futures = calloc((size_t)n, sizeof(*futures));
	r = futures ? futured_open(NULL, NULL, &c) : -1;
	if (r == 0) {
		puts("connected");
		fflush(stdout);
		r = run(c, argv[1], n, futures);
		futured_unref(c);
	}
	free(futures);
	if (r < 0)
		fprintf(stderr, "%s\n", strerror(-r));
	return r < 0;
}
