/* batch.c - one list request, a page at a time, that answers for many futures. */
#include "daemon/remote/batch.h"
#include "daemon/log.h"
#include "daemon/remote/ask.h"
#include "daemon/remote/judge.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/list.h"
#include "daemon/remote/place.h"
#include "daemon/remote/plan.h"
#include "daemon/remote/roster.h"
#include "daemon/remote/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct batch {
	struct exchange exchange;          /* first: the broker's handle */
	struct remote_plan *plan;          /* of the request: it may outlive the member it is from */
	struct id id;
	uint32_t attempt;
	uint64_t timeout_usec;
	struct ask *ask;
	batch_cb done;
	void *arg;
	struct roster roster;
	json_t *ids;                       /* {ids}, or NULL */
	struct list_next page;             /* the one being asked for; both NULL: the first */
	unsigned pages;                    /* asked for so far */
	unsigned requests;                 /* sent for them */
	bool telling;                      /* in a callback: not to be freed there */
	bool aborted;
};

/* A page being read. */
struct page {
	struct batch *batch;
	const struct http_response *response;
};

static void on_answer(void *arg, const struct ask_answer *answer);

static const struct list *list_of(const struct remote_plan *plan)
{
	return plan->spec->requests[STEP_LIST].list;
}

/* The rules for the items of a list. */
static const struct rules *item_rules(const struct remote_plan *plan)
{
	const struct list *list = list_of(plan);

	return list->rules ? list->rules : spec_rules(plan->spec, STEP_POLL);
}

static void next_done(struct list_next *next)
{
	free(next->page);
	free(next->url);
	*next = (struct list_next){ 0 };
}

static void batch_free(struct batch *batch)
{
	exchange_unlink(&batch->exchange);
	roster_done(&batch->roster);
	next_done(&batch->page);
	json_decref(batch->ids);
	plan_free(batch->plan);
	free(batch);
}

static void abort_batch(struct exchange *exchange)
{
	struct batch *batch = (struct batch *)exchange;

	batch->ask = ask_abort(batch->ask);
	batch->aborted = true;
	if (!batch->telling)
		batch_free(batch);
}

void batch_drop(struct exchange *exchange, size_t i)
{
	roster_strike(&((struct batch *)exchange)->roster, i);
}

/* --- what the broker is told --------------------------------------------------------------------------------------- */

/* The callback for one member. The broker may drop others in it, or abort the batch. */
static void tell(struct batch *batch, const struct roster_member *member, const struct verdict *verdict)
{
	const size_t i = (size_t)(member - batch->roster.members);

	roster_strike(&batch->roster, i);
	batch->telling = true;
	batch->done(batch->arg, i, verdict);
	batch->telling = false;
}

/* The last callback. The batch is gone before it, as the broker may start the next one there. */
static void finish(struct batch *batch, const struct verdict *verdict)
{
	const batch_cb done = batch->done;
	void *const arg = batch->arg;
	const size_t count = batch->roster.count;

	batch_free(batch);
	done(arg, count, verdict);
}

/* A member that no page told about. whole: the list was read to its end. */
static void tell_missing(struct batch *batch, const struct roster_member *member, bool whole, int http_status)
{
	const enum list_missing missing = whole && member->text ? list_of(member->plan)->missing : LIST_MISSING_POLL;
	struct verdict verdict = {
		.step = STEP_POLL, .outcome = OUTCOME_MISSING, .sent = true, .shared = true, .http_status = http_status,
	};

	if (missing == LIST_MISSING_PENDING) {
		verdict.outcome = OUTCOME_PENDING;
	} else if (missing == LIST_MISSING_LOST) {
		verdict.outcome = OUTCOME_LOST;
		verdict.failure.kind = "lost";
		verdict.failure.message = slice_from_str("the service no longer knows it: its list does not have it");
		verdict.failure.http_status = http_status;
	}
	tell(batch, member, &verdict);
}

/* No more pages: tell the rest, then the end. */
static void finish_read(struct batch *batch, bool whole, const struct verdict *verdict)
{
	for (size_t i = 0; i < batch->roster.count && !batch->aborted; i++)
		if (batch->roster.members[i].plan)
			tell_missing(batch, &batch->roster.members[i], whole, verdict->http_status);
	if (batch->aborted)
		batch_free(batch);
	else
		finish(batch, verdict);
}

static void finish_retry(struct batch *batch, struct verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The list could not be read, in our own words. */
static void finish_retry(struct batch *batch, struct verdict *verdict, const char *format, ...)
{
	char line[2 * sizeof(verdict->reason)];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	text_line(line, verdict->reason, sizeof(verdict->reason));
	verdict->outcome = OUTCOME_RETRY;
	finish(batch, verdict);
}

/* --- reading a page ------------------------------------------------------------------------------------------------ */

static void judge_item(struct batch *batch, const struct roster_member *member, const struct http_response *response)
{
	const struct poller *poller = batch->exchange.poller;
	const struct remote_plan *plan = member->plan;
	const struct judge_input input = {
		.step = STEP_POLL,
		.response = response,
		.rules = item_rules(plan),
		.captures = plan->spec->requests[STEP_POLL].captures,
		.id = member->future,
		.captured = member->captured,
		.budgets = member->budgets,
		.params = plan->params,
		.fetch_names = plan->spec->requests[STEP_FETCH].names,
		.retry_on = &plan->retry_on,
		.retry_after_max_usec = plan->plan.retry_after_max_usec,
		.repeatable = true,
		.body_max = poller->body_max,
		.now_ms = poller->wall_ms(poller->clock_self),
	};
	struct judgement judgement;

	judge(&input, &judgement);
	judgement.verdict.shared = true;
	tell(batch, member, &judgement.verdict);
	judgement_done(&judgement);
}

static int on_item(void *arg, const char *id, struct slice item)
{
	const struct page *page = arg;
	const struct roster *roster = &page->batch->roster;
	const struct http_response response = {
		.status = 200,
		.headers = page->response->headers,
		.n_headers = page->response->n_headers,
		.body = item.data,
		.body_len = item.len,
		.sent = true,
	};

	for (size_t i = roster_find(roster, id); i < roster->n_by_text; i++) {
		if (strcmp(roster->by_text[i]->text, id) != 0)
			break;
		/* a later item of the same id is old news that moved to another page */
		if (roster->by_text[i]->plan)
			judge_item(page->batch, roster->by_text[i], &response);
		if (page->batch->aborted)
			return -ECANCELED;
	}
	return 0;
}

/* Ask for the page that batch->page names. */
static int ask_page(struct batch *batch, struct error *error)
{
	struct ask_input input = {
		.plan = batch->plan,
		.step = STEP_LIST,
		.id = &batch->id,
		.attempt = batch->attempt,
		.url = batch->page.url,
		.timeout_usec = batch->timeout_usec,
	};
	int r;

	input.more = json_pack("{s:O*,s:s*}", "ids", batch->ids, "page", batch->page.page);
	if (!input.more)
		return place_no_memory(error);
	r = ask_start(batch->exchange.poller, &input, on_answer, batch, &batch->ask, error);
	json_decref(input.more);
	if (r == 0)
		batch->pages++;
	return r;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* On to the next page, if there is one and someone still waits for it. Takes next. */
static void go_on(struct batch *batch, struct list_next *next, struct verdict *verdict)
{
	/* a service that leads us in a circle would do so for ever */
	const bool circle = same_text(next->page, batch->page.page) || same_text(next->url, batch->page.url);
	const bool last = !next->page && !next->url;
	struct error error = { 0 };

	if (batch->roster.left == 0 || last || circle || batch->pages == REMOTE_PAGES_MAX) {
		next_done(next);
		finish_read(batch, batch->roster.left == 0 || last, verdict);
		return;
	}
	next_done(&batch->page);
	batch->page = *next;
	if (ask_page(batch, &error) < 0)
		finish_retry(batch, verdict, "%s", error.message);
}

/* Tell whom a page is about, then go on. base: the page's own URL. */
static void read_page(struct batch *batch, const struct http_response *response, const char *base,
    struct verdict *verdict)
{
	struct page page = { .batch = batch, .response = response };
	struct list_next next = { 0 };
	struct json_fault fault = { 0 };
	struct error error = { 0 };
	char *url = NULL;
	int r = list_walk(list_of(batch->plan), response, on_item, &page, &next, &fault);

	if (batch->aborted) {
		next_done(&next);
		batch_free(batch);
		return;
	}
	if (r == -EBADMSG) {
		finish_retry(batch, verdict, "the list cannot be read: %s at byte %zu", fault.what, fault.at);
		return;
	}
	if (r == 0 && next.url)
		r = http_resolve(base, next.url, &url, &error);
	if (r < 0) {
		next_done(&next);
		finish_retry(batch, verdict, "%s", error.message[0] ? error.message : "no memory to read the list");
		return;
	}
	free(next.url);
	next.url = url;
	go_on(batch, &next, verdict);
}

/* --- the answer ---------------------------------------------------------------------------------------------------- */

/*
 * What an answer says of the request itself. Rules are for one operation: of those that hold for a list that was not
 * given, only `retry` and `refresh_credential` mean something for all. *ret_refresh: the credential was refused.
 */
static void judge_list(const struct batch *batch, const struct http_response *response, struct verdict *ret,
    bool *ret_refresh)
{
	const struct poller *poller = batch->exchange.poller;
	const struct remote_plan *plan = batch->plan;
	struct judge_input input = {
		.step = STEP_POLL,
		.response = response,
		.rules = response->status / 100 == 2 ? NULL : item_rules(plan),
		.params = plan->params,
		.retry_on = &plan->retry_on,
		.retry_after_max_usec = plan->plan.retry_after_max_usec,
		.repeatable = true,
		.body_max = poller->body_max,
		.now_ms = poller->wall_ms(poller->clock_self),
	};
	struct judgement judgement;

	judge(&input, &judgement);
	if (judgement.verdict.outcome != OUTCOME_RETRY && input.rules) {
		judgement_done(&judgement);
		input.rules = NULL;
		judge(&input, &judgement);
	}
	*ret = (struct verdict){
		.step = STEP_LIST,
		.outcome = judgement.verdict.outcome == OUTCOME_RETRY ? OUTCOME_RETRY : OUTCOME_PENDING,
		.http_status = judgement.verdict.http_status,
		.has_delay = judgement.verdict.has_delay,
		.delay_usec = judgement.verdict.delay_usec,
		.has_retry_after = judgement.verdict.has_retry_after,
		.retry_after_usec = judgement.verdict.retry_after_usec,
		.throttled = judgement.verdict.throttled,
		.unreachable = judgement.verdict.unreachable,
	};
	memcpy(ret->reason, judgement.verdict.reason, sizeof(ret->reason));
	*ret_refresh = judgement.refresh_credential;
	judgement_done(&judgement);
}

/* The requests of all pages count with the last one. */
static void count_requests(struct batch *batch, const struct ask_answer *answer, struct verdict *ret)
{
	batch->requests += answer->extra + (answer->sent ? 1 : 0) + (answer->response ? answer->response->resends : 0);
	ret->sent = batch->requests > 0;
	ret->extra_requests = batch->requests > 0 ? batch->requests - 1 : 0;
}

static void on_answer(void *arg, const struct ask_answer *answer)
{
	struct verdict verdict = { .step = STEP_LIST };
	struct batch *batch = arg;
	struct ask *ask = batch->ask;
	bool refresh = false;

	if (answer->response)
		judge_list(batch, answer->response, &verdict, &refresh);
	log_debug("remote: list at %s, page %u: status %d", batch->plan->bucket, batch->pages, verdict.http_status);
	if (refresh && ask_refresh(ask) == 0)
		return;
	batch->ask = NULL;
	count_requests(batch, answer, &verdict);
	if (!answer->response)
		finish_retry(batch, &verdict, "%s", answer->reason);
	else if (verdict.outcome == OUTCOME_RETRY)
		finish(batch, &verdict);
	else if (verdict.http_status / 100 == 2)
		read_page(batch, answer->response, ask_url(ask), &verdict);
	else
		finish_read(batch, false, &verdict);
}

static int prepare(struct batch *batch, const struct batch_member *members, size_t count, struct error *error)
{
	const struct list *list;
	int r;

	batch->plan = plan_ref((struct remote_plan *)members[0].plan);
	batch->id = *members[0].input.id;
	batch->attempt = members[0].input.attempt;
	batch->timeout_usec = members[0].input.timeout_usec;
	list = list_of(batch->plan);
	r = roster_init(&batch->roster, members, count, error);
	if (r == 0 && list->max > 0)
		r = roster_ids(&batch->roster, list->join, &batch->ids, error);
	return r < 0 ? r : ask_page(batch, error);
}

int batch_start(struct poller *poller, const struct batch_member *members, size_t count, batch_cb done, void *arg,
    struct exchange **ret, struct error *error)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int r;

	assert(count > 0);
	if (!batch)
		return place_no_memory(error);
	exchange_link(&batch->exchange, poller, abort_batch);
	batch->done = done;
	batch->arg = arg;
	r = prepare(batch, members, count, error);
	if (r < 0) {
		batch_free(batch);
		return r;
	}
	*ret = &batch->exchange;
	return 0;
}
