/* futurectl_change.c - what changes a future: futurectl cancel, refresh, extend, retry and forget. */
#include "client/futurectl.h"

#include <stdio.h>
#include <string.h>

/* Resolve an id, call a method with it and perhaps one more param, and hand out the answer. params is released. */
static int change_call(struct ctl *ctl, const char *typed, const char *method, json_t *params, json_t **ret)
{
	char id[CTL_ID_SIZE];
	int code = ctl_id(ctl, typed, id);

	if (code) {
		json_decref(params);
		return code;
	}
	json_object_set_new(params, "id", json_string(id));
	code = ctl_call(ctl, typed, method, params, ret);
	if (code == 0 && !json_object_get(*ret, "id"))
		json_object_set_new(*ret, "id", json_string(id));
	return code;
}

static const char *change_text(json_t *reply, const char *key)
{
	const char *text = json_string_value(json_object_get(reply, key));

	return text ? text : "?";
}

static void change_show_cancelled(json_t *reply)
{
	bool asked = json_is_true(json_object_get(reply, "cancelled"));
	const char *state = change_text(reply, "state");

	if (asked && strcmp(state, "cancelled") != 0)
		printf("%s %s, cancel requested\n", change_text(reply, "id"), state);
	else
		printf("%s %s\n", change_text(reply, "id"), state);
}

static void change_show_state(json_t *reply)
{
	printf("%s %s\n", change_text(reply, "id"), change_text(reply, "state"));
}

static void change_show_forgotten(json_t *reply)
{
	printf("%s forgotten\n", change_text(reply, "id"));
}

/* The same for each id. All are tried; the exit code is that of the first that could not be done. */
static int change_each(struct ctl *ctl, const struct ctl_command *command, const char *method,
    void (*show)(json_t *reply), int argc, char **argv)
{
	int first = 0;

	first = ctl_arguments(ctl, command, argc, argv);
	if (first)
		return first;
	if (optind == argc)
		return ctl_usage(command, "an id is missing");
	for (int i = optind; i < argc; i++) {
		json_t *reply = NULL;
		int code = change_call(ctl, argv[i], method, json_object(), &reply);

		first = first ? first : code;
		if (code == CTL_UNREACHABLE)
			return code;
		if (code)
			continue;
		if (ctl->json) {
			ctl_print_json(reply);
			continue;
		}
		show(reply);
		json_decref(reply);
	}
	return first;
}

int ctl_cancel(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	return change_each(ctl, command, "future.cancel", change_show_cancelled, argc, argv);
}

int ctl_refresh(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	return change_each(ctl, command, "future.refresh", change_show_state, argc, argv);
}

int ctl_forget(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	return change_each(ctl, command, "future.forget", change_show_forgotten, argc, argv);
}

static void change_show_pinned(json_t *reply)
{
	printf("%s %s\n", change_text(reply, "id"), json_is_true(json_object_get(reply, "pinned")) ? "pinned" : "not pinned");
}

int ctl_pin(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	return change_each(ctl, command, "future.pin", change_show_pinned, argc, argv);
}

int ctl_unpin(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	return change_each(ctl, command, "future.unpin", change_show_pinned, argc, argv);
}

int ctl_extend(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	uint64_t usec = 0;
	char time[32] = "none";
	json_t *reply, *deadline;
	int code;

	code = ctl_arguments(ctl, command, argc, argv);
	if (code)
		return code;
	argv += optind;
	if (argc - optind != 2)
		return ctl_usage(command, "an id and a time are expected");
	if (!ctl_parse_span(argv[1], true, &usec))
		return ctl_usage(command, "expected a time such as 90, 10m or none, got \"%s\"", argv[1]);
	code = change_call(ctl, argv[0], "future.extend", json_pack("{s:o}", "timeout",
	    usec == FUTURED_TIME_NONE ? json_null() : json_real((double)usec / 1e6)), &reply);
	if (code)
		return code;
	if (ctl->json) {
		ctl_print_json(reply);
		return 0;
	}
	deadline = json_object_get(reply, "deadline_at_ms");
	if (deadline)
		ctl_format_time(json_integer_value(deadline), time);
	printf("%s deadline %s\n", change_text(reply, "id"), time);
	json_decref(reply);
	return 0;
}

int ctl_retry(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	json_t *reply;
	int code;

	code = ctl_arguments(ctl, command, argc, argv);
	if (code)
		return code;
	if (argc - optind != 1)
		return ctl_usage(command, "one id is expected");
	code = change_call(ctl, argv[optind], "future.retry", json_object(), &reply);
	if (code)
		return code;
	if (ctl->json) {
		ctl_print_json(reply);
		return 0;
	}
	puts(change_text(reply, "id"));
	json_decref(reply);
	return 0;
}
