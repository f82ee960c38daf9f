/* futurectl_watch.c - futurectl watch. */
#include "client/futurectl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_LABELS_MAX 32

struct watch_args {
	struct futured_subscribe_options options;
	const char *labels[2 * WATCH_LABELS_MAX + 1];
	size_t n_labels;
	const char **ids;
	char (*texts)[CTL_ID_SIZE];
};

/* What the callback leaves behind. */
struct watch_run {
	struct ctl *ctl;
	bool over;
	int code;
};

static const char *watch_event_name(enum futured_event_type type)
{
	static const char *const names[] = {
		"ready", "created", "changed", "progress", "forgotten", "gap", "end", "trouble",
	};

	return (unsigned)type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown";
}

static void watch_print_json(const struct futured_event *event)
{
	json_error_t ignored;
	json_t *progress = NULL, *object;

	if (event->progress)
		progress = json_loads(event->progress, JSON_DECODE_ANY | JSON_ALLOW_NUL, &ignored);
	object = json_pack("{s:I, s:s, s:s, s:s, s:I, s:o*, s:s*, s:o*}", "seq", (json_int_t)event->seq,
	    "event", watch_event_name(event->type), "id", event->id, "state", ctl_state_name(event->state),
	    "at_ms", (json_int_t)event->at_ms, "progress", progress, "message", event->message,
	    "error", ctl_error_json(event->error));
	if (event->message)
		json_object_set_new(object, "attempts", json_integer((json_int_t)event->attempts));
	ctl_print_json(object);
}

static void watch_print(const struct futured_event *event)
{
	char time[32];

	ctl_format_time((json_int_t)event->at_ms, time);
	printf("%-8llu %s  %s  %-9s  %s", (unsigned long long)event->seq, time, event->id,
	    watch_event_name(event->type), ctl_state_name(event->state));
	if (event->progress) {
		putchar(' ');
		ctl_print_text(event->progress);
	}
	if (event->message) {
		printf(" (%llu in a row) ", (unsigned long long)event->attempts);
		ctl_print_text(event->message);
	}
	if (event->error) {
		printf(" %s: ", event->error->kind ? event->error->kind : "error");
		ctl_print_text(event->error->message);
	}
	putchar('\n');
	fflush(stdout);
}

static void watch_on_event(futured_subscription *subscription, const struct futured_event *event, void *userdata)
{
	struct watch_run *run = userdata;

	switch (event->type) {
	case FUTURED_EVENT_READY:
		return;
	case FUTURED_EVENT_GAP:
		ctl_say("some events were missed");
		return;
	case FUTURED_EVENT_END:
		run->over = true;
		run->code = ctl_fail(NULL, event->error ? event->error->code : -ENOMEM, event->error);
		return;
	default:
		break;
	}
	if (run->ctl->json)
		watch_print_json(event);
	else
		watch_print(event);
	if (ferror(stdout))
		run->over = true;
}

static int watch_parse(struct ctl *ctl, const struct ctl_command *command, struct watch_args *args, int argc, char **argv)
{
	static const struct option options[] = {
		{ "since", required_argument, NULL, 's' },
		{ "label", required_argument, NULL, 'L' },
		{ NULL, 0, NULL, 0 }
	};
	size_t n;
	int option;

	while ((option = ctl_option(ctl, argc, argv, "", options)) != -1) {
		switch (option) {
		case 's':
			if (!ctl_parse_number(optarg, &args->options.since))
				return ctl_usage(command, "--since: expected a sequence number, got \"%s\"", optarg);
			break;
		case 'L':
			n = args->n_labels;
			if (n == WATCH_LABELS_MAX || !ctl_split(optarg, &args->labels[2 * n], &args->labels[2 * n + 1]))
				return ctl_usage(command, "--label: \"%s\" is not NAME=VALUE, or one too many", optarg);
			args->n_labels++;
			break;
		default:
			return ctl_no_option(command, option);
		}
	}
	if (args->n_labels && optind < argc)
		return ctl_usage(command, "ids and labels exclude each other");
	return 0;
}

static int watch_resolve(struct ctl *ctl, struct watch_args *args, int n, char **typed)
{
	int code = 0;

	if (args->n_labels)
		args->options.labels = args->labels;
	if (n == 0)
		return 0;
	args->ids = calloc((size_t)n + 1, sizeof(*args->ids));
	args->texts = calloc((size_t)n, sizeof(*args->texts));
	if (!args->ids || !args->texts)
		return ctl_fail(NULL, -ENOMEM, NULL);
	for (int i = 0; i < n && code == 0; i++) {
		code = ctl_id(ctl, typed[i], args->texts[i]);
		args->ids[i] = args->texts[i];
	}
	args->options.ids = args->ids;
	return code;
}

int ctl_watch(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct watch_args args = { .options = FUTURED_SUBSCRIBE_INIT };
	futured_subscription *subscription = NULL;
	struct watch_run run = { .ctl = ctl };
	int r;

	run.code = watch_parse(ctl, command, &args, argc, argv);
	if (run.code == 0)
		run.code = ctl_connect(ctl);
	if (run.code == 0)
		run.code = watch_resolve(ctl, &args, argc - optind, argv + optind);
	if (run.code)
		goto out;
	r = futured_subscribe(ctl->connection, &args.options, watch_on_event, &run, &subscription);
	while (r >= 0 && !run.over) {
		r = futured_process(ctl->connection);
		if (r == 0)
			r = futured_wait_io(ctl->connection, FUTURED_TIME_NONE);
	}
	if (r < 0 && !run.over)
		run.code = ctl_fail(NULL, r, NULL);
out:
	futured_subscription_unref(subscription);
	free(args.ids);
	free(args.texts);
	return run.code;
}
