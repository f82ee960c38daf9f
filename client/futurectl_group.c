/* futurectl_group.c - files that keep the ids of several futures: futurectl save and open. */
#include "client/futurectl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Why a file could not be read or written. */
static int group_fail(struct ctl *ctl, int r)
{
	const char *message = futured_group_file_error(ctl->connection);

	ctl_say("%s", message ? message : strerror(-r));
	return r == -ENOTCONN ? CTL_UNREACHABLE : CTL_FAILED;
}

int ctl_save(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "single", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	unsigned flags = FUTURED_NO_RESULT;
	futured_group *group = NULL;
	char id[CTL_ID_SIZE];
	int option, r, code;

	while ((option = ctl_option(ctl, argc, argv, "", options)) != -1) {
		if (option != 's')
			return ctl_no_option(command, option);
		flags |= FUTURED_GROUP_SINGLE;
	}
	if (optind == argc)
		return ctl_usage(command, "a file is missing");
	if ((flags & FUTURED_GROUP_SINGLE) && argc - optind != 2)
		return ctl_usage(command, "--single is for one id");
	code = ctl_connect(ctl);
	if (code)
		return code;
	r = futured_group_new(ctl->connection, NULL, 0, flags, &group);
	for (int i = optind + 1; i < argc && r == 0 && code == 0; i++) {
		code = ctl_id(ctl, argv[i], id);
		if (code == 0)
			r = futured_group_add_id(group, id);
	}
	if (r < 0)
		code = ctl_fail(NULL, r, NULL);
	if (code == 0) {
		r = futured_group_save(group, argv[optind]);
		code = r < 0 ? group_fail(ctl, r) : 0;
	}
	futured_group_unref(group);
	return code;
}

/* One of the group on a line: its id, and its state if that was asked for; "forgotten" for one that is no more. */
static void group_print(struct ctl *ctl, futured_group *group, size_t i, bool states)
{
	futured_future *future = futured_group_at(group, i);
	const char *id = futured_group_id(group, i), *state = NULL;

	if (states && futured_future_is_done(future) && futured_future_result(future, NULL, NULL) == -ENOENT)
		state = "forgotten";
	else if (states)
		state = ctl_state_name(futured_future_state(future));
	if (ctl->json)
		ctl_print_json(json_pack("{s:s, s:s*}", "id", id, "state", state));
	else
		printf("%s%s%s\n", id, state ? " " : "", state ? state : "");
}

int ctl_open(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "states", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	futured_group *group = NULL;
	bool states = false;
	int option, r, code;

	while ((option = ctl_option(ctl, argc, argv, "", options)) != -1) {
		if (option != 's')
			return ctl_no_option(command, option);
		states = true;
	}
	if (optind == argc)
		return ctl_usage(command, "a file is missing");
	code = ctl_no_more(command, argc - optind - 1, argv + optind + 1);
	if (code == 0)
		code = ctl_connect(ctl);
	if (code)
		return code;
	r = futured_group_open(ctl->connection, argv[optind], &group);
	if (r < 0)
		return group_fail(ctl, r);
	r = states ? futured_group_refresh(group, CTL_CALL_TIMEOUT_USEC) : 1;
	for (size_t i = 0; i < futured_group_count(group) && r > 0; i++)
		group_print(ctl, group, i, states);
	if (r == 0) {
		ctl_say("no answer from the daemon at %s", futured_socket_path(ctl->connection));
		code = CTL_UNREACHABLE;
	} else if (r < 0) {
		code = ctl_fail(NULL, r, NULL);
	}
	futured_group_unref(group);
	return code;
}
