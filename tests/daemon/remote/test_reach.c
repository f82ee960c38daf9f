/* test_reach.c - rules that no answer can reach are refused, and no others. */
#include "daemon/remote/reach.h"
#include "tests/daemon/remote/judge_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct place POLL = { .key = "poll" };
static const struct place RULES = { .up = &POLL, .key = "rules" };

/* Compile and check a list; the message is "" when it is taken. */
static int check(const char *text, struct rules **ret, json_t **ret_json, struct error *error)
{
	int r;

	*ret_json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(*ret_json != NULL, "%s", text);
	r = rules_read(*ret_json, NULL, ret, &RULES, error);
	ck_assert_msg(r == 0, "%s: %s", text, error->message);
	*error = (struct error){ 0 };
	return reach_check(*ret, &RULES, error);
}

/* Rules with these conditions, separated by ";", and the complaint about them; NULL: they are taken. */
static const struct {
	const char *whens;
	const char *message;
} LISTS[] = {
	/* what comes after a rule that always holds */
	{ "{};{\"status\": 200}", "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"status\": 200};{};{\"status\": 404}",
	  "poll.rules[2]: can never be reached: poll.rules[1] holds for every such answer" },
	{ "{\"any\": [{}, {\"status\": 200}]};{}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"all\": []};{}", "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {}};{}", "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	/* statuses */
	{ "{\"status\": \"2xx\"};{\"status\": [200, 202]}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"status\": \"2xx\"};{\"status\": [200, 404]}", NULL },
	{ "{\"status\": 200};{\"status\": 404};{\"status\": [404, 200], \"body\": {\"/a\": 1}}",
	  "poll.rules[2]: can never be reached: poll.rules[0] or another one before it holds for every such answer" },
	{ "{\"status\": [\"1xx\", \"2xx\"]};{\"status\": [\"3xx\", \"4xx\"]};{\"status\": \"5xx\"};{}",
	  "poll.rules[3]: can never be reached: poll.rules[0] or another one before it holds for every such answer" },
	{ "{\"status\": [\"1xx\", \"2xx\"]};{\"status\": [\"3xx\", \"4xx\"]};{}", NULL },
	{ "{\"not\": {\"status\": 200}};{\"status\": 404}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"not\": {\"status\": 200, \"empty\": true}};{\"status\": 200}", NULL },
	/* bodies */
	{ "{\"body\": {\"/a\": {\"exists\": true}}};{\"body\": {\"/a\": \"x\", \"/b\": 1}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/a\": {\"exists\": true}}};{\"body\": {\"/a\": null}}", NULL },
	{ "{\"body\": {\"/a\": [\"x\", \"y\"]}};{\"body\": {\"/a\": \"y\"}, \"status\": 200}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/a\": \"y\"}};{\"body\": {\"/a\": {\"equals\": \"y\", \"ignore_case\": true}}}", NULL },
	{ "{\"body\": {\"/a\": {\"equals\": \"y\", \"ignore_case\": true}}};{\"body\": {\"/a\": \"Y\"}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/a\": {\"gt\": 3}}};{\"body\": {\"/a\": {\"gt\": 5}}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/a\": {\"gt\": 5}}};{\"body\": {\"/a\": {\"gt\": 3}}}", NULL },
	{ "{\"body\": {\"/a\": {\"prefix\": \"ab\"}}};{\"body\": {\"/a\": {\"prefix\": \"abc\"}}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/a\": {\"type\": [\"string\", \"number\"]}}};{\"body\": {\"/a\": {\"lt\": 3}}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/a\": {\"not\": \"x\"}}};{\"body\": {\"/a\": \"y\"}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"empty\": false};{\"body\": {\"/a\": 1}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/c\": {\"any\": {\"/type\": \"Failed\"}}}};"
	  "{\"body\": {\"/c\": {\"any\": {\"/type\": \"Failed\", \"/status\": \"True\"}}}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/c\": {\"any\": {\"/type\": \"Failed\", \"/status\": \"True\"}}}};"
	  "{\"body\": {\"/c\": {\"any\": {\"/type\": \"Failed\"}}}}", NULL },
	{ "{\"header\": {\"X-State\": \"done\"}};{\"all\": [{\"header\": {\"x-state\": \"done\"}}, {\"empty\": true}]}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"text\": {\"prefix\": \"d\"}};{\"text\": \"done\"}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	/* templates: the same one has the same value, but it may have none */
	{ "{\"body\": {\"/{x}/a\": 1}};{\"body\": {\"/{x}/a\": 1}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/{x}/a\": 1}};{\"body\": {\"/{x}/a\": 1, \"/b\": 1}}", NULL },
	{ "{\"status\": 200};{\"status\": 200, \"body\": {\"/a\": \"{x}\"}}",
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer" },
	{ "{\"body\": {\"/a\": {\"equals\": \"{x}\", \"in\": [\"a\", \"b\"]}}}", NULL },
	{ "{\"body\": {\"/a\": \"{x}\"}};{\"body\": {\"/a\": \"{{x}}\"}}", NULL },
	/* what can never hold */
	{ "{\"body\": {\"/a\": {\"gt\": 5, \"lt\": 5}}}",
	  "poll.rules[0].when.body[\"/a\"]: can never hold: no value fulfils it" },
	{ "{\"body\": {\"/a\": {\"gt\": 4, \"lt\": 5}}}", NULL },
	{ "{\"body\": {\"/a\": {\"exists\": false, \"equals\": \"x\"}}}",
	  "poll.rules[0].when.body[\"/a\"]: can never hold: no value fulfils it" },
	{ "{\"body\": {\"/a\": {\"exists\": false, \"equals\": null}}}", NULL },
	{ "{\"body\": {\"/a\": {\"exists\": false, \"not\": \"x\"}}}", NULL },
	{ "{\"body\": {\"/a\": {\"equals\": \"x\", \"in\": [\"y\", \"z\"]}}}",
	  "poll.rules[0].when.body[\"/a\"]: can never hold: no value fulfils it" },
	{ "{\"body\": {\"/a\": {\"prefix\": \"x\", \"type\": \"number\"}}}",
	  "poll.rules[0].when.body[\"/a\"]: can never hold: no value fulfils it" },
	{ "{\"body\": {\"/a\": []}}", "poll.rules[0].when.body[\"/a\"]: can never hold: no value fulfils it" },
	{ "{\"body\": {\"/a\": {\"any\": {\"/x\": []}}}}",
	  "poll.rules[0].when.body[\"/a\"]: can never hold: no value fulfils it" },
	{ "{\"header\": {\"X-A\": {\"all\": {\"\": 1}}}}",
	  "poll.rules[0].when.header.X-A: can never hold: no value fulfils it" },
	{ "{\"text\": {\"exists\": false}}", "poll.rules[0].when.text: can never hold: no value fulfils it" },
	{ "{\"any\": []}", "poll.rules[0].when: can never hold: \"any\" is empty" },
	{ "{\"status\": []}", "poll.rules[0].when: can never hold: no status fulfils it" },
	{ "{\"status\": 200, \"not\": {\"status\": \"2xx\"}}",
	  "poll.rules[0].when: can never hold: no status fulfils it" },
	{ "{\"status\": 200, \"all\": [{\"status\": 404}]}", "poll.rules[0].when: can never hold: no status fulfils it" },
	{ "{\"empty\": true, \"body\": {\"/a\": 1}}",
	  "poll.rules[0].when: can never hold: its parts exclude each other" },
	{ "{\"empty\": true, \"text\": \"done\"}",
	  "poll.rules[0].when: can never hold: its parts exclude each other" },
	{ "{\"body\": {\"/a\": \"x\"}, \"all\": [{\"body\": {\"/a\": \"y\"}}]}",
	  "poll.rules[0].when.all[0]: can never hold: it excludes what is asked for beside it" },
	{ "{\"body\": {\"/a\": \"x\"}, \"any\": [{\"body\": {\"/a\": \"y\"}}, {\"any\": []}]}",
	  "poll.rules[0].when: can never hold: no condition of \"any\" can hold here" },
	{ "{\"body\": {\"/a\": \"x\"}, \"any\": [{\"body\": {\"/a\": \"y\"}}, {\"empty\": false}]}", NULL },
	{ "{\"body\": {\"/a\": \"x\"}, \"not\": {\"body\": {\"/a\": {\"exists\": true}}}}",
	  "poll.rules[0].when: can never hold: \"not\" rules out all that is asked for beside it" },
	{ "{\"not\": {}}", "poll.rules[0].when: can never hold: no status fulfils it" },
	{ "{\"not\": {\"any\": []}}", NULL },
	/* 9007199254740992.0 equals both, the number 1e999 is greater than 5 and too great for anything but its text */
	{ "{\"body\": {\"/a\": {\"equals\": 9007199254740993, \"in\": [9007199254740992]}}}", NULL },
	{ "{\"body\": {\"/a\": {\"equals\": \"1e999\", \"gt\": 5}}}", NULL },
};

START_TEST(lists)
{
	char text[2048] = "[", conditions[1024], *rest = conditions, *when;
	struct rules *rules;
	struct error error = { 0 };
	json_t *json;
	int r;

	strcpy(conditions, LISTS[_i].whens);
	while ((when = strsep(&rest, ";")))
		sprintf(text + strlen(text), "%s{\"then\": \"pending\", \"when\": %s}", text[1] ? ", " : "", when);
	strcat(text, "]");
	r = check(text, &rules, &json, &error);
	ck_assert_msg((r < 0) == (LISTS[_i].message != NULL), "%s: %s", text, r < 0 ? error.message : "was taken");
	if (LISTS[_i].message)
		ck_assert_str_eq(error.message, LISTS[_i].message);
	rules_free(rules);
	json_decref(json);
}
END_TEST

START_TEST(a_rule_that_may_lack_a_value_hides_nothing)
{
	struct rules *rules;
	struct error error = { 0 };
	json_t *json;

	ck_assert_int_eq(check("[{\"then\": \"success\", \"result\": \"/{x}\"}, {\"then\": \"failure\"}]", &rules, &json,
	    &error), 0);
	rules_free(rules);
	json_decref(json);
}
END_TEST

START_TEST(google_is_reachable)
{
	struct rules *rules;
	struct error error = { 0 };
	json_t *json;

	ck_assert_msg(check(google_rules, &rules, &json, &error) == 0, "%s", error.message);
	rules_free(rules);
	json_decref(json);
}
END_TEST

START_TEST(thinking_is_bounded)
{
	const size_t count = 256;
	char *text = malloc(count * 600), *at = text;
	struct rules *rules;
	struct error error = { 0 };
	json_t *json;

	at += sprintf(at, "[");
	for (size_t i = 0; i < count; i++) {
		at += sprintf(at, "%s{\"then\": \"pending\", \"when\": {\"any\": [", i ? "," : "");
		for (size_t j = 0; j < 6; j++)
			at += sprintf(at, "%s{\"not\": {\"any\": [{\"body\": {\"/%zu\": %zu}}, {\"body\": {\"/a\": %zu}}]}}",
			    j ? "," : "", j, i, i + j);
		at += sprintf(at, "]}}");
	}
	sprintf(at, "]");
	check(text, &rules, &json, &error);
	rules_free(rules);
	json_decref(json);
	free(text);
}
END_TEST

/* --- nothing that can be reached is refused: random lists against random answers -------------------------- */

static unsigned long long dice_state;

static unsigned dice(unsigned sides)
{
	dice_state = dice_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(dice_state >> 33) % sides;
}

#define PICK(list) (list)[dice(sizeof(list) / sizeof((list)[0]))]

struct draft {
	char text[8192];
	size_t len;
};

static void add(struct draft *draft, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct draft *draft, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	draft->len += (size_t)vsnprintf(draft->text + draft->len, sizeof(draft->text) - draft->len, format, args);
	va_end(args);
	ck_assert_uint_lt(draft->len, sizeof(draft->text));
}

static const char *const SCALARS[] = { "null", "true", "1", "1.0", "2", "\"a\"", "\"A\"", "\"ab\"", "\"1\"",
	"\"1e999\"", "\"{x}\"", "9007199254740993", "9007199254740992.0", "\"\"", "1e300" };
static const char *const WORDS[] = { "\"a\"", "\"A\"", "\"ab\"", "\"\"", "\"1\"", "\"{x}\"" };
static const char *const NUMBERS[] = { "0", "1", "1.5", "2", "9007199254740993", "9007199254740992.0", "\"{x}\"" };
static const char *const TYPES[] = { "\"string\"", "\"number\"", "\"null\"", "[\"array\", \"string\"]",
	"[\"boolean\", \"null\"]" };

static void add_matcher(struct draft *draft, unsigned depth);

static void add_list(struct draft *draft)
{
	unsigned count = dice(3);

	add(draft, "[");
	for (unsigned i = 0; i < count; i++)
		add(draft, "%s%s", i ? "," : "", PICK(SCALARS));
	add(draft, "]");
}

static void add_test(struct draft *draft, unsigned kind, unsigned depth)
{
	static const char *const NAMES[] = { "exists", "equals", "in", "prefix", "contains", "gt", "lt", "type", "any", "all",
		"not" };

	add(draft, "\"%s\": ", NAMES[kind]);
	switch (kind) {
	case 0:
		add(draft, "%s", dice(2) ? "true" : "false");
		break;
	case 1:
	case 4:
		add(draft, "%s", PICK(SCALARS));
		break;
	case 2:
		add_list(draft);
		break;
	case 3:
		add(draft, "%s", PICK(WORDS));
		break;
	case 5:
	case 6:
		add(draft, "%s", PICK(NUMBERS));
		break;
	case 7:
		add(draft, "%s", PICK(TYPES));
		break;
	case 8:
	case 9:
		add(draft, "{\"%s\": ", dice(2) ? "" : "/0");
		add_matcher(draft, depth + 1);
		add(draft, "}");
		break;
	default:
		add_matcher(draft, depth + 1);
	}
}

static void add_matcher(struct draft *draft, unsigned depth)
{
	unsigned first, second;

	if (depth > 2 || dice(3) == 0) {
		add(draft, "%s", PICK(SCALARS));
		return;
	}
	first = dice(11);
	second = dice(11);
	add(draft, "{");
	if (dice(4) == 0)
		add(draft, "\"ignore_case\": true, ");
	add_test(draft, first, depth);
	if (second != first && dice(2)) {
		add(draft, ", ");
		add_test(draft, second, depth);
	}
	add(draft, "}");
}

static void add_text(struct draft *draft)
{
	bool header = dice(2);

	add(draft, header ? "\"header\": {\"X-H\": " : "\"text\": ");
	add_matcher(draft, 1);
	add(draft, "%s", header ? "}" : "");
}

static void add_condition(struct draft *draft, unsigned depth)
{
	static const char *const STATUSES[] = { "200", "\"2xx\"", "[200, 404]", "[\"4xx\", \"5xx\"]", "404" };
	static const char *const POINTERS[] = { "/a", "/b", "/a/0", "/{x}" };
	unsigned parts = 1 + dice(2);
	bool used[7] = { false };

	add(draft, "{");
	for (unsigned i = 0; i < parts; i++) {
		unsigned kind = dice(depth > 2 ? 4 : 7);

		if (used[kind])
			continue;
		add(draft, "%s", i ? ", " : "");
		used[kind] = true;
		if (kind == 0)
			add(draft, "\"status\": %s", PICK(STATUSES));
		else if (kind == 1)
			add(draft, "\"empty\": %s", dice(2) ? "true" : "false");
		else if (kind == 2)
			add_text(draft);
		else if (kind == 3) {
			add(draft, "\"body\": {\"%s\": ", PICK(POINTERS));
			add_matcher(draft, 0);
			add(draft, "}");
		} else if (kind == 6) {
			add(draft, "\"not\": ");
			add_condition(draft, depth + 1);
		} else if (kind > 3) {
			add(draft, "\"%s\": [", kind == 4 ? "any" : "all");
			add_condition(draft, depth + 1);
			add(draft, ", ");
			add_condition(draft, depth + 1);
			add(draft, "]");
		}
	}
	add(draft, "}");
}

static const char *const BODY_VALUES[] = { "null", "true", "1", "1.0", "2", "\"a\"", "\"A\"", "\"ab\"", "\"Ab\"", "\"1\"",
	"1e999", "\"1e999\"", "9007199254740993", "9007199254740992.0", "[]", "[1, \"a\"]", "[\"A\"]", "[[1], [null]]", "{}",
	"\"\"", "-1", "1E300" };

/* An answer of the same small world. */
static void make_answer(struct http_response *response, struct http_header *header, struct draft *body)
{
	static const char *const TEXTS[] = { "a", "A", "ab", "1", "", "true", "TRUE", "null", "1.5", "1e999", "1E300", "1e300" };
	static const int STATUSES[] = { 200, 202, 302, 404, 500, 599, 100 };

	body->len = 0;
	body->text[0] = '\0';
	if (dice(8) == 0)
		add(body, "%s", dice(2) ? PICK(TEXTS) : PICK(BODY_VALUES));
	else if (dice(10) > 0)
		add(body, "{\"a\": %s%s%s}", PICK(BODY_VALUES), dice(2) ? ", \"b\": " : ", \"c\": ", PICK(BODY_VALUES));
	*header = (struct http_header){ "x-h", PICK(TEXTS) };
	*response = (struct http_response){
		.status = PICK(STATUSES),
		.headers = header,
		.n_headers = dice(4) > 0,
		.body = body->text,
		.body_len = body->len,
		.sent = true,
	};
}

/* Of these rules, one was said to be out of reach: no answer may reach it, whatever the values. */
static void try_to_reach(const struct rules *rules, size_t refused, const char *text, const char *message)
{
	static const char *const VALUES[] = { "{\"x\": \"a\"}", "{\"x\": 1}", "{\"x\": null}", "{}", "{\"x\": \"{x}\"}" };

	for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
		json_t *params_now = json_loads(VALUES[i], 0, NULL);
		const struct values values = { .params = params_now };
		struct rules *filled;

		ck_assert_int_eq(rules_fill(rules, &values, &filled), 0);
		for (int n = 0; n < 60; n++) {
			struct http_response response;
			struct http_header header;
			struct draft body;
			struct answer answer;
			const struct rule *rule;
			bool unreadable;

			make_answer(&response, &header, &body);
			answer_init(&answer, &response, &filled->pointers);
			ck_assert_int_eq(rules_find(filled, &answer, &rule, &unreadable), 0);
			ck_assert_msg(rule != &filled->items[refused], "%s with %s, but %d X-H: %s %s reaches it: %s", message,
			    VALUES[i], response.status, response.n_headers ? header.value : "-", body.text, text);
		}
		rules_free(filled);
		json_decref(params_now);
	}
}

START_TEST(nothing_that_can_be_reached_is_refused)
{
	const char *rounds = getenv("FUTURED_REACH_ROUNDS");
	size_t taken = 0, refused = 0;

	dice_state = (unsigned long long)_i * 7919 + 1;
	for (long round = rounds ? atol(rounds) : 1500; round > 0; round--) {
		struct draft draft = { .len = 0 };
		struct error error = { 0 };
		struct rules *rules;
		json_t *json;
		size_t number;

		add(&draft, "[");
		for (unsigned i = 0, count = 1 + dice(4); i < count; i++) {
			add(&draft, "%s{\"then\": \"pending\", \"when\": ", i ? ", " : "");
			add_condition(&draft, 0);
			add(&draft, "}");
		}
		add(&draft, "]");
		if (check(draft.text, &rules, &json, &error) == 0) {
			taken++;
		} else {
			refused++;
			ck_assert_int_eq(sscanf(error.message, "poll.rules[%zu]", &number), 1);
			try_to_reach(rules, number, draft.text, error.message);
		}
		rules_free(rules);
		json_decref(json);
	}
	/* both kinds are there, or this says nothing */
	ck_assert_uint_gt(taken, 100);
	ck_assert_uint_gt(refused, 100);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("reach");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, lists, 0, sizeof(LISTS) / sizeof(LISTS[0]));
	tcase_add_test(tcase, a_rule_that_may_lack_a_value_hides_nothing);
	tcase_add_test(tcase, google_is_reachable);
	tcase_add_test(tcase, thinking_is_bounded);
	tcase_add_loop_test(tcase, nothing_that_can_be_reached_is_refused, 0, 4);
	return judge_run("reach", tcase);
}
