/* futurectl_profile.c - for those who write profiles: futurectl profile check, try, list and show. */
#include "client/futurectl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROFILE_PAIRS_MAX 64
#define PROFILE_TRY_TIMEOUT_USEC 150000000u  /* the daemon gives up before */

struct profile_args {
	struct futured_profile_options options;
	const char *params[2 * PROFILE_PAIRS_MAX + 1];
	size_t n_params;
	const char *what;      /* FILE, or a profile's name */
	char *text;
};

static const char *profile_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t profile_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* --- check ---------------------------------------------------------------------------------------- */

/* FILE:LINE:COLUMN: MESSAGE, or FILE: PLACE: MESSAGE. */
static void profile_print_problem(const char *what, const json_t *problem)
{
	const char *place = profile_text(problem, "place");

	ctl_print_text(what);
	if (json_object_get(problem, "line"))
		printf(":%d:%d", (int)profile_number(problem, "line"), (int)profile_number(problem, "column"));
	fputs(": ", stdout);
	if (*place) {
		ctl_print_text(place);
		fputs(": ", stdout);
	}
	ctl_print_text(profile_text(problem, "message"));
	putchar('\n');
}

/* "poll, cancel; 5 rules; parameters name (required), base". */
static void profile_print_summary(const char *what, const json_t *report)
{
	const char *name, *separator = ": fine: ";
	json_t *parameter, *request;
	json_int_t rules = profile_number(report, "rules");
	size_t i;

	ctl_print_text(what);
	json_array_foreach(json_object_get(report, "requests"), i, request) {
		printf("%s%s", separator, json_string_value(request));
		separator = ", ";
	}
	printf("; %d rule%s", (int)rules, rules == 1 ? "" : "s");
	separator = "; parameters ";
	json_object_foreach(json_object_get(report, "parameters"), name, parameter) {
		fputs(separator, stdout);
		ctl_print_text(name);
		if (json_is_true(json_object_get(parameter, "required")))
			fputs(" (required)", stdout);
		separator = ", ";
	}
	if (json_object_get(report, "credential")) {
		fputs("; credential ", stdout);
		ctl_print_text(profile_text(report, "credential"));
	}
	putchar('\n');
}

static int profile_check(struct ctl *ctl, const struct profile_args *args)
{
	futured_reply *reply = NULL;
	json_t *report, *problems, *problem;
	bool fine;
	size_t i;
	int r, code;

	r = futured_profile_check(ctl->connection, &args->options, NULL, NULL, &reply);
	code = ctl_await(ctl, args->what, r, reply, CTL_CALL_TIMEOUT_USEC, &report);
	if (code)
		return code;
	problems = json_object_get(report, "problems");
	fine = json_array_size(problems) == 0;
	if (ctl->json) {
		ctl_print_json(json_incref(report));
	} else {
		json_array_foreach(problems, i, problem)
			profile_print_problem(args->what, problem);
		if (fine)
			profile_print_summary(args->what, report);
		else if (json_is_true(json_object_get(report, "more")))
			ctl_say("%s: and more", args->what);
	}
	json_decref(report);
	return fine ? CTL_OK : CTL_FAILED;
}

/* --- try ------------------------------------------------------------------------------------------ */

/* Text of a service as it is, but for what a terminal would act on; a mark before each line. */
static void profile_print_body(const json_t *body, const char *mark)
{
	const char *text = json_string_value(json_object_get(body, "text"));
	json_int_t size = profile_number(body, "size");
	size_t shown = text ? strlen(text) : 0;

	if (!text && size > 0)
		printf("%s (%" JSON_INTEGER_FORMAT " bytes that are no text)\n", mark, size);
	for (const char *line = text; line && *line;) {
		size_t len = strcspn(line, "\n");
		char *copy = strndup(line, len);

		printf("%s ", mark);
		ctl_print_text(copy ? copy : "");
		putchar('\n');
		free(copy);
		line += len + (line[len] == '\n');
	}
	if (text && (json_int_t)shown < size)
		printf("%s (%" JSON_INTEGER_FORMAT " bytes in all)\n", mark, size);
}

static void profile_print_headers(const json_t *headers, const char *mark)
{
	json_t *header;
	size_t i;

	json_array_foreach((json_t *)headers, i, header) {
		printf("%s ", mark);
		ctl_print_text(profile_text(header, "name"));
		fputs(": ", stdout);
		ctl_print_text(profile_text(header, "value"));
		putchar('\n');
	}
}

static void profile_print_requests(const json_t *requests)
{
	json_t *request;
	size_t i;

	json_array_foreach((json_t *)requests, i, request) {
		printf("> %s ", profile_text(request, "method"));
		ctl_print_text(profile_text(request, "url"));
		putchar('\n');
		if (json_object_get(request, "unix_socket")) {
			fputs("> through ", stdout);
			ctl_print_text(profile_text(request, "unix_socket"));
			putchar('\n');
		}
		profile_print_headers(json_object_get(request, "headers"), ">");
		puts(">");
		if (json_object_get(request, "body"))
			profile_print_body(json_object_get(request, "body"), ">");
	}
}

static void profile_print_response(const json_t *report)
{
	const json_t *response = json_object_get(report, "response");

	if (!response) {
		fputs("no answer: ", stdout);
		ctl_print_text(profile_text(report, "error"));
		putchar('\n');
		return;
	}
	printf("< %d %s\n", (int)profile_number(response, "status"), profile_text(response, "reason"));
	profile_print_headers(json_object_get(response, "headers"), "<");
	puts("<");
	profile_print_body(json_object_get(response, "body"), "<");
}

static void profile_print_rules(const json_t *report)
{
	json_t *rules = json_object_get(report, "rules"), *rule;
	bool decided = false;
	size_t i;

	if (!json_object_get(report, "response"))
		return;
	printf("\nrules:\n");
	json_array_foreach(rules, i, rule) {
		printf("  [%d] %-10s ", (int)profile_number(rule, "rule"), profile_text(rule, "then"));
		decided = json_is_true(json_object_get(rule, "holds"));
		fputs(decided ? "holds" : "no: ", stdout);
		ctl_print_text(profile_text(rule, "why"));
		putchar('\n');
	}
	if (!decided)
		puts("  none holds: by default");
}

/* NAME: VALUE, if there is one. */
static void profile_print_line(const char *name, const json_t *object, const char *key)
{
	if (!json_object_get(object, key))
		return;
	printf("%s: ", name);
	ctl_print_text(profile_text(object, key));
	putchar('\n');
}

static void profile_print_verdict(const json_t *verdict)
{
	static const struct { const char *by, *words; } reasons[] = {
		{ "rule", "as the rule says" }, { "service", "as the service asks" }, { "polling", "polling, at first" },
		{ "retry", "retry, at first" }, { "fetch", "to fetch the result" },
	};
	const json_t *result = json_object_get(verdict, "result"), *next = json_object_get(verdict, "next");
	const json_t *error = json_object_get(verdict, "error"), *with = json_object_get(verdict, "with");

	putchar('\n');
	profile_print_line("outcome", verdict, "outcome");
	profile_print_line("reason", verdict, "reason");
	if (json_is_true(json_object_get(verdict, "refresh_credential")))
		puts("credential: refused, and there is no fresh one");
	if (result) {
		printf("result: %" JSON_INTEGER_FORMAT " bytes", profile_number(result, "size"));
		if (json_object_get(result, "offset"))
			printf(" at byte %" JSON_INTEGER_FORMAT " of the body", profile_number(result, "offset"));
		printf("%s", json_object_get(result, "content_type") ? ", " : "");
		ctl_print_text(profile_text(result, "content_type"));
		putchar('\n');
		profile_print_body(result, " ");
	}
	profile_print_line("error kind", error, "kind");
	profile_print_line("error code", error, "code");
	profile_print_line("error message", error, "message");
	profile_print_line("error details", error, "details");
	profile_print_line("progress", verdict, "progress");
	profile_print_line("captured", verdict, "captured");
	profile_print_line("budgets", verdict, "budgets");
	profile_print_line("then profile", with, "profile");
	profile_print_line("then params", with, "params");
	profile_print_line("then spec", with, "spec");
	profile_print_line("then polling", with, "polling");
	profile_print_line("then retry", with, "retry");
	for (size_t i = 0; next && i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(profile_text(next, "by"), reasons[i].by) == 0)
			printf("next request: within %g s (%s)\n", json_number_value(json_object_get(next, "seconds")),
			    reasons[i].words);
}

static int profile_try(struct ctl *ctl, const struct profile_args *args)
{
	futured_reply *reply = NULL;
	json_t *report;
	bool answered;
	int r, code;

	r = futured_profile_try(ctl->connection, &args->options, NULL, NULL, &reply);
	code = ctl_await(ctl, args->what, r, reply, PROFILE_TRY_TIMEOUT_USEC, &report);
	if (code)
		return code;
	answered = json_object_get(report, "response") != NULL;
	if (ctl->json) {
		ctl_print_json(report);
	} else {
		profile_print_requests(json_object_get(report, "requests"));
		profile_print_response(report);
		profile_print_rules(report);
		if (json_object_get(report, "verdict"))
			profile_print_verdict(json_object_get(report, "verdict"));
		json_decref(report);
	}
	return answered ? CTL_OK : CTL_FAILED;
}

/* --- arguments ------------------------------------------------------------------------------------ */

static int profile_add_param(const struct ctl_command *command, struct profile_args *args, char *text)
{
	if (args->n_params == PROFILE_PAIRS_MAX)
		return ctl_usage(command, "more than %d parameters", PROFILE_PAIRS_MAX);
	if (!ctl_split(text, &args->params[2 * args->n_params], &args->params[2 * args->n_params + 1]))
		return ctl_usage(command, "\"%s\" is not NAME=VALUE", text);
	args->n_params++;
	args->options.params = args->params;
	return 0;
}

/* A file, or what can only be a profile's name. */
static int profile_take_what(const struct ctl_command *command, struct profile_args *args, const char *what)
{
	bool is_name = !strchr(what, '/') && strcmp(what, "-") != 0 && access(what, F_OK) < 0 &&
	    (strlen(what) < 5 || strcmp(what + strlen(what) - 5, ".json") != 0);

	json_t *utf8;

	args->what = what;
	if (is_name) {
		args->options.profile = what;
		return 0;
	}
	args->text = ctl_read_file(what);
	args->options.text = args->text;
	if (!args->text)
		return CTL_USAGE;
	utf8 = json_string(args->text);
	if (!utf8)
		ctl_say("%s: is not UTF-8 text", what);
	json_decref(utf8);
	return utf8 ? 0 : CTL_FAILED;
}

/* The options: what is left stands at argv[optind]. */
static int profile_parse(struct ctl *ctl, const struct ctl_command *command, struct profile_args *args, int argc,
    char **argv)
{
	static const struct option options[] = {
		{ "param", required_argument, NULL, 'p' },
		{ "params", required_argument, NULL, 'P' },
		{ NULL, 0, NULL, 0 }
	};
	int option, code = 0;

	while (code == 0 && (option = ctl_option(ctl, argc, argv, "p:", options)) != -1) {
		if (option == 'p')
			code = profile_add_param(command, args, optarg);
		else if (option == 'P')
			args->options.params_json = optarg;
		else
			code = ctl_no_option(command, option);
	}
	if (code)
		return code;
	if (args->options.params && args->options.params_json)
		return ctl_usage(command, "--param and --params exclude each other");
	return 0;
}

/* check or try. */
static int profile_examine(struct ctl *ctl, const struct ctl_command *command, struct profile_args *args,
    int (*run)(struct ctl *ctl, const struct profile_args *args), int argc, char **argv)
{
	int code;

	if (argc == 0)
		return ctl_usage(command, "a file is missing");
	code = ctl_no_more(command, argc - 1, argv + 1);
	if (code == 0)
		code = profile_take_what(command, args, argv[0]);
	if (code == 0)
		code = ctl_connect(ctl);
	if (code == 0)
		code = run(ctl, args);
	free(args->text);
	return code;
}

int ctl_profile(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct profile_args args = { .options = FUTURED_PROFILE_INIT };
	const char *word;
	int code, n;

	code = profile_parse(ctl, command, &args, argc, argv);
	if (code)
		return code;
	n = argc - optind - 1;
	word = n >= 0 ? argv[optind] : "";
	if (strcmp(word, "list") == 0 && n == 0)
		return ctl_list_profiles(ctl);
	if (strcmp(word, "show") == 0 && n == 1)
		return ctl_show_profile(ctl, argv[optind + 1]);
	if (strcmp(word, "check") == 0)
		return profile_examine(ctl, command, &args, profile_check, n, argv + optind + 1);
	if (strcmp(word, "try") == 0)
		return profile_examine(ctl, command, &args, profile_try, n, argv + optind + 1);
	return ctl_usage(command, *word ? "expected check FILE, try FILE, show NAME or list" : "what is missing");
}
