/* futurectl_promise.c - what a producer does with a promise: futurectl claim, renew, progress, resolve and reject. */
#include "client/futurectl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROMISE_CLAIM "FUTURED_CLAIM"   /* in the environment, where other users cannot read it */

struct promise_args {
	const char *claim;
	uint64_t lease_usec;
	const char *type;
	const char *file;
	const char *data;
	struct futured_rejection rejection;
};

static const struct option promise_options[] = {
	{ "claim", required_argument, NULL, 'c' },
	{ "lease", required_argument, NULL, 'l' },
	{ "type", required_argument, NULL, 'T' },
	{ "file", required_argument, NULL, 'f' },
	{ "data", required_argument, NULL, 'd' },
	{ "message", required_argument, NULL, 'm' },
	{ "code", required_argument, NULL, 'C' },
	{ "kind", required_argument, NULL, 'k' },
	{ NULL, 0, NULL, 0 }
};

/* One option, if it is among those that the command knows. 0, or the exit code. */
static int promise_take(const struct ctl_command *command, struct promise_args *args, int option, char *value)
{
	switch (option) {
	case 'c':
		args->claim = value;
		return 0;
	case 'l':
		return ctl_parse_span(value, false, &args->lease_usec) ? 0 :
		    ctl_usage(command, "--lease: expected a time such as 90 or 10m, got \"%s\"", value);
	case 'T':
		args->type = value;
		return 0;
	case 'f':
		args->file = value;
		return 0;
	case 'd':
		args->data = value;
		return 0;
	case 'm':
		args->rejection.message = value;
		return 0;
	case 'C':
		args->rejection.code = value;
		return 0;
	case 'k':
		args->rejection.kind = value;
		return 0;
	default:
		return ctl_no_option(command, option);
	}
}

static const char *promise_option_name(int option)
{
	const struct option *row = promise_options;

	while (row->name && row->val != option)
		row++;
	return row->name;
}

/* known: the letters of the options that the command has; n: how many arguments it takes. */
static int promise_parse(struct ctl *ctl, const struct ctl_command *command, struct promise_args *args,
    const char *known, int n, int argc, char **argv)
{
	static const struct promise_args nothing = {
		.lease_usec = FUTURED_TIME_NONE, .rejection = FUTURED_REJECTION_INIT,
	};
	int option, code = 0;

	*args = nothing;
	args->claim = getenv(PROMISE_CLAIM);
	while (code == 0 && (option = ctl_option(ctl, argc, argv, "f:d:m:", promise_options)) != -1) {
		if (promise_option_name(option) && !strchr(known, option))
			code = ctl_usage(command, "it has no option --%s", promise_option_name(option));
		else
			code = promise_take(command, args, option, optarg);
	}
	if (code)
		return code;
	if (argc - optind < n)
		return ctl_usage(command, n == 1 ? "an id is missing" : "an id and a value are expected");
	return ctl_no_more(command, argc - optind - n, argv + optind + n);
}

/* A handle on the promise that shows the claim. 0, or the exit code after saying why not. */
static int promise_attach(struct ctl *ctl, const struct promise_args *args, const char *typed, unsigned flags,
    futured_future **ret)
{
	futured_future *future;
	char id[CTL_ID_SIZE];
	int r, code;

	code = ctl_connect(ctl);
	if (code == 0)
		code = ctl_id(ctl, typed, id);
	if (code)
		return code;
	r = futured_attach(ctl->connection, id, FUTURED_NO_RESULT | flags, NULL, NULL, &future);
	if (r < 0)
		return ctl_fail(typed, r, NULL);
	if (futured_future_set_claim(future, args->claim) < 0) {
		ctl_say("\"%s\" is not a claim: that has 32 hex digits", args->claim);
		futured_future_unref(future);
		return CTL_USAGE;
	}
	*ret = future;
	return 0;
}

static const char *promise_text(json_t *reply, const char *key)
{
	const char *text = json_string_value(json_object_get(reply, key));

	return text ? text : "?";
}

/* Print the answer: all of it with --json, else the line that show makes of it. Releases reply. */
static void promise_print(struct ctl *ctl, futured_future *future, json_t *reply,
    void (*show)(const char *id, json_t *reply))
{
	const char *id = futured_future_id(future);

	if (ctl->json) {
		json_object_set_new(reply, "id", json_string(id));
		ctl_print_json(reply);
		return;
	}
	if (show)
		show(id, reply);
	fflush(stdout);
	json_decref(reply);
}

static void promise_show_claim(const char *id, json_t *reply)
{
	puts(promise_text(reply, "claim"));
}

static void promise_show_lease(const char *id, json_t *reply)
{
	char time[32];

	ctl_format_time(json_integer_value(json_object_get(reply, "lease_until_ms")), time);
	printf("%s lease until %s\n", id, time);
}

static void promise_show_state(const char *id, json_t *reply)
{
	printf("%s %s\n", id, promise_text(reply, "state"));
}

/* A claim without a lease holds as long as we are connected: until the promise is over. */
static int promise_hold(futured_future *future)
{
	int r;

	r = futured_future_wait(future, FUTURED_TIME_NONE);
	if (r < 0)
		return ctl_fail(futured_future_id(future), r, NULL);
	r = futured_future_result(future, NULL, NULL);
	if (r == 0 || r == -ENODATA)
		return CTL_OK;
	return ctl_fail(futured_future_id(future), r, futured_future_error(future));
}

int ctl_claim(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	futured_reply *reply = NULL;
	futured_future *future;
	struct promise_args args;
	json_t *object;
	bool hold;
	int r, code;

	code = promise_parse(ctl, command, &args, "l", 1, argc, argv);
	if (code)
		return code;
	hold = args.lease_usec == FUTURED_TIME_NONE;
	/* The claim does not come back with the connection. */
	ctl->flags |= hold ? FUTURED_NO_RECONNECT : 0;
	args.claim = NULL;
	code = promise_attach(ctl, &args, argv[optind], hold ? 0 : FUTURED_LOOK_ONCE, &future);
	if (code)
		return code;
	r = futured_future_claim(future, args.lease_usec, NULL, NULL, &reply);
	code = ctl_await(ctl, argv[optind], r, reply, CTL_CALL_TIMEOUT_USEC, &object);
	if (code == 0) {
		promise_print(ctl, future, object, promise_show_claim);
		code = hold ? promise_hold(future) : CTL_OK;
	}
	futured_future_unref(future);
	return code;
}

int ctl_renew(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	futured_reply *reply = NULL;
	futured_future *future;
	struct promise_args args;
	json_t *object;
	int r, code;

	code = promise_parse(ctl, command, &args, "cl", 1, argc, argv);
	if (code)
		return code;
	if (args.lease_usec == FUTURED_TIME_NONE)
		return ctl_usage(command, "--lease is missing");
	if (!args.claim)
		return ctl_usage(command, "--claim is missing, and so is $%s", PROMISE_CLAIM);
	code = promise_attach(ctl, &args, argv[optind], FUTURED_LOOK_ONCE, &future);
	if (code)
		return code;
	r = futured_future_renew(future, args.lease_usec, NULL, NULL, &reply);
	code = ctl_await(ctl, argv[optind], r, reply, CTL_CALL_TIMEOUT_USEC, &object);
	if (code == 0)
		promise_print(ctl, future, object, promise_show_lease);
	futured_future_unref(future);
	return code;
}

int ctl_progress(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	futured_reply *reply = NULL;
	futured_future *future;
	struct promise_args args;
	json_error_t error;
	json_t *object;
	int r, code;

	code = promise_parse(ctl, command, &args, "c", 2, argc, argv);
	if (code)
		return code;
	object = json_loads(argv[optind + 1], JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (!object)
		return ctl_usage(command, "the progress is not JSON: %s. Text stands in '\"quotes\"'", error.text);
	json_decref(object);
	code = promise_attach(ctl, &args, argv[optind], FUTURED_LOOK_ONCE, &future);
	if (code)
		return code;
	r = futured_future_set_progress(future, argv[optind + 1], NULL, NULL, &reply);
	code = ctl_await(ctl, argv[optind], r, reply, CTL_CALL_TIMEOUT_USEC, &object);
	if (code == 0)
		promise_print(ctl, future, object, NULL);
	futured_future_unref(future);
	return code;
}

int ctl_resolve(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	futured_reply *reply = NULL;
	futured_future *future;
	struct promise_args args;
	json_t *object;
	char *data = NULL;
	size_t len = 0;
	int r, code;

	code = promise_parse(ctl, command, &args, "cTfd", 1, argc, argv);
	if (code)
		return code;
	if (args.data && args.file)
		return ctl_usage(command, "--data and --file exclude each other");
	if (args.data)
		len = strlen(args.data);
	else
		data = ctl_read_bytes(args.file ? args.file : "-", &len);
	if (!args.data && !data)
		return CTL_USAGE;
	code = promise_attach(ctl, &args, argv[optind], FUTURED_LOOK_ONCE, &future);
	if (code) {
		free(data);
		return code;
	}
	r = futured_future_resolve(future, data ? data : args.data, len, args.type, NULL, NULL, &reply);
	free(data);
	code = ctl_await(ctl, argv[optind], r, reply, CTL_CALL_TIMEOUT_USEC, &object);
	if (code == 0)
		promise_print(ctl, future, object, promise_show_state);
	futured_future_unref(future);
	return code;
}

int ctl_reject(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	futured_reply *reply = NULL;
	futured_future *future;
	struct promise_args args;
	json_t *object;
	char *details = NULL;
	int r, code;

	code = promise_parse(ctl, command, &args, "cmCkf", 1, argc, argv);
	if (code)
		return code;
	if (args.file) {
		details = ctl_read_bytes(args.file, &args.rejection.details_len);
		if (!details)
			return CTL_USAGE;
		args.rejection.details = details;
	}
	code = promise_attach(ctl, &args, argv[optind], FUTURED_LOOK_ONCE, &future);
	if (code)
		goto out;
	r = futured_future_reject(future, &args.rejection, NULL, NULL, &reply);
	code = ctl_await(ctl, argv[optind], r, reply, CTL_CALL_TIMEOUT_USEC, &object);
	if (code == 0)
		promise_print(ctl, future, object, promise_show_state);
	futured_future_unref(future);
out:
	free(details);
	return code;
}
