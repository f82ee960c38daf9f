/* test_spec.c - what the compiler takes, and its exact words about what it does not take. */
#include "daemon/remote/plan.h"
#include "daemon/remote/prepare.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct spec_cache *cache;
static struct profiles *profiles;

static void setup(void)
{
	static const char *const none[] = { NULL };

	cache = spec_cache_new();
	profiles = profiles_new(none);
	ck_assert(cache && profiles);
}

static void teardown(void)
{
	spec_cache_free(cache);
	profiles_free(profiles);
}

static struct slice slice(const char *text)
{
	return slice_from_str(text);
}

/* Prepare and compile as at a creation. */
static int create(const struct plan_source *source, struct plan_texts *ret_texts, struct remote_plan **ret,
    struct error *error)
{
	int r = prepare_texts(profiles, source, ret_texts, error);

	if (r < 0)
		return r;
	r = plan_new(cache, ret_texts->spec, ret_texts->params, true, ret, error);
	if (r < 0) {
		free(ret_texts->spec);
		free(ret_texts->params);
		free(ret_texts->request);
	}
	return r;
}

static void texts_done(struct plan_texts *texts)
{
	free(texts->spec);
	free(texts->params);
	free(texts->request);
}

static struct remote_plan *plan_of(const char *spec)
{
	const struct plan_source source = { .spec = slice(spec) };
	struct error error = { 0 };
	struct plan_texts texts;
	struct remote_plan *plan;

	ck_assert_msg(create(&source, &texts, &plan, &error) == 0, "%s: %s", spec, error.message);
	texts_done(&texts);
	return plan;
}

/* --- refused ------------------------------------------------------------------------------------- */

#define ID "\"01900000-0000-7000-8000-000000000001\""
#define POLL "\"poll\": {\"url\": \"http://h/p\"}"
#define RULES(rules) "{\"poll\": {\"url\": \"http://h/p\", \"rules\": " rules "}}"
#define POLLING(members) "{" POLL ", \"polling\": {" members "}}"
#define RETRY(members) "{" POLL ", \"retry\": {" members "}}"
#define BUILT "{" POLL ", \"submit\": {\"url\": \"http://h/s\", "

static const struct { const char *spec, *error; } BAD[] = {
	/* JSON */
	{ "", "spec: line 1, column 0: '[' or '{' expected near end of file" },
	{ "{\n  \"poll\": nul\n}", "spec: line 2, column 13: invalid token near 'nul'" },
	{ "[]", "spec: must be an object" },
	{ "{\"poll\": 1, \"poll\": 2}", "spec: line 1, column 18: duplicate object key near '\"poll\"'" },
	/* top level */
	{ "{}", "\"poll\" is missing" },
	{ "{\"pol\": {}}", "unknown key \"pol\" (did you mean \"poll\"?)" },
	{ "{\"xyzzy\": {}}", "unknown key \"xyzzy\"" },
	{ "{\"kind\": \"htpp\", " POLL "}", "kind: unknown kind \"htpp\" (did you mean \"http\"?)" },
	{ "{\"kind\": \"timer\", " POLL "}", "unknown key \"poll\"" },
	{ "{\"kind\": \"timer\", \"delay\": \"x\"}", "delay: must be a number of seconds" },
	{ "{\"kind\": \"timer\", \"delya\": 1}", "unknown key \"delya\" (did you mean \"delay\"?)" },
	{ "{\"kind\": \"group\", " POLL ", \"of\": []}", "unknown key \"poll\"" },
	{ "{\"kind\": \"group\"}", "\"of\" is missing" },
	{ "{\"kind\": \"group\", \"of\": {}}", "of: must be an array of ids" },
	{ "{\"kind\": \"group\", \"of\": [" ID ", 1]}", "of[1]: must be a string" },
	{ "{\"kind\": \"group\", \"of\": [\"x\"]}", "of[0]: must be the id of a future, got \"x\"" },
	{ "{\"kind\": \"group\", \"of\": [" ID "], \"until\": \"first_exeption\"}", "until: unknown word "
	  "\"first_exeption\" (did you mean \"first_exception\"?)" },
	{ "{\"kind\": \"group\", \"of\": [" ID "], \"until\": 1}", "until: must be a string" },
	{ "{\"kind\": \"promise\", " POLL "}", "unknown key \"poll\"" },
	{ "{\"kind\": \"promise\", \"on_abandn\": \"fail\"}", "unknown key \"on_abandn\" (did you mean \"on_abandon\"?)" },
	{ "{\"kind\": \"promise\", \"on_abandon\": 1}", "on_abandon: must be a string" },
	{ "{\"kind\": \"promise\", \"on_abandon\": \"drop\"}", "on_abandon: must be \"fail\" or \"release\"" },
	{ "{\"kind\": \"promise\", \"ttl\": \"x\"}", "ttl: must be a number of seconds or null" },
	{ "{\"on_abandon\": \"fail\", " POLL "}", "unknown key \"on_abandon\"" },
	{ "{\"kind\": 1, " POLL "}", "kind: must be a string" },
	{ "{\"base\": 1, " POLL "}", "base: must be a string" },
	{ "{\"base\": \"ftp://x\", " POLL "}", "base: \"ftp://x\" is not an http or https URL" },
	{ "{\"credential\": \"../x\", " POLL "}", "credential: \"../x\" is not the name of a credential" },
	{ "{\"poll\": []}", "poll: must be an object" },
	{ "{\"headers\": {\"a b\": \"x\"}, " POLL "}", "headers[\"a b\"]: is not a header name" },
	{ "{\"headers\": {\"X-A\": 1}, " POLL "}", "headers.X-A: must be a string" },
	{ "{\"headers\": {\"content-length\": \"1\"}, " POLL "}", "headers.content-length: is set by the daemon "
	  "itself" },
	/* settings */
	{ POLLING("\"inital\": 1"), "polling: unknown key \"inital\" (did you mean \"initial\"?)" },
	{ POLLING("\"initial\": \"1\""), "polling.initial: must be a number of seconds" },
	{ POLLING("\"initial\": 0"), "polling.initial: must be at least 0.001 seconds" },
	{ POLLING("\"initial\": -1"), "polling.initial: must be from 0 to 3153600000 seconds" },
	{ POLLING("\"initial\": 5, \"maximum\": 4"), "polling: \"initial\" is greater than \"maximum\"" },
	{ POLLING("\"multiplier\": 0.5"), "polling.multiplier: must be a number from 1 to 1000" },
	{ POLLING("\"jitter\": \"half\""), "polling.jitter: must be \"full\", \"none\" or a fraction from 0 to 1" },
	{ POLLING("\"jitter\": 1.5"), "polling.jitter: must be \"full\", \"none\" or a fraction from 0 to 1" },
	{ POLLING("\"timeout\": \"x\""), "polling.timeout: must be a number of seconds or null" },
	{ POLLING("\"on\": [500]"), "polling: unknown key \"on\"" },
	{ "{" POLL ", \"polling\": 1}", "polling: must be an object" },
	{ RETRY("\"on\": [500, 20]"), "retry.on[1]: must be a status from 100 to 599, \"2xx\", or a list of these" },
	{ RETRY("\"reset_on_progress\": true"), "retry: unknown key \"reset_on_progress\"" },
	{ "{" POLL ", \"ttl\": true}", "ttl: must be a number of seconds or null" },
	{ "{" POLL ", \"concurrency\": 0}", "concurrency: must be a whole number from 1 to 10000" },
	{ "{" POLL ", \"resubmit\": 1}", "resubmit: must be true or false" },
	/* requests */
	{ "{\"poll\": {}}", "poll: \"url\" is missing" },
	{ "{\"poll\": {\"url\": \"/p\"}}", "poll.url: \"/p\" is relative, and there is no base" },
	{ "{\"poll\": {\"url\": \"ftp://h/p\"}}", "poll.url: \"ftp://h/p\" is not an http or https URL" },
	{ "{\"poll\": {\"url\": \"http://\"}}", "poll.url: not a usable URL: No host part in the URL" },
	{ "{\"poll\": {\"url\": \"http://h/p\", \"methd\": \"GET\"}}",
	  "poll: unknown key \"methd\" (did you mean \"method\"?)" },
	{ "{\"poll\": {\"url\": \"http://h/p\", \"method\": \"GE T\"}}",
	  "poll.method: \"GE T\" is not an HTTP method" },
	{ "{\"poll\": {\"url\": \"http://h/p\", \"timeout\": 0}}", "poll.timeout: must be at least 0.001 seconds" },
	{ "{\"poll\": {\"url\": \"http://h/p\", \"query\": {\"a\": {}}}}",
	  "poll.query.a: must be a string, number, true, false or a list of these" },
	{ "{\"poll\": {\"url\": \"http://h/p\", \"query\": {\"a\": [1, null]}}}",
	  "poll.query.a[1]: must be a string, number, true or false" },
	{ "{\"poll\": {\"url\": \"http://h/p\", \"rules\": \"poll\"}}",
	  "poll.rules: only a submit can have the rules of poll" },
	{ "{\"poll\": {\"url\": \"http://h/p\", \"idempotency\": \"X\"}}", "poll.idempotency: is for submit only" },
	{ "{\"poll\": {\"url\": \"http://h/p\", \"unix_socket\": \"run/x\"}}",
	  "poll.unix_socket: must be an absolute path" },
	{ BUILT "\"json\": {}, \"text\": \"\"}}",
	  "submit.text: a request has only one of \"json\", \"form\", \"text\" and \"bytes\"" },
	{ BUILT "\"bytes\": \"a\"}}", "submit.bytes: is not base64" },
	{ BUILT "\"bytes\": \"a===\"}}", "submit.bytes: is not base64" },
	{ BUILT "\"idempotency\": \"a:b\"}}", "submit.idempotency: is not a header name" },
	{ BUILT "\"capture\": {\"id\": {\"body\": \"/x\"}}}}", "submit.capture.id: \"id\" is a built-in value" },
	{ BUILT "\"capture\": {\"a\": {}}}}", "submit.capture.a: must have one of \"body\" and \"header\"" },
	{ BUILT "\"capture\": {\"a\": {\"body\": \"x\"}}}}",
	  "submit.capture.a: \"x\" is not a JSON Pointer (it must be empty or start with \"/\")" },
	/* rules */
	{ RULES("{}"), "poll.rules: must be a list of rules" },
	{ RULES("[{}]"), "poll.rules[0]: \"then\" is missing" },
	{ RULES("[{\"then\": \"sucess\"}]"), "poll.rules[0].then: unknown outcome \"sucess\" (did you mean "
	  "\"success\"?)" },
	{ RULES("[{\"then\": \"continue\"}]"),
	  "poll.rules[0]: \"with\" is missing: what \"then\": \"continue\" goes on with" },
	{ RULES("[{\"then\": \"pending\", \"with\": {\"profile\": \"x\"}}]"),
	  "poll.rules[0]: \"with\" is for \"then\": \"continue\"" },
	{ RULES("[{\"then\": \"continue\", \"with\": {}}]"),
	  "poll.rules[0].with: must have \"profile\", \"spec\" or both" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"profil\": \"x\"}}]"),
	  "poll.rules[0].with: unknown key \"profil\" (did you mean \"profile\"?)" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"spec\": \"{x}\"}}]"),
	  "poll.rules[0].with.spec: must be an object" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"profile\": 1}}]"),
	  "poll.rules[0].with.profile: must be a string" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"profile\": \"x\", \"after\": [\"a\", 1]}}]"),
	  "poll.rules[0].with.after[1]: must be an id" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"profile\": \"x\", \"after\": \"a{id}\"}}]"),
	  "poll.rules[0].with.after: must be a list of at most 4096 ids" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"profile\": \"x\", \"params\": {\"a\": [\"{attempt}\"]}}}]"),
	  "poll.rules[0].with: {attempt} is for requests, not for what is made of their answers" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"profile\": \"x\", \"params\": {\"a\": \"{job}\"}}}]"),
	  "poll.rules[0].with.params.a: {job} has no value: no param or earlier capture has that name" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"profile\": \"x\"}, \"set\": {\"a\": 1}}]"),
	  "poll.rules[0]: \"set\" is for \"then\": \"pending\", \"retry\" or \"fetch\"" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"spec\": {\"x\": [\"{{{id}}}\"]}}}]"),
	  "poll.rules[0].with.spec.x[0]: in the next operation: a brace that is not part of a template is written twice" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"spec\": {\"x\": \"{{job_{id}}}\"}}}]"),
	  "poll.rules[0].with.spec.x: in the next operation: a value would be the name of a template" },
	{ RULES("[{\"then\": \"continue\", \"with\": {\"profile\": \"x\", \"params\": {\"x\": \"{{result:{id}\"}}}]"),
	  "poll.rules[0].with.params.x: in the next operation: "
	  "a reference to a result ends with a brace, and has none within it" },
	{ "{" POLL ", \"cancel\": {\"url\": \"http://h/c\", "
	  "\"rules\": [{\"then\": \"continue\", \"with\": {\"profile\": \"x\"}}]}}",
	  "cancel.rules: \"then\": \"continue\" is for the rules of submit, poll and fetch" },
	{ RULES("[{\"then\": \"pending\", \"budget\": {}}]"),
	  "poll.rules[0].budget: must have \"times\", \"seconds\" or both" },
	{ RULES("[{\"then\": \"lost\"}, {\"then\": \"lost\"}, {\"then\": \"lost\", \"when\": {\"staus\": 404}}]"),
	  "poll.rules[2].when: unknown key \"staus\" (did you mean \"status\"?)" },
	{ RULES("[{\"then\": \"success\", \"result\": \"done\"}]"),
	  "poll.rules[0].result: \"done\" is not a JSON Pointer (it must be empty or start with \"/\")" },
	{ RULES("[{\"then\": \"success\", \"result\": \"/a~b\"}]"),
	  "poll.rules[0].result: \"/a~b\" is not a JSON Pointer (\"~\" must be followed by 0 or 1)" },
	{ RULES("[{\"then\": \"pending\", \"result\": \"/a\"}]"), "poll.rules[0]: \"result\" is for \"then\": "
	  "\"success\"" },
	{ RULES("[{\"then\": \"success\", \"error\": \"/a\"}]"),
	  "poll.rules[0]: \"error\" is for outcomes other than pending, success, fetch and continue" },
	{ RULES("[{\"then\": \"success\", \"delay\": 1}]"),
	  "poll.rules[0]: \"delay\" is for \"then\": \"pending\", \"retry\", \"fetch\" or \"continue\"" },
	{ RULES("[{\"then\": \"failure\", \"error\": {\"mesage\": \"x\"}}]"),
	  "poll.rules[0].error: unknown key \"mesage\" (did you mean \"message\"?)" },
	{ RULES("[{\"then\": \"failure\", \"error\": 1}]"),
	  "poll.rules[0].error: must be a pointer, a text, or an object of code, message and details" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"status\": \"abc\"}}]"),
	  "poll.rules[0].when.status: must be a status from 100 to 599, \"2xx\", or a list of these" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"body\": {\"done\": true}}}]"),
	  "poll.rules[0].when.body: \"done\" is not a JSON Pointer (it must be empty or start with \"/\")" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": {\"prefx\": \"x\"}}}}]"),
	  "poll.rules[0].when.body[\"/a\"]: unknown matcher \"prefx\" (did you mean \"prefix\"?)" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": {\"gt\": \"x\"}}}}]"),
	  "poll.rules[0].when.body[\"/a\"].gt: must be a number" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": {}}}}]"),
	  "poll.rules[0].when.body[\"/a\"]: asks for nothing" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": [1, [2]]}}}]"),
	  "poll.rules[0].when.body[\"/a\"][1]: must be a string, number, true, false or null" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": {\"any\": {\"b\": 1}}}}}]"),
	  "poll.rules[0].when.body[\"/a\"].any: \"b\" is not a JSON Pointer (it must be empty or start with \"/\")" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"any\": [{\"status\": 200}, {\"hedaer\": {}}]}}]"),
	  "poll.rules[0].when.any[1]: unknown key \"hedaer\" (did you mean \"header\"?)" },
	{ RULES("[{\"then\": \"lost\", \"when\": {\"not\": []}}]"), "poll.rules[0].when.not: must be a condition" },
	/* names */
	{ "{\"poll\": {\"url\": \"http://h/{nme}\"}, \"params\": {\"name\": 1}}",
	  "poll.url: {nme} has no value: no param or earlier capture has that name (did you mean \"name\"?)" },
	{ "{\"poll\": {\"url\": \"http://h/{x}\", \"capture\": {\"x\": {\"body\": \"/x\"}}}}",
	  "poll.url: {x} has no value: no param or earlier capture has that name" },
	{ "{" POLL ", \"submit\": {\"url\": \"http://h/{x}\", \"capture\": {\"x\": {\"body\": \"/x\"}}}}",
	  "submit.url: {x} has no value: no param or earlier capture has that name" },
	{ "{" POLL ", \"submit\": {\"url\": \"http://h/\", \"capture\": {\"task\": {\"body\": \"/x\"}}},"
	  " \"cancel\": {\"url\": \"http://h/\", \"json\": {\"a\": [\"{tsk}\"]}}}",
	  "cancel.json.a[0]: {tsk} has no value: no param or earlier capture has that name (did you mean \"task\"?)" },
	{ "{\"headers\": {\"A\": \"{credential}\"}, " POLL "}",
	  "headers.A: {credential} is used, but \"credential\" names none" },
	{ "{\"poll\": {\"url\": \"http://h/{idempotency}\"}}", "poll.url: {idempotency} is used, but there is no "
	  "submit" },
	{ "{\"poll\": {\"url\": \"http://h/{\"}}", "poll.url: a brace that is not part of a template is written "
	  "twice" },
	{ "{" POLL ", \"params\": {\"credential\": 1}}", "params: \"credential\" is a built-in value" },
	{ "{" POLL ", \"params\": []}", "params: must be an object" },
	{ POLLING("\"initial\": \"{every}\""), "polling.initial: {every} has no value: no param has that name" },
	{ "{\"poll\": {\"url\": \"http://h/{x}\"}, \"params\": {\"x\": null}}",
	  "poll.url: the value of {x} is null, which has no text form" },
	{ "{\"poll\": {\"url\": \"http://h/{+x}\"}, \"params\": {\"x\": \"a/../b\"}}",
	  "poll.url: it has \".\" or \"..\" in its path: \"http://h/a/../b\"" },
	{ "{\"base\": \"http://h\", \"poll\": {\"url\": \"/{+x}\"}, \"params\": {\"x\": \"/evil/\"}}",
	  "poll.url: it starts with \"//\", which would name another host: \"//evil/\"" },
	{ "{\"base\": \"{b}\", \"poll\": {\"url\": \"/x\"}, \"params\": {\"b\": \"file:///etc\"}}",
	  "base: \"file:///etc\" is not an http or https URL" },
	{ "{\"headers\": {\"X\": \"{v}\"}, " POLL ", \"params\": {\"v\": \"a\\r\\nb\"}}",
	  "headers[\"X\"]: its value has a control character" },
};

START_TEST(bad_specs)
{
	const struct plan_source source = { .spec = slice(BAD[_i].spec) };
	struct error error = { 0 };
	struct plan_texts texts;
	struct remote_plan *plan;

	ck_assert_msg(create(&source, &texts, &plan, &error) < 0, "%s was taken", BAD[_i].spec);
	ck_assert_int_eq(error.code, ERROR_INVALID_SPEC);
	ck_assert_str_eq(error.message, BAD[_i].error);
}
END_TEST

START_TEST(depth_and_counts_are_bounded)
{
	char *text = malloc(100000), *at = text;
	const struct plan_source source = { .spec = { text, 0 } };
	struct plan_source given = source;
	struct error error = { 0 };
	struct plan_texts texts;
	struct remote_plan *plan;

	at += sprintf(at, "{\"poll\": {\"url\": \"http://h/\", \"rules\": [{\"then\": \"lost\", \"when\": ");
	for (int i = 0; i < 17; i++)
		at += sprintf(at, "{\"not\": ");
	at += sprintf(at, "{}");
	for (int i = 0; i < 17; i++)
		at += sprintf(at, "}");
	sprintf(at, "}]}}");
	given.spec = slice(text);
	ck_assert_int_lt(create(&given, &texts, &plan, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "nested more than 16 deep"));

	at = text + sprintf(text, "{\"poll\": {\"url\": \"http://h/\", \"rules\": [{\"then\": \"lost\"}");
	for (int i = 0; i < 256; i++)
		at += sprintf(at, ", {\"then\": \"lost\"}");
	sprintf(at, "]}}");
	given.spec = slice(text);
	ck_assert_int_lt(create(&given, &texts, &plan, &error), 0);
	ck_assert_str_eq(error.message, "poll.rules: more than 256 rules");

	at = text + sprintf(text, "{\"poll\": {\"url\": \"http://h/\", \"json\": ");
	for (int i = 0; i < 70; i++)
		at += sprintf(at, "[");
	for (int i = 0; i < 70; i++)
		at += sprintf(at, "]");
	sprintf(at, "}}");
	given.spec = slice(text);
	ck_assert_int_lt(create(&given, &texts, &plan, &error), 0);
	ck_assert_str_eq(error.message, "spec: nested too deeply (more than 64 levels)");
	free(text);
}
END_TEST

/* --- taken --------------------------------------------------------------------------------------- */

START_TEST(defaults_of_a_plan)
{
	struct remote_plan *plan = plan_of("{" POLL "}");

	ck_assert(memcmp(&plan->plan.polling, &policy_polling_default, sizeof(struct policy)) == 0);
	ck_assert(memcmp(&plan->plan.retry, &policy_retry_default, sizeof(struct policy)) == 0);
	ck_assert(!plan->plan.has_submit && !plan->plan.has_cancel && !plan->plan.has_idempotency);
	ck_assert(!plan->plan.resubmit && !plan->plan.reset_on_progress && !plan->plan.keep_until_delivered);
	ck_assert_uint_eq(plan->plan.ttl_usec, UINT64_C(604800000000));
	ck_assert_uint_eq(plan->plan.retry_after_max_usec, UINT64_C(3600000000));
	ck_assert_str_eq(plan->plan.bucket, "- http://h:80");
	ck_assert_uint_eq(plan->plan.bucket_limit, 0);
	ck_assert(status_set_has(&plan->retry_on, 503) && !status_set_has(&plan->retry_on, 500 + 1));
	plan_free(plan);
}
END_TEST

START_TEST(every_setting_arrives)
{
	struct remote_plan *plan = plan_of("{" POLL ", \"credential\": \"google\","
	    " \"polling\": {\"initial\": 0.5, \"maximum\": 9, \"multiplier\": 3, \"jitter\": \"none\", \"timeout\": "
	    "900,"
	    "  \"reset_on_progress\": true},"
	    " \"retry\": {\"initial\": 90, \"jitter\": 0.2, \"timeout\": null, \"on\": [\"5xx\", 409], "
	    "\"retry_after_max\": 60},"
	    " \"ttl\": null, \"keep_until_delivered\": true, \"resubmit\": true, \"concurrency\": 3,"
	    " \"submit\": {\"url\": \"http://h/s\", \"json\": {\"request_id\": \"{idempotency}\"}},"
	    " \"cancel\": {\"url\": \"http://h/c\"}}");
	const struct plan *p = &plan->plan;

	ck_assert_uint_eq(p->polling.initial_usec, 500000);
	ck_assert_uint_eq(p->polling.maximum_usec, 9000000);
	ck_assert(p->polling.multiplier == 3 && p->polling.jitter == POLICY_JITTER_NONE);
	ck_assert_uint_eq(p->polling.timeout_usec, 900000000);
	ck_assert_uint_eq(p->retry.initial_usec, 90000000);
	ck_assert_uint_eq(p->retry.maximum_usec, 90000000);
	ck_assert(p->retry.jitter == POLICY_JITTER_FRACTION && p->retry.fraction == 0.2);
	ck_assert_uint_eq(p->retry.timeout_usec, POLICY_NO_TIMEOUT);
	ck_assert_uint_eq(p->retry_after_max_usec, 60000000);
	ck_assert(status_set_has(&plan->retry_on, 599) && status_set_has(&plan->retry_on, 409));
	ck_assert(!status_set_has(&plan->retry_on, 429));
	ck_assert_uint_eq(p->ttl_usec, UINT64_MAX);
	ck_assert(p->keep_until_delivered && p->resubmit && p->reset_on_progress);
	ck_assert(p->has_submit && p->has_cancel && p->has_idempotency);
	ck_assert_uint_eq(p->bucket_limit, 3);
	ck_assert_str_eq(p->bucket, "google http://h:80");
	plan_free(plan);
}
END_TEST

START_TEST(settings_may_depend_on_params)
{
	struct remote_plan *plan = plan_of("{" POLL ", \"polling\": {\"initial\": \"{every}\", \"maximum\": 60},"
	    " \"params\": {\"every\": 7}}");

	ck_assert_uint_eq(plan->plan.polling.initial_usec, 7000000);
	plan_free(plan);
}
END_TEST

static const struct { const char *spec, *bucket; } BUCKETS[] = {
	{ "{\"base\": \"https://A.example/x\", \"poll\": {\"url\": \"/p\"}}", "- https://a.example:443" },
	{ "{\"base\": \"{base}\", \"poll\": {\"url\": \"/p/{id}\"}, \"params\": {\"base\": \"http://x:81\"}}",
	  "- http://x:81" },
	{ "{\"base\": \"http://x\", \"poll\": {\"url\": \"http://y:82/p\"}}", "- http://y:82" },
	{ "{\"base\": \"http://x\", \"poll\": {\"url\": \"{+loc}\"},"
	  " \"submit\": {\"url\": \"http://z/s\", \"capture\": {\"loc\": {\"header\": \"Location\"}}}}",
	  "- http://x:80" },
	{ "{\"poll\": {\"url\": \"{+loc}\"},"
	  " \"submit\": {\"url\": \"http://z/s\", \"capture\": {\"loc\": {\"header\": \"Location\"}}}}",
	  "- http://z:80" },
	{ "{\"poll\": {\"url\": \"http://d/v1\", \"unix_socket\": \"/run/{s}.sock\"}, \"params\": {\"s\": \"x\"}}",
	  "- http://d:80 /run/x.sock" },
};

START_TEST(buckets)
{
	struct remote_plan *plan = plan_of(BUCKETS[_i].spec);

	ck_assert_str_eq(plan->plan.bucket, BUCKETS[_i].bucket);
	plan_free(plan);
}
END_TEST

START_TEST(a_spec_is_compiled_once_for_all_that_have_its_text)
{
	struct remote_plan *a, *b, *c;
	static const char text[] = "{\"poll\":{\"url\":\"http://h/{n}\"}}";

	ck_assert_int_eq(plan_new(cache, text, "{\"n\":1}", false, &a, NULL), 0);
	ck_assert_int_eq(plan_new(cache, text, "{\"n\":2}", false, &b, NULL), 0);
	ck_assert_int_eq(plan_new(cache, "{\"poll\":{\"url\":\"http://h/\"}}", "{}", false, &c, NULL), 0);
	ck_assert_ptr_eq(a->spec, b->spec);
	ck_assert_ptr_ne(a->spec, c->spec);
	plan_free(a);
	ck_assert_uint_eq(b->spec->refs, 1);
	plan_free(b);
	plan_free(c);
}
END_TEST

START_TEST(stored_texts_compile_again_to_the_same)
{
	const struct plan_source source = {
		.spec = slice("{\"retry\": {\"maximum\": 5, \"initial\": 1}, \"help\": \"x\", \"params\": {\"a\": 1,"
		    " \"b\": 2},"
		              " \"poll\": {\"url\": \"http://h/{a}{b}\"}}"),
		.params = slice("{\"b\": 3}"),
		.polling = slice("{\"initial\": 2}"),
		.retry = slice("{\"maximum\": 6}"),
	};
	struct plan_source same = source;
	struct plan_texts texts, again;
	struct remote_plan *plan, *compiled;

	ck_assert_int_eq(create(&source, &texts, &plan, NULL), 0);
	ck_assert_str_eq(texts.spec, "{\"poll\":{\"url\":\"http://h/{a}{b}\"},\"polling\":{\"initial\":2},"
	                             "\"retry\":{\"initial\":1,\"maximum\":6}}");
	ck_assert_str_eq(texts.params, "{\"a\":1,\"b\":3}");
	ck_assert_str_eq(texts.request, "{\"params\":{\"b\":3},\"polling\":{\"initial\":2},\"retry\":{\"maximum\":6},"
	                                "\"spec\":{\"help\":\"x\",\"params\":{\"a\":1,\"b\":2},"
	                                "\"poll\":{\"url\":\"http://h/{a}{b}\"},\"retry\":{\"initial\":1,"
	                                "\"maximum\":5}}}");
	ck_assert_int_eq(plan_new(cache, texts.spec, texts.params, false, &compiled, NULL), 0);
	ck_assert_ptr_eq(plan->spec, compiled->spec);
	ck_assert_uint_eq(compiled->plan.retry.maximum_usec, 6000000);
	plan_free(compiled);
	plan_free(plan);
	/* the order of keys makes no other request */
	same.spec = slice("{\"poll\": {\"url\": \"http://h/{a}{b}\"}, \"params\": {\"b\": 2, \"a\": 1}, \"help\": "
	    "\"x\","
	                  "  \"retry\": {\"initial\": 1, \"maximum\": 5}}");
	ck_assert_int_eq(create(&same, &again, &plan, NULL), 0);
	ck_assert_str_eq(texts.request, again.request);
	plan_free(plan);
	texts_done(&texts);
	texts_done(&again);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec");
	TCase *tcase = tcase_create("spec");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, bad_specs, 0, sizeof(BAD) / sizeof(BAD[0]));
	tcase_add_test(tcase, depth_and_counts_are_bounded);
	tcase_add_test(tcase, defaults_of_a_plan);
	tcase_add_test(tcase, every_setting_arrives);
	tcase_add_test(tcase, settings_may_depend_on_params);
	tcase_add_loop_test(tcase, buckets, 0, sizeof(BUCKETS) / sizeof(BUCKETS[0]));
	tcase_add_test(tcase, a_spec_is_compiled_once_for_all_that_have_its_text);
	tcase_add_test(tcase, stored_texts_compile_again_to_the_same);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
