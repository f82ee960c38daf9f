/* test_ask.c - one request on its way: where it is led, and what of it goes there. */
#include "config.h"

#include "tests/daemon/remote/ask_fixture.h"
#include "tests/daemon/remote/script_server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check_sent(int service, const char *line, const char *key)
{
	char bearer[80] = "";

	if (*key)
		snprintf(bearer, sizeof(bearer), "Bearer %s", key);
	ck_assert_str_eq(seen[service].line, line);
	ck_assert_str_eq(seen[service].key, key);
	ck_assert_str_eq(seen[service].authorization, bearer);
	ck_assert_str_eq(seen[service].plain, "yes");
}

START_TEST(a_request_with_its_credential)
{
	struct remote_plan *plan = plan_of(SPEC);
	const struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };

	SERVE({ AT(HERE, "/poll", 200), .body = "fine" });
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	ck_assert_str_eq(told.body, "fine");
	ck_assert(told.sent && !told.shared);
	ck_assert_uint_eq(told.extra, 0);
	check_sent(HERE, "GET /poll", "s3cret");
	/* what people are shown has no secret */
	ck_assert_uint_eq(told.shown, 1);
	ck_assert_str_eq(told.shown_key, "...");
	plan_free(plan);
}
END_TEST

/* --- redirects ---------------------------------------------------------------------------------------------------- */

START_TEST(redirects_keep_or_change_the_method)
{
	static const struct {
		int status;
		enum step step;
		const char *line, *body;
	} rows[] = {
		{ 301, STEP_SUBMIT, "GET /next?a=b", "" },
		{ 302, STEP_SUBMIT, "GET /next?a=b", "" },
		{ 303, STEP_SUBMIT, "GET /next?a=b", "" },
		{ 307, STEP_SUBMIT, "POST /next?a=b", "{\"a\":1}" },
		{ 308, STEP_SUBMIT, "POST /next?a=b", "{\"a\":1}" },
		{ 301, STEP_POLL, "GET /next?a=b", "" },
		{ 303, STEP_POLL, "GET /next?a=b", "" },
		{ 308, STEP_POLL, "GET /next?a=b", "" },
		{ 302, STEP_CANCEL, "HEAD /next?a=b", "" },
	};
	struct remote_plan *plan = plan_with("{" HEADERS ", " POLL ", \"submit\": {\"url\": \"/poll\", \"json\": {\"a\": "
	    "1}}, \"cancel\": {\"url\": \"/poll\", \"method\": \"HEAD\"}}", 3);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ask_input input = ask_of(plan, rows[i].step);
		struct told told = { 0 };

		SERVE({ AT(HERE, "/poll", rows[i].status), .location = "next?a=b" }, { AT(HERE, "/next?a=b", 200) });
		perform(&input, &told);
		ck_assert_msg(told.status == 200, "row %zu: %d %s", i, told.status, told.reason);
		check_sent(HERE, rows[i].line, "s3cret");
		ck_assert_str_eq(seen[HERE].body, rows[i].body);
		ck_assert_str_eq(seen[HERE].type, *rows[i].body ? "application/json" : "");
		ck_assert_uint_eq(told.extra, 1);
		ck_assert_uint_eq(told.shown, 2);
	}
	plan_free(plan);
}
END_TEST

START_TEST(redirects_have_a_limit)
{
	static const struct {
		unsigned redirects, requests;
	} rows[] = { { 0, 1 }, { 1, 2 }, { 4, 5 } };

	SERVE({ AT(HERE, "/poll", 302), .location = "/other", .body = "moved" },
	    { AT(HERE, "/other", 302), .location = "/poll", .body = "moved" });
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct remote_plan *plan = plan_with(SPEC, rows[i].redirects);
		const struct ask_input input = ask_of(plan, STEP_POLL);
		struct told told = { 0 };

		seen[HERE].requests = 0;
		perform(&input, &told);
		ck_assert_int_eq(told.status, 302);
		ck_assert_str_eq(told.body, "moved");
		ck_assert_uint_eq(seen[HERE].requests, rows[i].requests);
		ck_assert_uint_eq(told.extra, rows[i].redirects);
		plan_free(plan);
	}
}
END_TEST

START_TEST(a_redirect_that_leads_nowhere)
{
	struct remote_plan *plan = plan_with(SPEC, 5);
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };

	SERVE({ AT(HERE, "/poll", 302) });
	perform(&input, &told);
	ck_assert_int_eq(told.status, 302);
	SERVE({ AT(HERE, "/poll", 302), .location = "ftp://example.org/" });
	perform(&input, &told);
	ck_assert(told.none && !told.sent);
	ck_assert_uint_eq(told.extra, 1);
	ck_assert_str_eq(told.reason, "poll: redirected (302): the URL's scheme is neither http nor https");
	/* the submit was accepted by the one who redirects: whoever is told must know that */
	SERVE({ AT(HERE, "/submit", 303), .location = "http://127.0.0.1:1/" });
	input = ask_of(plan, STEP_SUBMIT);
	perform(&input, &told);
	ck_assert_int_eq(told.status, 0);
	ck_assert(!told.none && told.sent);
	ck_assert_uint_eq(told.extra, 0);
	/* and with 307 it was not */
	SERVE({ AT(HERE, "/submit", 307), .location = "http://127.0.0.1:1/" });
	perform(&input, &told);
	ck_assert_int_eq(told.status, 0);
	ck_assert(!told.sent);
	ck_assert_uint_eq(told.extra, 1);
	plan_free(plan);
}
END_TEST

START_TEST(a_redirect_to_another_origin_has_no_credential)
{
	struct remote_plan *plan = plan_with(SPEC, 5);
	const struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };

	SERVE({ AT(HERE, "/poll", 302), .location = "@/signed?sig=1" }, { AT(THERE, "/signed?sig=1", 200) });
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	check_sent(THERE, "GET /signed?sig=1", "");
	/* not even when it is led back */
	SERVE({ AT(HERE, "/poll", 302), .location = "@/signed?sig=1" }, { AT(THERE, "/signed?sig=1", 307), .location = "!/back" },
	    { AT(HERE, "/back", 200) });
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	check_sent(HERE, "GET /back", "");
	ck_assert_uint_eq(told.extra, 2);
	plan_free(plan);
}
END_TEST

START_TEST(a_redirect_leaves_the_unix_socket)
{
	char path[256], spec[512], answer[256];
	struct script_step step = { .bytes = answer };
	struct script_server *socket;
	struct remote_plan *plan;
	struct ask_input input;
	struct told told = { 0 };

	snprintf(path, sizeof(path), "%s/ask.%d.sock", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
	snprintf(answer, sizeof(answer), "HTTP/1.1 302 Found\r\nLocation: %s/there\r\nContent-Length: 0\r\n\r\n",
	    origins[THERE]);
	socket = script_server_new(base, path, &step, 1);
	snprintf(spec, sizeof(spec), "{\"poll\": {\"url\": \"http://localhost/poll\", \"unix_socket\": \"%s\"}}", path);
	plan = plan_with(spec, 1);
	input = ask_of(plan, STEP_POLL);
	SERVE({ AT(THERE, "/there", 200) });
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	ck_assert_uint_eq(script_server_requests(socket), 1);
	plan_free(plan);
	script_server_free(socket);
	unlink(path);
}
END_TEST

START_TEST(redirects_share_the_time)
{
	struct remote_plan *plan = plan_with(SPEC, 5);
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };
	uint64_t first;

	SERVE({ AT(HERE, "/poll", 302), .location = "/held", .held = true }, { AT(HERE, "/held", 200), .held = true });
	input.timeout_usec = 500000;
	begin(&input, &told);
	first = told.shown_timeout;
	ck_assert_uint_le(first, 500000);
	wait_held(1);
	release();
	await(&told);
	ck_assert_uint_eq(told.shown, 2);
	ck_assert_uint_lt(told.shown_timeout, first);
	ck_assert_int_eq(told.status, 0);
	plan_free(plan);
}
END_TEST

/* --- where the credential goes --------------------------------------------------------------------------------- */

START_TEST(a_captured_url_of_another_origin_has_no_credential)
{
	struct remote_plan *plan = plan_of("{" HEADERS ", \"poll\": {\"url\": \"{+next}\"}}");
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };

	SERVE({ AT(THERE, "/signed", 200) }, { AT(HERE, "/own", 200) });
	wallet.value = NULL;                  /* it is not even read */
	input.captured = json_pack("{s:s+}", "next", origins[THERE], "/signed");
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	check_sent(THERE, "GET /signed", "");
	ck_assert_uint_eq(wallet.asked, 0);
	json_decref(input.captured);
	wallet.value = "s3cret";
	input.captured = json_pack("{s:s+}", "next", origins[HERE], "/own");
	perform(&input, &told);
	check_sent(HERE, "GET /own", "s3cret");
	json_decref(input.captured);
	plan_free(plan);
	/* a param is the creator's own word */
	plan = plan_of("{" HEADERS ", \"poll\": {\"url\": \"{+there}\"}}");
	input = ask_of(plan, STEP_POLL);
	SERVE({ AT(THERE, "/", 200) });
	perform(&input, &told);
	check_sent(THERE, "GET /", "s3cret");
	plan_free(plan);
}
END_TEST

START_TEST(a_credential_outside_of_headers_is_not_sent_elsewhere)
{
	struct remote_plan *plan = plan_with("{\"base\": \"{here}\", \"credential\": \"pass\", \"poll\": {\"url\": "
	    "\"/poll\", \"query\": {\"key\": \"{credential}\"}}, \"submit\": {\"url\": \"/submit\", \"json\": "
	    "{\"token\": \"{credential}\"}}}", 5);
	struct ask_input input = ask_of(plan, STEP_SUBMIT);
	struct told told = { 0 };

	SERVE({ AT(HERE, "/submit", 307), .location = "@/taken" }, { AT(HERE, "/poll?key=s3cret", 200) });
	perform(&input, &told);
	ck_assert(told.none);
	ck_assert_ptr_nonnull(strstr(told.reason, origins[THERE]));
	ck_assert_ptr_nonnull(strstr(told.reason, "where the credential does not go"));
	ck_assert_ptr_null(strstr(told.reason, "s3cret"));
	ck_assert_uint_eq(seen[THERE].requests, 0);
	/* what has become a GET leaves the body behind */
	SERVE({ AT(HERE, "/submit", 303), .location = "@/taken" }, { AT(HERE, "/poll?key=s3cret", 200) },
	    { AT(THERE, "/taken", 200) });
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	ck_assert_str_eq(seen[THERE].body, "");
	input = ask_of(plan, STEP_POLL);
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	ck_assert_ptr_nonnull(strstr(told.shown_url, "/poll?key=..."));
	plan_free(plan);
}
END_TEST

START_TEST(a_credential_that_is_bound_to_origins)
{
	struct remote_plan *plan = plan_with(SPEC, 5);
	const struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };
	char both[160], expected[256];
	struct error error = { 0 };
	struct ask *ask;

	SERVE({ AT(HERE, "/poll", 302), .location = "@/next" }, { AT(THERE, "/next", 200) });
	snprintf(both, sizeof(both), "%s %s", origins[HERE], origins[THERE]);
	wallet.bound = both;
	perform(&input, &told);
	check_sent(THERE, "GET /next", "s3cret");
	wallet.bound = origins[HERE];
	perform(&input, &told);
	check_sent(THERE, "GET /next", "");
	wallet.bound = origins[THERE];
	seen[HERE].requests = 0;
	ck_assert_int_lt(ask_start(&poller, &input, on_told, &told, &ask, &error), 0);
	snprintf(expected, sizeof(expected), "poll: credential pass is bound to other origins than %s", origins[HERE]);
	ck_assert_str_eq(error.message, expected);
	ck_assert_uint_eq(seen[HERE].requests, 0);
	plan_free(plan);
}
END_TEST

/* --- a fresh credential ------------------------------------------------------------------------------------------ */

START_TEST(a_refused_credential_is_renewed_once)
{
	struct remote_plan *plan = plan_of(SPEC);
	const struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { .refreshes = true };

	wallet.fresh = "fresh";
	SERVE({ AT(HERE, "/poll", 200), .wants = "fresh" });
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	ck_assert_int_eq(told.refresh, 0);
	ck_assert_uint_eq(told.calls, 2);
	ck_assert_uint_eq(told.extra, 1);
	check_sent(HERE, "GET /poll", "fresh");
	SERVE({ AT(HERE, "/poll", 200), .wants = "another" });
	seen[HERE].requests = 0;
	perform(&input, &told);
	ck_assert_int_eq(told.status, 401);
	ck_assert_int_eq(told.refresh, -EALREADY);
	ck_assert_uint_eq(seen[HERE].requests, 2);
	ck_assert_uint_eq(told.extra, 1);
	plan_free(plan);
}
END_TEST

START_TEST(a_refused_credential_that_cannot_be_renewed)
{
	struct remote_plan *plan = plan_with(SPEC, 5), *without = plan_of("{\"base\": \"{here}\", " POLL "}");
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { .refreshes = true };

	SERVE({ AT(HERE, "/poll", 401) });
	perform(&input, &told);
	ck_assert_int_eq(told.refresh, -EKEYREJECTED);
	ck_assert_uint_eq(told.calls, 1);
	ck_assert_uint_eq(seen[HERE].requests, 1);
	SERVE({ AT(HERE, "/poll", 302), .location = "@/signed" }, { AT(THERE, "/signed", 401) });
	perform(&input, &told);
	ck_assert_int_eq(told.refresh, -ENOENT);
	input = ask_of(without, STEP_POLL);
	SERVE({ AT(HERE, "/poll", 401) });
	perform(&input, &told);
	ck_assert_int_eq(told.refresh, -ENOENT);
	plan_free(plan);
	plan_free(without);
}
END_TEST

START_TEST(a_credential_that_is_waited_for)
{
	struct remote_plan *plan = plan_of(SPEC);
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { .refreshes = true }, other = { 0 };

	SERVE({ AT(HERE, "/poll", 200), .wants = "late" });
	wallet.later = true;
	begin(&input, &told);
	begin(&input, &other);
	other.ask = ask_abort(other.ask);
	ck_assert_uint_eq(seen[HERE].requests, 0);
	grant("late");
	await(&told);
	ck_assert_int_eq(told.status, 200);
	ck_assert_uint_eq(other.calls, 0);
	/* it does not come */
	wallet.later = true;
	begin(&input, &told);
	grant(NULL);
	ck_assert(told.none && !told.sent);
	ck_assert_uint_eq(told.extra, 0);
	ck_assert_str_eq(told.reason, "credential pass: the token endpoint is down");
	/* too late */
	wallet.later = true;
	input.timeout_usec = 1;
	begin(&input, &told);
	grant("late");
	ck_assert(told.none);
	ck_assert_str_eq(told.reason, "poll: no time is left for another request");
	ck_assert_uint_eq(seen[HERE].requests, 1);
	plan_free(plan);
}
END_TEST

START_TEST(a_renewal_that_is_waited_for)
{
	struct remote_plan *plan = plan_of(SPEC);
	const struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { .refreshes = true };

	SERVE({ AT(HERE, "/poll", 200), .wants = "fresh" });
	begin(&input, &told);
	wallet.later = true;
	while (told.calls == 0)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(told.refresh, 0);
	grant("fresh");
	await(&told);
	ck_assert_int_eq(told.status, 200);
	begin(&input, &told);
	wallet.later = true;
	while (told.calls == 0)
		event_base_loop(base, EVLOOP_ONCE);
	grant(NULL);
	ck_assert(told.none && !told.sent);
	ck_assert_uint_eq(told.extra, 1);
	plan_free(plan);
}
END_TEST

/* --- the rest ------------------------------------------------------------------------------------------------------ */

START_TEST(a_url_in_place_of_its_own)
{
	struct remote_plan *plan = plan_of(SPEC);
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };
	char absolute[128];

	SERVE({ AT(HERE, "/poll?page=2", 200) }, { AT(THERE, "/page", 200) });
	input.url = "?page=2";
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	check_sent(HERE, "GET /poll?page=2", "s3cret");
	snprintf(absolute, sizeof(absolute), "%s/page", origins[THERE]);
	input.url = absolute;
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	check_sent(THERE, "GET /page", "");
	plan_free(plan);
}
END_TEST

START_TEST(further_values)
{
	struct remote_plan *plan = plan_of("{\"base\": \"{here}\", \"poll\": {\"url\": \"/{page}/{id}/{attempt}\"}}");
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };

	input.more = json_pack("{s:s}", "page", "7");
	perform(&input, &told);
	ck_assert_str_eq(seen[HERE].line, "GET /7/01970000-0000-7000-8000-000000000001/1");
	json_decref(input.more);
	plan_free(plan);
}
END_TEST

static int on_data(void *arg, const struct http_response *head, const void *data, size_t len)
{
	struct told *told = arg;

	ck_assert_int_eq(head->status, 200);
	if (data)
		strncat(told->data, data, len);
	return 0;
}

START_TEST(a_stream)
{
	struct remote_plan *plan = plan_of(SPEC);
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told = { 0 };

	SERVE({ AT(HERE, "/poll", 200), .body = "data: 1\n\n" });
	input.on_data = on_data;
	perform(&input, &told);
	ck_assert_int_eq(told.status, 200);
	ck_assert_str_eq(told.data, "data: 1\n\n");
	ck_assert_str_eq(told.body, "");
	plan_free(plan);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_request_with_its_credential, redirects_keep_or_change_the_method, redirects_have_a_limit,
		a_redirect_that_leads_nowhere, a_redirect_to_another_origin_has_no_credential,
		a_redirect_leaves_the_unix_socket, redirects_share_the_time,
		a_captured_url_of_another_origin_has_no_credential, a_credential_outside_of_headers_is_not_sent_elsewhere,
		a_credential_that_is_bound_to_origins, a_refused_credential_is_renewed_once,
		a_refused_credential_that_cannot_be_renewed, a_credential_that_is_waited_for, a_renewal_that_is_waited_for,
		a_url_in_place_of_its_own, further_values, a_stream,
	};

	return ask_run("ask", tests, sizeof(tests) / sizeof(tests[0]));
}
