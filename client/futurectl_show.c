/* futurectl_show.c - what only looks: futurectl get, list, profiles and stats. */
#include "client/futurectl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOW_PAGE 500

/* How much of key is shown where it names a time in milliseconds, which is shown as date and hour. 0 for others. */
static size_t show_time_len(const char *key)
{
	static const char *const suffixes[] = { "_at_ms", "_since_ms", "_until_ms" };
	size_t len = strlen(key);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t cut = strlen(suffixes[i]);

		if (len > cut && strcmp(key + len - cut, suffixes[i]) == 0)
			return len - (i == 0 ? cut : strlen("_ms"));
	}
	return 0;
}

/* One value behind its name, at an indentation. */
static void show_value(const char *key, json_t *value, int indent)
{
	size_t time_len = json_is_integer(value) ? show_time_len(key) : 0;
	char time[32], *text;
	const char *name;
	json_t *inner;
	size_t i;

	printf("%*s", indent, "");
	if (time_len)
		printf("%.*s", (int)time_len, key);
	else
		ctl_print_text(key);
	putchar(':');
	if (json_is_object(value)) {
		putchar('\n');
		json_object_foreach(value, name, inner)
			show_value(name, inner, indent + 2);
		return;
	}
	putchar(' ');
	if (json_is_string(value)) {
		ctl_print_text(json_string_value(value));
	} else if (time_len) {
		ctl_format_time(json_integer_value(value), time);
		fputs(time, stdout);
	} else if (json_is_array(value) && strcmp(key, "after") == 0) {
		json_array_foreach(value, i, inner)
			printf("%s%s", i ? " " : "", json_string_value(inner) ? json_string_value(inner) : "?");
	} else if (json_is_integer(value) && strcmp(key, "mode") == 0) {
		printf("%04o", (unsigned)json_integer_value(value));
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
		ctl_print_text(text ? text : "?");
		free(text);
	}
	putchar('\n');
}

/* A whole answer: as it came with --json, else a line for each value. */
static void show_object(struct ctl *ctl, json_t *object)
{
	const char *key;
	json_t *value;

	if (ctl->json) {
		ctl_print_json(object);
		return;
	}
	json_object_foreach(object, key, value)
		show_value(key, value, 0);
	json_decref(object);
}

int ctl_get(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	char id[CTL_ID_SIZE];
	json_t *reply;
	int code;

	code = ctl_arguments(ctl, command, argc, argv);
	if (code)
		return code;
	if (optind == argc)
		return ctl_usage(command, "an id is missing");
	code = ctl_no_more(command, argc - optind - 1, argv + optind + 1);
	if (code == 0)
		code = ctl_id(ctl, argv[optind], id);
	if (code == 0)
		code = ctl_call(ctl, argv[optind], "future.get", json_pack("{s:s}", "id", id), &reply);
	if (code == 0)
		show_object(ctl, reply);
	return code;
}

int ctl_stats(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	json_t *reply;
	int code;

	code = ctl_arguments(ctl, command, argc, argv);
	if (code == 0)
		code = ctl_no_more(command, argc - optind, argv + optind);
	if (code == 0)
		code = ctl_call(ctl, NULL, "server.stats", NULL, &reply);
	if (code == 0)
		show_object(ctl, reply);
	return code;
}

int ctl_show_profile(struct ctl *ctl, const char *name)
{
	const char *text;
	json_t *reply;
	int code;

	code = ctl_call(ctl, name, "profile.get", json_pack("{s:s}", "name", name), &reply);
	if (code)
		return code;
	if (ctl->json) {
		ctl_print_json(reply);
		return 0;
	}
	/* The file as it is. */
	text = json_string_value(json_object_get(reply, "text"));
	fputs(text ? text : "", stdout);
	json_decref(reply);
	return 0;
}

/* A profile's name and the first sentence of its help. */
static void show_profile_line(const char *name, const char *help)
{
	const char *end = strstr(help, ". ");
	char *first = strndup(help, end ? (size_t)(end - help) : strlen(help));

	printf("%-20s ", name);
	ctl_print_text(first ? first : "");
	putchar('\n');
	free(first);
}

int ctl_list_profiles(struct ctl *ctl)
{
	json_t *reply, *profile;
	size_t i;
	int code;

	code = ctl_call(ctl, NULL, "profile.list", NULL, &reply);
	if (code)
		return code;
	json_array_foreach(json_object_get(reply, "profiles"), i, profile) {
		const char *name = json_string_value(json_object_get(profile, "name"));
		const char *help = json_string_value(json_object_get(profile, "help"));

		if (ctl->json) {
			ctl_print_json(json_incref(profile));
			continue;
		}
		show_profile_line(name ? name : "?", help ? help : "");
	}
	json_decref(reply);
	return 0;
}

int ctl_profiles(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	int code;

	code = ctl_arguments(ctl, command, argc, argv);
	if (code)
		return code;
	if (optind == argc)
		return ctl_list_profiles(ctl);
	code = ctl_no_more(command, argc - optind - 1, argv + optind + 1);
	return code ? code : ctl_show_profile(ctl, argv[optind]);
}

/* --- list --------------------------------------------------------------------------------------- */

static void show_labels(json_t *labels)
{
	const char *name;
	json_t *value;

	json_object_foreach(labels, name, value) {
		putchar(' ');
		ctl_print_text(name);
		putchar('=');
		ctl_print_text(json_string_value(value) ? json_string_value(value) : "");
	}
}

/* What has been done to it. */
static void show_marks(json_t *future)
{
	static const char *const marks[] = { "claimed", "pinned" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (json_is_true(json_object_get(future, marks[i])))
			printf(" (%s)", marks[i]);
	}
}

/* A future on a line: id, state, creation, profile, labels, and what stands in its way. */
static void show_line(json_t *future)
{
	const char *id = json_string_value(json_object_get(future, "id"));
	const char *state = json_string_value(json_object_get(future, "state"));
	const char *profile = json_string_value(json_object_get(future, "profile"));
	const char *condition = json_string_value(json_object_get(future, "condition"));
	const char *kind = json_string_value(json_object_get(future, "kind"));
	char time[32] = "-";

	if (json_object_get(future, "created_at_ms"))
		ctl_format_time(json_integer_value(json_object_get(future, "created_at_ms")), time);
	printf("%-36s  %-9s  %-19s  ", id ? id : "?", state ? state : "?", time);
	/* What is no operation at a service has no profile. */
	ctl_print_text(profile ? profile : kind && strcmp(kind, "http") != 0 ? kind : "-");
	show_labels(json_object_get(future, "labels"));
	if (condition)
		printf(" (%s)", condition);
	show_marks(future);
	putchar('\n');
}

/* One page. The next one's cursor, or NULL, through ret_cursor. */
static int show_page(struct ctl *ctl, json_t *params, uint64_t *left, json_t **ret_cursor)
{
	json_t *reply, *future, *cursor;
	size_t i;
	int code;

	code = ctl_call(ctl, NULL, "future.list", params, &reply);
	if (code)
		return code;
	json_array_foreach(json_object_get(reply, "futures"), i, future) {
		if (*left == 0)
			break;
		--*left;
		if (ctl->json)
			ctl_print_json(json_incref(future));
		else
			show_line(future);
	}
	cursor = json_object_get(reply, "cursor");
	*ret_cursor = json_is_string(cursor) ? json_incref(cursor) : NULL;
	json_decref(reply);
	return 0;
}

static int show_parse_list(struct ctl *ctl, const struct ctl_command *command, json_t *params, uint64_t *limit,
    int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "profile", required_argument, NULL, 'p' },
		{ "label", required_argument, NULL, 'L' },
		{ "limit", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	int option, code = 0;

	while (code == 0 && (option = ctl_option(ctl, argc, argv, "n:", options)) != -1) {
		switch (option) {
		case 's':
			code = ctl_set_text(command, params, "state", "--state", optarg);
			break;
		case 'p':
			code = ctl_set_text(command, params, "profile", "--profile", optarg);
			break;
		case 'L':
			if (!json_object_get(params, "labels"))
				json_object_set_new(params, "labels", json_object());
			code = ctl_set_label(command, json_object_get(params, "labels"), optarg);
			break;
		case 'n':
			if (!ctl_parse_number(optarg, limit) || *limit == 0)
				code = ctl_usage(command, "--limit: expected a number, got \"%s\"", optarg);
			break;
		default:
			code = ctl_no_option(command, option);
		}
	}
	return code ? code : ctl_no_more(command, argc - optind, argv + optind);
}

int ctl_list(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	json_t *params = json_object(), *cursor = NULL;
	uint64_t left = UINT64_MAX;
	int code;

	code = show_parse_list(ctl, command, params, &left, argc, argv);
	do {
		json_object_set_new(params, "limit", json_integer(left < SHOW_PAGE ? (json_int_t)left : SHOW_PAGE));
		if (cursor)
			json_object_set_new(params, "cursor", cursor);
		cursor = NULL;
		if (code == 0)
			code = show_page(ctl, json_copy(params), &left, &cursor);
	} while (code == 0 && cursor && left > 0);
	json_decref(cursor);
	json_decref(params);
	return code;
}
