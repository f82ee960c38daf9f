/* wait.c - creates a future, waits for it, and prints its result: the shortest way through libfutured.
 *
 *   cc wait.c $(pkg-config --cflags --libs libfutured) -o wait
 *   ./wait google-lro name=operations/123
 */
#include <futured.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS_MAX 16

/* Turn NAME=VALUE arguments into the list of names and values that the library takes. */
static int read_params(int n, char **arguments, const char **ret)
{
	for (int i = 0; i < n; i++) {
		char *equals = strchr(arguments[i], '=');

		if (!equals || i == PARAMS_MAX)
			return -1;
		*equals = '\0';
		ret[2 * i] = arguments[i];
		ret[2 * i + 1] = equals + 1;
	}
	return 0;
}

static int print_result(futured_future *future)
{
	const struct futured_error *error = futured_future_error(future);
	const void *data;
	size_t len;
	int r = futured_future_result(future, &data, &len);

	if (r < 0) {
		fprintf(stderr, "%s\n", error ? error->message : strerror(-r));
		return EXIT_FAILURE;
	}
	return fwrite(data, 1, len, stdout) == len ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	const char *params[2 * PARAMS_MAX + 1] = { NULL };
	futured_future *future = NULL;
	futured *connection = NULL;
	int status = EXIT_FAILURE, r;

	if (argc < 2 || read_params(argc - 2, argv + 2, params) < 0) {
		fprintf(stderr, "Usage: wait PROFILE [NAME=VALUE]...\n");
		return EXIT_FAILURE;
	}
	options.profile = argv[1];
	options.params = params;

	r = futured_open(NULL, NULL, &connection);
	if (r == 0)
		r = futured_create(connection, &options, NULL, NULL, &future);
	/* Not needed for the result; but from here on the future is safe, whatever becomes of this program. */
	if (r == 0)
		r = futured_future_wait_created(future, FUTURED_TIME_NONE);
	if (r > 0) {
		fprintf(stderr, "waiting for %s\n", futured_future_id(future));
		r = futured_future_wait(future, FUTURED_TIME_NONE);
	}
	if (r > 0)
		status = print_result(future);
	else
		fprintf(stderr, "%s\n", strerror(-r));
	futured_future_unref(future);
	futured_unref(connection);
	return status;
}
