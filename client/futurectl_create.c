/* futurectl_create.c - futurectl create. */
#include "client/futurectl_creation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct create_args {
	struct creation creation;
	const char *params[2 * CREATION_PAIRS_MAX + 1];
	size_t n_params;
	char *spec;
	const char *batch;           /* a file with a spec, */
	const char *params_batch;    /* or one with params, on each line */
};

/* One option. 0, or the exit code. */
static int create_take(const struct ctl_command *command, struct create_args *args, int option, char *value)
{
	struct futured_create_options *options = &args->creation.options;

	switch (option) {
	case 'p':
		return creation_add_pair(command, value, args->params, &args->n_params);
	case 'P':
		options->params_json = value;
		return 0;
	case 's':
		free(args->spec);
		args->spec = ctl_read_file(value);
		return args->spec ? 0 : CTL_USAGE;
	case 'o':
		options->polling_json = value;
		return 0;
	case 'r':
		options->retry_json = value;
		return 0;
	case 'b':
		args->batch = value;
		return 0;
	case 'B':
		args->params_batch = value;
		return 0;
	default:
		return creation_take(command, &args->creation, option, value);
	}
}

static int create_check(const struct ctl_command *command, struct create_args *args)
{
	bool params = args->n_params || args->creation.options.params_json;

	if (!args->creation.options.profile && !args->spec && !args->batch)
		return ctl_usage(command, "a profile, --spec or --batch is missing");
	if (args->n_params && args->creation.options.params_json)
		return ctl_usage(command, "--param and --params exclude each other");
	if (args->batch && (args->spec || args->params_batch))
		return ctl_usage(command, "--batch excludes --spec and --params-batch");
	if (args->params_batch && params)
		return ctl_usage(command, "--params-batch excludes --param and --params");
	return 0;
}

static int create_parse(struct ctl *ctl, const struct ctl_command *command, struct create_args *args, int argc,
    char **argv)
{
	static const struct option options[] = {
		{ "param", required_argument, NULL, 'p' },
		{ "params", required_argument, NULL, 'P' },
		{ "spec", required_argument, NULL, 's' },
		{ "polling", required_argument, NULL, 'o' },
		{ "retry", required_argument, NULL, 'r' },
		{ "batch", required_argument, NULL, 'b' },
		{ "params-batch", required_argument, NULL, 'B' },
		CREATION_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	int option, code = 0;

	while (code == 0 && (option = ctl_option(ctl, argc, argv, "p:", options)) != -1)
		code = create_take(command, args, option, optarg);
	if (code)
		return code;
	if (optind < argc)
		args->creation.options.profile = argv[optind++];
	code = create_check(command, args);
	if (code)
		return code;
	args->creation.options.spec_json = args->spec;
	args->creation.options.params = args->n_params ? args->params : NULL;
	return ctl_no_more(command, argc - optind, argv + optind);
}

int ctl_create(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct create_args args = { .creation.options = FUTURED_CREATE_INIT };
	struct futured_create_options *options = &args.creation.options;
	futured_future *future = NULL;
	int r, code;

	code = create_parse(ctl, command, &args, argc, argv);
	if (code == 0)
		code = creation_ready(ctl, command, &args.creation);
	if (code == 0 && args.batch) {
		code = creation_batch(ctl, args.batch, options, &options->spec_json);
	} else if (code == 0 && args.params_batch) {
		code = creation_batch(ctl, args.params_batch, options, &options->params_json);
	} else if (code == 0) {
		r = futured_create(ctl->connection, options, NULL, NULL, &future);
		code = creation_await(ctl, NULL, 0, r, future);
	}
	creation_done(&args.creation);
	free(args.spec);
	return code;
}
