/* futurectl_creation.c - what the commands that create futures have in common. */
#include "client/futurectl_creation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int creation_add_pair(const struct ctl_command *command, char *text, const char **pairs, size_t *n)
{
	if (*n == CREATION_PAIRS_MAX)
		return ctl_usage(command, "more than %d of one kind", CREATION_PAIRS_MAX);
	if (!ctl_split(text, &pairs[2 * *n], &pairs[2 * *n + 1]))
		return ctl_usage(command, "\"%s\" is not NAME=VALUE", text);
	++*n;
	return 0;
}

static int creation_take_mode(const struct ctl_command *command, const char *text, unsigned *ret)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (*end || end == text || mode == 0 || mode > 0777)
		return ctl_usage(command, "--mode: expected 0600, 0640, 0644, 0660 or 0666, got \"%s\"", text);
	*ret = (unsigned)mode;
	return 0;
}

int creation_take(const struct ctl_command *command, struct creation *creation, int option, char *value)
{
	struct futured_create_options *options = &creation->options;

	switch (option) {
	case 'k':
		options->key = value;
		return 0;
	case 'L':
		return creation_add_pair(command, value, creation->labels, &creation->n_labels);
	case 'm':
		return creation_take_mode(command, value, &options->mode);
	case 't':
		return ctl_parse_span(value, true, &options->timeout_usec) ? 0 :
		    ctl_usage(command, "--timeout: expected a time such as 90, 10m or none, got \"%s\"", value);
	case 'l':
		return ctl_parse_span(value, true, &options->ttl_usec) ? 0 :
		    ctl_usage(command, "--ttl: expected a time such as 7d or none, got \"%s\"", value);
	case 'a':
		if (creation->n_after == CREATION_AFTER_MAX)
			return ctl_usage(command, "--after: more than %d", CREATION_AFTER_MAX);
		creation->after[creation->n_after++] = value;
		return 0;
	case 'S':
		return ctl_parse_time(value, &options->start_at_ms) ? 0 :
		    ctl_usage(command, "--start-at: expected a time such as 18:30, '2026-01-31 18:30' or "
			"2026-01-31T18:30Z, got \"%s\"", value);
	case 'D':
		creation->delayed = true;
		return ctl_parse_span(value, false, &options->delay_usec) ? 0 :
		    ctl_usage(command, "--delay: expected a time such as 90 or 10m, got \"%s\"", value);
	default:
		return ctl_no_option(command, option);
	}
}

int creation_ready(struct ctl *ctl, const struct ctl_command *command, struct creation *creation)
{
	struct futured_create_options *options = &creation->options;
	int code;

	if (options->start_at_ms && creation->delayed)
		return ctl_usage(command, "--start-at and --delay exclude each other");
	options->labels = creation->n_labels ? creation->labels : NULL;
	/* It is printed, and left alone. */
	options->flags = FUTURED_NO_RESULT | FUTURED_LOOK_ONCE;
	code = ctl_connect(ctl);
	if (code || creation->n_after == 0)
		return code;
	creation->after_ids = calloc(creation->n_after, sizeof(*creation->after_ids));
	if (!creation->after_ids)
		return ctl_fail(NULL, -ENOMEM, NULL);
	for (size_t i = 0; i < creation->n_after && code == 0; i++) {
		code = ctl_id(ctl, creation->after[i], creation->after_ids[i]);
		creation->after[i] = creation->after_ids[i];
	}
	options->after = creation->after;
	return code;
}

void creation_done(struct creation *creation)
{
	free(creation->after_ids);
	creation->after_ids = NULL;
}

static void creation_print(struct ctl *ctl, size_t line, futured_future *future)
{
	json_t *object;

	if (!ctl->json) {
		puts(futured_future_id(future));
		return;
	}
	object = json_pack("{s:s, s:s, s:b}", "id", futured_future_id(future), "state",
	    ctl_state_name(futured_future_state(future)), "created", futured_future_is_new(future) == 1);
	if (line)
		json_object_set_new(object, "line", json_integer((json_int_t)line));
	ctl_print_json(object);
}

int creation_await(struct ctl *ctl, const char *what, size_t line, int r, futured_future *future)
{
	int code = 0;

	if (r == 0)
		r = futured_future_wait_created(future, CTL_CALL_TIMEOUT_USEC);
	if (r > 0) {
		creation_print(ctl, line, future);
	} else if (r == 0) {
		ctl_say("no answer from the daemon at %s", futured_socket_path(ctl->connection));
		code = CTL_UNREACHABLE;
	} else {
		code = ctl_fail(what, r, future ? futured_future_error(future) : NULL);
	}
	futured_future_unref(future);
	return code;
}
