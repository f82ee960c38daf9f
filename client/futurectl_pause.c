/* futurectl_pause.c - whether requests are sent: futurectl pause and resume. */
#include "client/futurectl.h"

#include <stdio.h>

/* What is meant: ids, labels or an origin. The params of the call; NULL after saying what is wrong, with *ret_code. */
static json_t *pause_parse(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv, int *ret_code)
{
	static const struct option options[] = {
		{ "label", required_argument, NULL, 'L' },
		{ "origin", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 }
	};
	json_t *params = json_object(), *labels = json_object(), *ids = json_array();
	char id[CTL_ID_SIZE];
	int option, code = 0, given;

	while (code == 0 && (option = ctl_option(ctl, argc, argv, "", options)) != -1) {
		if (option == 'L')
			code = ctl_set_label(command, labels, optarg);
		else if (option == 'o')
			code = ctl_set_text(command, params, "origin", "--origin", optarg);
		else
			code = ctl_no_option(command, option);
	}
	given = (optind < argc) + (json_object_size(labels) > 0) + (json_object_size(params) > 0);
	if (code == 0 && given != 1)
		code = ctl_usage(command, "ids, labels or an origin are expected, and only one of these");
	for (int i = optind; i < argc && code == 0; i++) {
		code = ctl_id(ctl, argv[i], id);
		if (code == 0)
			json_array_append_new(ids, json_string(id));
	}
	if (json_object_size(labels) > 0)
		json_object_set(params, "labels", labels);
	if (json_array_size(ids) > 0)
		json_object_set(params, "ids", ids);
	json_decref(labels);
	json_decref(ids);
	*ret_code = code;
	if (code)
		json_decref(params);
	return code ? NULL : params;
}

/* Which are paused now: who pauses one will want to know what there is to resume. */
static void pause_show_origins(json_t *reply)
{
	json_t *origin;
	size_t i;

	json_array_foreach(json_object_get(reply, "origins"), i, origin)
		printf("%s is paused\n", json_string_value(origin));
}

static int pause_run(struct ctl *ctl, const struct ctl_command *command, const char *method, const char *word, int argc,
    char **argv)
{
	json_t *params, *reply;
	bool origin;
	int code;

	params = pause_parse(ctl, command, argc, argv, &code);
	if (!params)
		return code;
	origin = json_object_get(params, "origin") != NULL;
	code = ctl_call(ctl, NULL, method, params, &reply);
	if (code)
		return code;
	if (ctl->json) {
		ctl_print_json(reply);
		return 0;
	}
	printf("%lld %s\n", (long long)json_integer_value(json_object_get(reply, word)), word);
	if (origin)
		pause_show_origins(reply);
	json_decref(reply);
	return 0;
}

int ctl_pause(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	return pause_run(ctl, command, "future.pause", "paused", argc, argv);
}

int ctl_resume(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	return pause_run(ctl, command, "future.resume", "resumed", argc, argv);
}
