/* test_request.c - the requests of a spec: which keys each takes, their defaults, and how they must fit together. */
#include "daemon/remote/events.h"
#include "daemon/remote/list.h"
#include "tests/daemon/remote/plan_fixture.h"

#include <stdlib.h>
#include <string.h>

#define POLL "\"poll\": {\"url\": \"http://h/p\"}"
#define WITH(members) "{" POLL ", " members "}"
#define LIST(members) "{" POLL ", \"polling\": {\"batch\": {\"url\": \"http://h/l\", " members "}}}"
#define FETCHING(fetch, rules) "{\"poll\": {\"url\": \"http://h/p\", \"rules\": " rules "}, \"fetch\": " fetch "}"
#define NEXT_PAGE "\"next\": {\"page\": {\"body\": \"/next\"}}"

static const struct { const char *spec, *error; } BAD[] = {
	{ "{\"fetsh\": {}, " POLL "}", "unknown key \"fetsh\" (did you mean \"fetch\"?)" },
	{ WITH("\"http2\": 1"), "http2: must be true or false" },
	{ WITH("\"fetch\": {}"), "fetch: \"url\" is missing" },
	{ WITH("\"ack\": 1"), "ack: must be an object" },
	{ WITH("\"polling\": {\"batch\": []}"), "polling.batch: must be an object" },
	/* keys of other requests */
	{ WITH("\"cancel\": {\"url\": \"http://h/\", \"long_poll\": true}"), "cancel.long_poll: is for poll only" },
	{ WITH("\"cancel\": {\"url\": \"http://h/\", \"capture\": {}}"),
	  "cancel.capture: is for submit, poll and fetch only" },
	{ WITH("\"ack\": {\"url\": \"http://h/\", \"every\": 1}"), "ack.every: is for keepalive only" },
	{ WITH("\"keepalive\": {\"url\": \"http://h/\", \"every\": 1, \"on\": []}"), "keepalive.on: is for ack only" },
	{ WITH("\"ack\": {\"url\": \"http://h/\", \"idempotency\": \"X\"}"), "ack.idempotency: is for submit only" },
	{ WITH("\"ack\": {\"url\": \"http://h/\", \"wake\": {}}"), "ack.wake: is for events only" },
	{ WITH("\"ack\": {\"url\": \"http://h/\", \"progress\": \"\"}"), "ack.progress: is for events and for rules" },
	{ WITH("\"ack\": {\"url\": \"http://h/\", \"items\": \"\"}"), "ack.items: is for polling.batch only" },
	{ WITH("\"ack\": {\"url\": \"http://h/\", \"rules\": \"poll\"}"),
	  "ack.rules: only a submit can have the rules of poll" },
	{ WITH("\"events\": {\"url\": \"http://h/\", \"rules\": []}"),
	  "events.rules: is not for events: \"wake\" says which of them mean something" },
	{ WITH("\"events\": {\"url\": \"http://h/\", \"redirects\": 1}"), "events.redirects: is not for events" },
	{ WITH("\"events\": {\"url\": \"http://h/\", \"timeout\": 1}"),
	  "events.timeout: is not for events: a stream has no end, \"idle\" says how long it may be silent" },
	{ LIST("\"is\": \"{id}\", \"capture\": {}"),
	  "polling.batch.capture: is for submit, poll and fetch only" },
	/* values */
	{ "{\"poll\": {\"url\": \"http://h/\", \"redirects\": 11}}",
	  "poll.redirects: must be a whole number from 0 to 10" },
	{ "{\"poll\": {\"url\": \"http://h/\", \"redirects\": true}}",
	  "poll.redirects: must be a whole number from 0 to 10" },
	{ "{\"poll\": {\"url\": \"http://h/\", \"long_poll\": 1}}", "poll.long_poll: must be true or false" },
	{ WITH("\"keepalive\": {\"url\": \"http://h/\"}"), "keepalive: \"every\" is missing" },
	{ WITH("\"keepalive\": {\"url\": \"http://h/\", \"every\": 0.5}"),
	  "keepalive.every: must be at least 1 second" },
	{ WITH("\"ack\": {\"url\": \"http://h/\", \"on\": []}"),
	  "ack.on: must be a list of \"success\", \"failure\" and \"cancelled\"" },
	{ WITH("\"ack\": {\"url\": \"http://h/\", \"on\": [\"failure\", \"sucess\"]}"),
	  "ack.on[1]: unknown end \"sucess\" (did you mean \"success\"?)" },
	{ WITH("\"events\": {\"url\": \"http://h/\", \"idle\": 0}"), "events.idle: must be at least 1 second" },
	{ WITH("\"events\": {\"url\": \"http://h/\", \"wake\": {\"done\": true}}"),
	  "events.wake: \"done\" is not a JSON Pointer (it must be empty or start with \"/\")" },
	{ WITH("\"events\": {\"url\": \"http://h/\", \"progress\": \"p\"}"),
	  "events.progress: \"p\" is not a JSON Pointer (it must be empty or start with \"/\")" },
	/* lists */
	{ LIST("\"items\": \"/data\""), "polling.batch: \"is\" is missing" },
	{ LIST("\"is\": \"{id}\", \"itms\": \"\""), "polling.batch: unknown key \"itms\" (did you mean \"items\"?)" },
	{ LIST("\"is\": \"{id}\", \"max\": 0"), "polling.batch.max: must be a whole number from 1 to 10000" },
	{ LIST("\"is\": \"{id}\", \"max\": 5"), "polling.batch: \"max\" is for requests with {ids}" },
	{ LIST("\"is\": \"{id}\", \"join\": \",\""),
	  "polling.batch: \"join\" is for ids that are sent: \"max\" says how many" },
	{ LIST("\"is\": \"{id}\", \"query\": {\"i\": \"{ids}\"}"),
	  "polling.batch.query.i: {ids} is used, but \"max\" does not say how many" },
	{ LIST("\"is\": \"{id}\", \"query\": {\"p\": \"{page}\"}"),
	  "polling.batch.query.p: {page} is used, but \"next\" has no \"page\"" },
	{ LIST("\"is\": \"{id}\", " NEXT_PAGE), "polling.batch.next: \"page\" is taken, but no template uses {page}" },
	{ LIST("\"is\": \"{id}\", \"next\": {\"link\": {\"body\": \"\"}}"),
	  "polling.batch.next: must be an object with one capture, \"page\" or \"url\"" },
	{ LIST("\"is\": \"{id}\", \"next\": {\"url\": {}}"),
	  "polling.batch.next.url: must have one of \"body\" and \"header\"" },
	{ LIST("\"is\": \"{id}\", \"more\": {\"/more\": true}"), "polling.batch: \"more\" is for a list with \"next\"" },
	{ LIST("\"is\": \"{id}\", \"missing\": \"lose\""),
	  "polling.batch.missing: unknown word \"lose\" (did you mean \"lost\"?)" },
	{ LIST("\"is\": \"{id}\", \"rules\": [{\"then\": \"sucess\"}]"),
	  "polling.batch.rules[0].then: unknown outcome \"sucess\" (did you mean \"success\"?)" },
	{ "{" POLL ", \"polling\": {\"batch\": {\"url\": \"http://h/{page}\", \"is\": \"{id}\", " NEXT_PAGE "}}}",
	  "polling.batch.url: {page} has no value" },
	{ "{" POLL ", \"polling\": {\"batch\": {\"url\": \"http://h/{ids}\", \"is\": \"{id}\", \"max\": 2}}}",
	  "polling.batch.url: the value of {ids} is an array, which has no text form" },
	{ "{" POLL ", \"polling\": {\"batch\": {\"url\": \"http:///\", \"is\": \"{id}\"}}}",
	  "polling.batch.url: not a usable URL: No host part in the URL" },
	/* fetch */
	{ WITH("\"fetch\": {\"url\": \"http://h/\"}"),
	  "fetch: no rule of submit or poll leads to it: \"then\": \"fetch\"" },
	{ WITH("\"fetch\": {\"url\": \"http://h/\", \"rules\": [{\"then\": \"fetch\"}]}"),
	  "fetch: no rule of submit or poll leads to it: \"then\": \"fetch\"" },
	{ "{\"poll\": {\"url\": \"http://h/\", \"rules\": [{\"then\": \"fetch\"}]}}",
	  "poll.rules: \"then\": \"fetch\" is used, but there is no \"fetch\"" },
	{ WITH("\"cancel\": {\"url\": \"http://h/\", \"rules\": [{\"then\": \"fetch\"}]}"),
	  "cancel.rules: \"then\": \"fetch\" is for the rules of submit, poll and fetch" },
	/* names */
	{ FETCHING("{\"url\": \"{+reslt}\"}",
	  "[{\"then\": \"fetch\"}], \"capture\": {\"result\": {\"body\": \"/r\"}}"),
	  "fetch.url: {reslt} has no value: no param or earlier capture has that name (did you mean \"result\"?)" },
	{ WITH("\"events\": {\"url\": \"http://h/{x}\"}"),
	  "events.url: {x} has no value: no param or earlier capture has that name" },
	{ WITH("\"keepalive\": {\"url\": \"http://h/\", \"every\": 9, \"json\": {\"s\": \"{session}\"}}"),
	  "keepalive.json.s: {session} has no value: no param or earlier capture has that name" },
	{ FETCHING("{\"url\": \"http://h/{x}\", \"capture\": {\"x\": {\"body\": \"/x\"}}}", "[{\"then\": \"fetch\"}]"),
	  "fetch.url: {x} has no value: no param or earlier capture has that name" },
	{ LIST("\"is\": \"{batch}\""),
	  "polling.batch.is: {batch} has no value: no param or earlier capture has that name" },
	{ LIST("\"is\": \"{credential}\""), "polling.batch.is: {credential} is for requests only" },
	{ LIST("\"is\": \"{id}\", \"query\": {\"q\": \"{id}\"}"),
	  "polling.batch.query.q: {id} has no value: a request about many has params, {credential}, {page} and {ids} "
	  "only" },
	{ "{" POLL ", \"submit\": {\"url\": \"http://h/\", \"capture\": {\"s\": {\"body\": \"/s\"}}},"
	  " \"polling\": {\"batch\": {\"url\": \"http://h/{s}\", \"is\": \"{s}\"}}}",
	  "polling.batch.url: {s} has no value: a request about many has params, {credential}, {page} and {ids} only" },
	{ LIST("\"is\": \"{id}\", \"headers\": {\"A\": \"{credential}\"}"),
	  "polling.batch.headers.A: {credential} is used, but \"credential\" names none" },
	{ "{\"poll\": {\"url\": \"http://h/{page}\"}}",
	  "poll.url: {page} has no value: no param or earlier capture has that name" },
	/* set */
	{ "{\"poll\": {\"url\": \"http://h/{cursor}\", \"rules\": [{\"then\": \"pending\", \"set\": {\"cursr\": 1}}]},"
	  " \"submit\": {\"url\": \"http://h/\", \"capture\": {\"cursor\": {\"body\": \"/c\"}}}}",
	  "poll.rules[0].set.cursr: no template uses {cursr} (did you mean \"cursor\"?)" },
	{ "{\"poll\": {\"url\": \"http://h/{n}\", \"rules\": [{\"then\": \"pending\", \"set\": {\"n\": 1}}]}}",
	  "poll.url: {n} has no value: no param or earlier capture has that name" },
};

START_TEST(refused)
{
	ck_assert_str_eq(plan_refused(BAD[_i].spec, "{}"), BAD[_i].error);
}
END_TEST

static const struct { const char *spec, *params; } GOOD[] = {
	/* what an earlier answer captured, or a rule for it set */
	{ FETCHING("{\"url\": \"{+r}\"}", "[{\"then\": \"fetch\"}], \"capture\": {\"r\": {\"body\": \"/r\"}}"), "{}" },
	{ FETCHING("{\"url\": \"http://h/{part}\"}", "[{\"then\": \"fetch\", \"set\": {\"part\": 1}}]"), "{}" },
	{ FETCHING("{\"url\": \"http://h/\", \"capture\": {\"t\": {\"header\": \"X-T\"}}}, \"ack\": {\"url\": "
	  "\"http://h/{t}\"}", "[{\"then\": \"fetch\"}]"), "{}" },
	{ "{\"submit\": {\"url\": \"http://h/s\", \"rules\": \"poll\"}, \"poll\": {\"url\": \"http://h/{n}\","
	  " \"rules\": [{\"then\": \"pending\", \"set\": {\"n\": 1}}]}}", "{}" },
	{ "{\"poll\": {\"url\": \"http://h/{n}\", \"rules\": [{\"then\": \"pending\", \"set\": {\"n\": 1}}]}}",
	  "{\"n\": 0}" },
	{ "{\"poll\": {\"url\": \"http://h/p\"}, \"polling\": {\"batch\": {\"url\": \"http://h/l\", \"is\": \"{b}\","
	  " \"rules\": [{\"then\": \"fetch\", \"set\": {\"r\": 1}}]}}, \"fetch\": {\"url\": \"http://h/{r}\"}}",
	  "{\"b\": 1}" },
	/* a param may be called as what a list request has of its own */
	{ "{\"poll\": {\"url\": \"http://h/{page}/{ids}\"}}", "{\"page\": 1, \"ids\": \"x\"}" },
	{ LIST("\"is\": \"{id}\", \"next\": {\"url\": {\"header\": \"Link\"}}"), "{}" },
	{ LIST("\"is\": \"{id}\", \"max\": 5, \"json\": {\"ids\": \"{ids}\"}"), "{}" },
	{ LIST("\"is\": \"{id}\", \"max\": 5, \"join\": \",\", \"query\": {\"q\": \"id in ({ids})\"}"), "{}" },
};

START_TEST(taken)
{
	plan_free(plan_with(GOOD[_i].spec, GOOD[_i].params));
}
END_TEST

START_TEST(every_request_arrives)
{
	struct remote_plan *plan = plan_with("{\"http2\": true, \"submit\": {\"url\": \"http://h/s\"},"
	    " \"poll\": {\"url\": \"http://h/p\", \"long_poll\": true, \"redirects\": 3, \"rules\": [{\"then\": \"fetch\"}]},"
	    " \"fetch\": {\"url\": \"http://h/f\"}, \"cancel\": {\"url\": \"http://h/c\"},"
	    " \"ack\": {\"url\": \"http://h/a\", \"on\": [\"success\", \"cancelled\"]},"
	    " \"keepalive\": {\"url\": \"http://h/k\", \"every\": 30},"
	    " \"events\": {\"url\": \"http://h/e\"},"
	    " \"polling\": {\"initial\": 3, \"batch\": {\"url\": \"http://h/l\", \"is\": \"{id}\", \"max\": 7,"
	    "  \"query\": {\"id\": \"{ids}\"}}}}", "{}");
	static const char *const METHODS[STEPS] = {
		[STEP_SUBMIT] = "POST", [STEP_POLL] = "GET", [STEP_FETCH] = "GET", [STEP_CANCEL] = "POST",
		[STEP_ACK] = "DELETE", [STEP_KEEPALIVE] = "POST", [STEP_EVENTS] = "GET", [STEP_LIST] = "GET",
	};
	const struct plan *p = &plan->plan;

	for (int step = 0; step < STEPS; step++) {
		ck_assert(plan->spec->requests[step].given);
		ck_assert_str_eq(plan->spec->requests[step].method, METHODS[step]);
	}
	ck_assert(p->has_submit && p->has_fetch && p->has_cancel && p->has_ack && p->has_events && p->long_poll);
	ck_assert_uint_eq(p->ack_on, 1u << OUTCOME_SUCCESS | 1u << OUTCOME_CANCELLED);
	ck_assert_uint_eq(p->keepalive_usec, 30000000);
	ck_assert_ptr_nonnull(p->batch);
	ck_assert_uint_eq(p->batch_max, 7);
	ck_assert_uint_eq(p->polling.initial_usec, 3000000);
	ck_assert(plan->spec->http2);
	ck_assert_uint_eq(plan->spec->requests[STEP_POLL].redirects, 3);
	ck_assert_ptr_eq(spec_rules(plan->spec, STEP_LIST), spec_rules(plan->spec, STEP_POLL));
	ck_assert_ptr_nonnull(spec_rules(plan->spec, STEP_LIST));
	plan_free(plan);
}
END_TEST

START_TEST(without_them_a_plan_has_none)
{
	struct remote_plan *plan = plan_with("{" POLL ", \"ack\": {\"url\": \"http://h/\"}}", "{}");
	const struct plan *p = &plan->plan;

	ck_assert(!p->has_fetch && !p->has_events && !p->long_poll && !plan->spec->http2);
	ck_assert_uint_eq(p->ack_on, 1u << OUTCOME_SUCCESS | 1u << OUTCOME_FAILURE | 1u << OUTCOME_CANCELLED);
	ck_assert_uint_eq(p->keepalive_usec, 0);
	ck_assert_ptr_null(p->batch);
	plan_free(plan);
	plan = plan_with("{" POLL "}", "{}");
	ck_assert(!plan->plan.has_ack && plan->plan.ack_on == 0);
	plan_free(plan);
}
END_TEST

START_TEST(rules_of_a_list_are_for_its_items)
{
	struct remote_plan *plan = plan_with(LIST("\"is\": \"{id}\", \"rules\": [{\"then\": \"lost\"}]"), "{}");

	ck_assert_ptr_eq(spec_rules(plan->spec, STEP_LIST), plan->spec->requests[STEP_LIST].list->rules);
	ck_assert(rules_can(spec_rules(plan->spec, STEP_LIST), OUTCOME_LOST));
	ck_assert_ptr_null(spec_rules(plan->spec, STEP_POLL));
	plan_free(plan);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("request");

	tcase_add_loop_test(tcase, refused, 0, sizeof(BAD) / sizeof(BAD[0]));
	tcase_add_loop_test(tcase, taken, 0, sizeof(GOOD) / sizeof(GOOD[0]));
	tcase_add_test(tcase, every_request_arrives);
	tcase_add_test(tcase, without_them_a_plan_has_none);
	tcase_add_test(tcase, rules_of_a_list_are_for_its_items);
	return plan_run("request", tcase);
}
