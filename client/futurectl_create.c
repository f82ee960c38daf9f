/* futurectl_create.c - futurectl create. */
#include "client/futurectl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREATE_PAIRS_MAX 64

struct create_args {
	struct futured_create_options options;
	const char *params[2 * CREATE_PAIRS_MAX + 1];
	const char *labels[2 * CREATE_PAIRS_MAX + 1];
	size_t n_params;
	size_t n_labels;
	char *spec;
};

static int create_add_pair(const struct ctl_command *command, char *text, const char **pairs, size_t *n)
{
	if (*n == CREATE_PAIRS_MAX)
		return ctl_usage(command, "more than %d of one kind", CREATE_PAIRS_MAX);
	if (!ctl_split(text, &pairs[2 * *n], &pairs[2 * *n + 1]))
		return ctl_usage(command, "\"%s\" is not NAME=VALUE", text);
	++*n;
	return 0;
}

static int create_take_mode(const struct ctl_command *command, const char *text, unsigned *ret)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (*end || end == text || mode == 0 || mode > 0777)
		return ctl_usage(command, "--mode: expected 0600, 0640, 0644, 0660 or 0666, got \"%s\"", text);
	*ret = (unsigned)mode;
	return 0;
}

/* One option. 0, or the exit code. */
static int create_take(const struct ctl_command *command, struct create_args *args, int option, char *value)
{
	switch (option) {
	case 'p':
		return create_add_pair(command, value, args->params, &args->n_params);
	case 'L':
		return create_add_pair(command, value, args->labels, &args->n_labels);
	case 'P':
		args->options.params_json = value;
		return 0;
	case 's':
		free(args->spec);
		args->spec = ctl_read_file(value);
		return args->spec ? 0 : CTL_USAGE;
	case 'o':
		args->options.polling_json = value;
		return 0;
	case 'r':
		args->options.retry_json = value;
		return 0;
	case 'k':
		args->options.key = value;
		return 0;
	case 'm':
		return create_take_mode(command, value, &args->options.mode);
	case 't':
		return ctl_parse_span(value, true, &args->options.timeout_usec) ? 0 :
		    ctl_usage(command, "--timeout: expected a time such as 90, 10m or none, got \"%s\"", value);
	case 'l':
		return ctl_parse_span(value, true, &args->options.ttl_usec) ? 0 :
		    ctl_usage(command, "--ttl: expected a time such as 7d or none, got \"%s\"", value);
	default:
		return ctl_usage(command, "see above");
	}
}

static int create_parse(const struct ctl_command *command, struct create_args *args, int argc, char **argv)
{
	static const struct option options[] = {
		{ "param", required_argument, NULL, 'p' },
		{ "params", required_argument, NULL, 'P' },
		{ "spec", required_argument, NULL, 's' },
		{ "polling", required_argument, NULL, 'o' },
		{ "retry", required_argument, NULL, 'r' },
		{ "key", required_argument, NULL, 'k' },
		{ "label", required_argument, NULL, 'L' },
		{ "mode", required_argument, NULL, 'm' },
		{ "timeout", required_argument, NULL, 't' },
		{ "ttl", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 }
	};
	int option, code = 0;

	while (code == 0 && (option = getopt_long(argc, argv, "p:", options, NULL)) != -1)
		code = create_take(command, args, option, optarg);
	if (code)
		return code;
	if (optind < argc)
		args->options.profile = argv[optind++];
	if (!args->options.profile && !args->spec)
		return ctl_usage(command, "a profile or --spec is missing");
	if (args->n_params && args->options.params_json)
		return ctl_usage(command, "--param and --params exclude each other");
	args->options.spec_json = args->spec;
	args->options.params = args->n_params ? args->params : NULL;
	args->options.labels = args->n_labels ? args->labels : NULL;
	args->options.flags = FUTURED_NO_RESULT;
	return ctl_no_more(command, argc - optind, argv + optind);
}

static void create_print(struct ctl *ctl, futured_future *future)
{
	if (ctl->json)
		ctl_print_json(json_pack("{s:s, s:s, s:b}", "id", futured_future_id(future), "state",
		    ctl_state_name(futured_future_state(future)), "created", futured_future_is_new(future) == 1));
	else
		puts(futured_future_id(future));
}

int ctl_create(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct create_args args = { .options = FUTURED_CREATE_INIT };
	futured_future *future = NULL;
	int r, code;

	code = create_parse(command, &args, argc, argv);
	if (code == 0)
		code = ctl_connect(ctl);
	if (code)
		goto out;
	r = futured_create(ctl->connection, &args.options, NULL, NULL, &future);
	if (r == 0)
		r = futured_future_wait_created(future, CTL_CALL_TIMEOUT_USEC);
	if (r > 0) {
		create_print(ctl, future);
	} else if (r == 0) {
		ctl_say("no answer from the daemon at %s", futured_socket_path(ctl->connection));
		code = CTL_UNREACHABLE;
	} else {
		code = ctl_fail(NULL, r, future ? futured_future_error(future) : NULL);
	}
out:
	futured_future_unref(future);
	free(args.spec);
	return code;
}
