/* try.c - one poll of a profile or spec, for the one who writes it: what is sent, what comes back, and what it means. */
#include "daemon/remote/try.h"
#include "daemon/remote/ask.h"
#include "daemon/remote/judge.h"
#include "daemon/remote/params.h"
#include "daemon/remote/place.h"
#include "daemon/remote/plan.h"
#include "daemon/remote/poller_core.h"
#include "daemon/remote/try_report.h"

#include <stdlib.h>
#include <string.h>

enum { TRIALS_MAX = 8 };

/* However long the spec would wait. */
#define TRIAL_USEC UINT64_C(120000000)

struct trial {
	struct exchange exchange;      /* first: aborted with the poller */
	struct remote_plan *plan;
	struct ask *ask;
	json_t *requests;              /* as they are shown; NULL: no memory for one of them */
	trial_cb done;
	void *arg;
};

/* {id} of no future. */
static const struct id NOBODY;

static void trial_free(struct trial *trial)
{
	trial->exchange.poller->n_trials--;
	exchange_unlink(&trial->exchange);
	ask_abort(trial->ask);
	plan_free(trial->plan);
	json_decref(trial->requests);
	free(trial);
}

static void abort_trial(struct exchange *exchange)
{
	trial_free((struct trial *)exchange);
}

struct trial *trial_abort(struct trial *trial)
{
	if (trial)
		trial_free(trial);
	return NULL;
}

static void on_show(void *arg, const struct http_request *request)
{
	struct trial *trial = arg;

	if (!trial->requests || json_array_append_new(trial->requests, try_report_request(request)) == 0)
		return;
	json_decref(trial->requests);
	trial->requests = NULL;
}

/* As the poller judges it for a future that was not asked about before. */
static void judge_answer(const struct trial *trial, const struct values *values, const struct http_response *response,
    struct judgement *ret)
{
	const struct poller *poller = trial->exchange.poller;
	const struct remote_plan *plan = trial->plan;
	const struct request *poll = &plan->spec->requests[STEP_POLL];
	const struct judge_input input = {
		.step = STEP_POLL,
		.response = response,
		.rules = spec_rules(plan->spec, STEP_POLL),
		.captures = poll->captures,
		.id = json_string_value(json_object_get(values->builtin, "id")),
		.params = plan->params,
		.fetch_names = plan->spec->requests[STEP_FETCH].names,
		.retry_on = &plan->retry_on,
		.retry_after_max_usec = plan->plan.retry_after_max_usec,
		.long_poll = poll->long_poll,
		.repeatable = true,
		.body_max = poller->body_max,
		.now_ms = poller->wall_ms(poller->clock_self),
	};

	judge(&input, ret);
}

/* Tell, and be gone. */
static void finish(struct trial *trial, const char *report)
{
	const trial_cb done = trial->done;
	void *const arg = trial->arg;
	struct error error;

	trial_free(trial);
	if (!report)
		place_no_memory(&error);
	done(arg, report, report ? NULL : &error);
}

static void on_answer(void *arg, const struct ask_answer *answer)
{
	struct trial *trial = arg;
	struct values values = { .params = trial->plan->params };
	struct judgement judgement = { .refresh_credential = false };
	char id[ID_TEXT_LEN + 1], *report = NULL;
	json_t *builtin;

	id_format(&NOBODY, id);
	builtin = json_pack("{s:s}", "id", id);
	values.builtin = builtin;
	if (answer->response && builtin)
		judge_answer(trial, &values, answer->response, &judgement);
	if (!judgement.refresh_credential || ask_refresh(trial->ask) < 0) {
		if (builtin && trial->requests)
			report = try_report(trial->plan, trial->requests, answer, &judgement, &values,
			    ask_credential(trial->ask));
		finish(trial, report);
		free(report);
	}
	judgement_done(&judgement);
	json_decref(builtin);
}

/* --- the beginning ---------------------------------------------------------------------------------------------------- */

/* What would be refused at creation is not tried either. */
static int refuse(const struct problems *problems, struct error *error)
{
	const struct problem *first = &problems->items[0];

	return error_set(error, ERROR_INVALID_SPEC, "%s%s%s%s", first->place, first->place[0] ? ": " : "",
	    first->message, problems->count > 1 ? " (and more: profile.check has all)" : "");
}

/* A parameter that only other requests use may be missing. */
static int check_open(const struct examined *examined, struct error *error)
{
	const struct request *poll = &examined->spec->requests[STEP_POLL];
	const char *name;
	json_t *declaration;

	json_object_foreach(examined->open, name, declaration)
		if (spec_uses(examined->spec, STEP_POLL, name) || json_object_get(poll->answer_names, name) ||
		    json_object_get(examined->spec->settings_names, name))
			return params_missing(name, declaration, error);
	return 0;
}

static int make_plan(struct poller *poller, const struct examined *examined, struct remote_plan **ret,
    struct error *error)
{
	char *params;
	int r;

	if (examined->problems.count > 0)
		return refuse(&examined->problems, error);
	if (examined->spec->kind != STORE_KIND_HTTP)
		return error_set(error, ERROR_INVALID_SPEC, "kind: only http has a poll that can be tried");
	r = check_open(examined, error);
	if (r < 0)
		return r;
	params = json_dumps(examined->params, JSON_COMPACT);
	r = params ? plan_new(poller->specs, examined->spec->text, params, false, ret, error) : place_no_memory(error);
	free(params);
	return r;
}

static int trial_start(struct trial *trial, const struct profile_source *source, struct error *error)
{
	struct poller *poller = trial->exchange.poller;
	struct ask_input ask = { .step = STEP_POLL, .id = &NOBODY, .attempt = 1, .timeout_usec = TRIAL_USEC, .show = on_show };
	struct examined examined;
	int r = examine(poller->profiles, source, &examined, error);

	if (r < 0)
		return r;
	r = make_plan(poller, &examined, &trial->plan, error);
	examined_done(&examined);
	if (r < 0)
		return r;
	ask.plan = trial->plan;
	return ask_start(poller, &ask, on_answer, trial, &trial->ask, error);
}

int poller_try(struct poller *poller, const struct profile_source *source, trial_cb done, void *arg,
    struct trial **ret, struct error *error)
{
	struct trial *trial;
	int r;

	if (poller->n_trials >= TRIALS_MAX)
		return error_set(error, ERROR_LIMIT, "at most %d polls are tried at a time", TRIALS_MAX);
	trial = calloc(1, sizeof(*trial));
	if (!trial)
		return place_no_memory(error);
	trial->done = done;
	trial->arg = arg;
	exchange_link(&trial->exchange, poller, abort_trial);
	poller->n_trials++;
	trial->requests = json_array();
	r = trial->requests ? trial_start(trial, source, error) : place_no_memory(error);
	if (r < 0) {
		trial_free(trial);
		return r;
	}
	*ret = trial;
	return 0;
}
