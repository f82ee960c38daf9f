/* futurectl_local.c - futures without a service: futurectl promise, timer and group. */
#include "client/futurectl_creation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct local_args {
	struct creation creation;
	const char *on_abandon;
	enum futured_wait_mode until;
};

static int local_take(const struct ctl_command *command, struct local_args *args, int option, char *value)
{
	static const char *const names[] = { "all", "any", "first-exception" };

	switch (option) {
	case 'A':
		if (strcmp(value, "fail") != 0 && strcmp(value, "release") != 0)
			return ctl_usage(command, "--on-abandon: expected fail or release, got \"%s\"", value);
		args->on_abandon = value;
		return 0;
	case 'u':
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (strcmp(value, names[i]) == 0) {
				args->until = (enum futured_wait_mode)i;
				return 0;
			}
		}
		return ctl_usage(command, "--until: expected all, any or first-exception, got \"%s\"", value);
	default:
		return creation_take(command, &args->creation, option, value);
	}
}

static int local_parse(struct ctl *ctl, const struct ctl_command *command, struct local_args *args,
    const struct option *options, int argc, char **argv)
{
	int option, code = 0;

	while (code == 0 && (option = ctl_option(ctl, argc, argv, "", options)) != -1)
		code = local_take(command, args, option, optarg);
	return code;
}

static int local_create(struct ctl *ctl, const struct ctl_command *command, struct local_args *args)
{
	futured_future *future = NULL;
	int r, code;

	code = creation_ready(ctl, command, &args->creation);
	if (code == 0) {
		r = futured_create(ctl->connection, &args->creation.options, NULL, NULL, &future);
		code = creation_await(ctl, NULL, 0, r, future);
	}
	creation_done(&args->creation);
	return code;
}

int ctl_promise(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "on-abandon", required_argument, NULL, 'A' },
		CREATION_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct local_args args = { .creation.options = FUTURED_CREATE_INIT };
	int code;

	code = local_parse(ctl, command, &args, options, argc, argv);
	if (code == 0)
		code = ctl_no_more(command, argc - optind, argv + optind);
	if (code)
		return code;
	args.creation.options.spec_json = "{\"kind\": \"promise\"}";
	if (args.on_abandon && strcmp(args.on_abandon, "release") == 0)
		args.creation.options.spec_json = "{\"kind\": \"promise\", \"on_abandon\": \"release\"}";
	return local_create(ctl, command, &args);
}

int ctl_timer(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		CREATION_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct local_args args = { .creation.options = FUTURED_CREATE_INIT };
	struct futured_create_options *creation = &args.creation.options;
	bool timed;
	int code;

	code = local_parse(ctl, command, &args, options, argc, argv);
	if (code)
		return code;
	timed = args.creation.delayed || creation->start_at_ms;
	if (optind < argc) {
		if (timed)
			return ctl_usage(command, "one time is enough");
		if (!ctl_parse_span(argv[optind], false, &creation->delay_usec) &&
		    !ctl_parse_time(argv[optind], &creation->start_at_ms))
			return ctl_usage(command, "expected a time such as 90, 10m, 18:30 or '2026-01-31 18:30', got "
			    "\"%s\"", argv[optind]);
		timed = true;
		optind++;
	}
	if (!timed)
		return ctl_usage(command, "a time is missing");
	/* 0 says nothing to the library, and now is soon enough. */
	if (!creation->start_at_ms && creation->delay_usec == 0)
		creation->delay_usec = 1;
	code = ctl_no_more(command, argc - optind, argv + optind);
	if (code)
		return code;
	creation->spec_json = "{\"kind\": \"timer\"}";
	return local_create(ctl, command, &args);
}

/* What the members are. 0, or the exit code. */
static int local_resolve(struct ctl *ctl, int n, char **typed, const char **ids, char (*texts)[CTL_ID_SIZE])
{
	int code = 0;

	for (int i = 0; i < n && code == 0; i++) {
		code = ctl_id(ctl, typed[i], texts[i]);
		ids[i] = texts[i];
	}
	return code;
}

int ctl_group(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "until", required_argument, NULL, 'u' },
		CREATION_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct local_args args = { .creation.options = FUTURED_CREATE_INIT, .until = FUTURED_ALL_COMPLETED };
	futured_future *future = NULL;
	char (*texts)[CTL_ID_SIZE] = NULL;
	const char **ids = NULL;
	int r, n, code;

	code = local_parse(ctl, command, &args, options, argc, argv);
	n = argc - optind;
	if (code == 0 && n == 0)
		code = ctl_usage(command, "an id is missing");
	if (code == 0)
		code = creation_ready(ctl, command, &args.creation);
	if (code)
		goto out;
	ids = calloc((size_t)n + 1, sizeof(*ids));
	texts = calloc((size_t)n, sizeof(*texts));
	if (!ids || !texts) {
		code = ctl_fail(NULL, -ENOMEM, NULL);
		goto out;
	}
	code = local_resolve(ctl, n, argv + optind, ids, texts);
	if (code)
		goto out;
	r = futured_group_future_create(ctl->connection, ids, args.until, &args.creation.options, NULL, NULL, &future);
	code = creation_await(ctl, NULL, 0, r, future);
out:
	free(ids);
	free(texts);
	creation_done(&args.creation);
	return code;
}
