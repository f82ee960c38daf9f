/* model.c - keeps books about a random history and compares them with broker and disk. */
#include "tests/sim/model.h"

#include "tests/sim/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_init(struct model *model, struct sim *sim)
{
	memset(model, 0, sizeof(*model));
	model->sim = sim;
	listener_open(sim, 0, NULL, true, 0, &model->monitor);
	must(model->monitor.code == ERROR_NONE);
}

static void drop_calls(struct model *model)
{
	while (model->calls) {
		struct call *call = model->calls;

		model->calls = call->next;
		free(call);
	}
	while (model->waits) {
		struct open_wait *wait = model->waits;

		model->waits = wait->next;
		free(wait);
	}
}

void model_done(struct model *model)
{
	listener_close(&model->monitor);
	for (struct open_wait *wait = model->waits; wait; wait = wait->next)
		wait_free(wait->waiting.wait);
	drop_calls(model);
	for (size_t i = 0; i < model->count; i++) {
		script_free(model->known[i]->script);
		free(model->known[i]->after);
		free(model->known[i]);
	}
	free(model->known);
}

struct known *model_know(struct model *model, const struct id *id)
{
	const struct disk_future *durable = disk_find(model->sim->disk, id->bytes);
	size_t low = 0, high = model->count;
	struct known *known;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = id_compare(&model->known[middle]->id, id);

		if (order == 0)
			return model->known[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (model->count == model->size) {
		model->size = model->size ? 2 * model->size : 64;
		model->known = realloc(model->known, model->size * sizeof(struct known *));
	}
	known = calloc(1, sizeof(*known));
	if (!model->known || !known)
		abort();
	memmove(model->known + low + 1, model->known + low, (model->count - low) * sizeof(struct known *));
	model->known[low] = known;
	model->count++;
	known->id = *id;
	known->ttl_ms = -1;
	if (durable) {
		known->uid = durable->rec.uid;
		known->ttl_ms = durable->rec.ttl_ms;
		known->script = script_new(durable->texts.spec, strlen(durable->texts.spec));
		known->deadline_given = durable->rec.deadline_at_ms != 0;
		known->after = calloc(durable->rec.n_after + 1, sizeof(*known->after));
		if (!known->after)
			abort();
		for (; known->n_after < durable->rec.n_after; known->n_after++)
			memcpy(known->after[known->n_after].bytes, durable->rec.after[known->n_after], ID_BYTES);
	}
	return known;
}

bool model_may_hang(struct model *model, const struct known *known)
{
	if (known->script && (known->script->never || known->script->hang || known->script->nostart))
		return true;
	for (size_t i = 0; i < known->n_after; i++)
		if (model_may_hang(model, model_know(model, &known->after[i])))
			return true;
	return false;
}

struct call *model_call(struct model *model, enum call_kind kind, uid_t uid)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		abort();
	call->kind = kind;
	call->uid = uid;
	call->next = model->calls;
	model->calls = call;
	return call;
}

struct open_wait *model_wait(struct model *model)
{
	struct open_wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		abort();
	wait->start_usec = model->sim->now_usec;
	wait->next = model->waits;
	model->waits = wait;
	return wait;
}

void model_rebooted(struct model *model)
{
	drop_calls(model);
	model->monitor.subscription = NULL;
	listener_close(&model->monitor);
	listener_open(model->sim, 0, NULL, true, model->seq, &model->monitor);
	must(model->monitor.code == ERROR_NONE);
	/* The log is whole here; but it may begin with numbers of creations that were refused. */
	must(!model->monitor.truncated || disk_oldest_seq(model->sim->disk) > model->seq + 1);
}

/* --- events ----------------------------------------------------------------------------------------- */

static void take_change(struct known *known, const struct broker_event *event)
{
	static const bool moves[5][5] = {
		[STORE_PENDING] = { [STORE_RUNNING] = true, [STORE_SUCCEEDED] = true, [STORE_FAILED] = true,
			[STORE_CANCELLED] = true },
		[STORE_RUNNING] = { [STORE_SUCCEEDED] = true, [STORE_FAILED] = true, [STORE_CANCELLED] = true }
	};

	must_say(moves[known->state][event->state], "from %s to %s", future_state_name(known->state),
	    future_state_name(event->state));
	known->state = event->state;
	if (event->state < STORE_SUCCEEDED)
		return;
	known->over = true;
	known->over_at_ms = event->at_ms;
}

static void take_event(struct model *model, const struct broker_event *event)
{
	struct known *known = model_know(model, &event->id);

	must(event->seq > model->seq);
	model->seq = event->seq;
	model->events++;
	must(!known->forgotten);
	switch (event->event) {
	case STORE_EVENT_CREATED:
		must(!known->created);
		must(event->state == STORE_PENDING);
		known->created = true;
		break;
	case STORE_EVENT_CHANGED:
		must(known->created && !known->over);
		take_change(known, event);
		model->ended += known->over;
		break;
	case STORE_EVENT_PROGRESS:
	case STORE_EVENT_TROUBLE:
		must(known->created && !known->over);
		break;
	case STORE_EVENT_FORGOTTEN:
		must(known->over);
		known->forgotten = true;
		if (known->script && !known->forget_asked)
			must(known->ttl_ms >= 0 && event->at_ms >= known->over_at_ms + known->ttl_ms);
		break;
	}
}

/* --- answers ---------------------------------------------------------------------------------------- */

static void take_answer(struct model *model, const struct call *call)
{
	struct known *known;

	model->answers++;
	if (call->answer.code != ERROR_NONE || call->kind != CALL_CREATE)
		return;
	/* It is durable by now, or has ended, expired and been forgotten since. */
	known = model_know(model, &call->answer.id);
	known->acked = true;
	if (known->script)
		must(known->uid == call->uid);
}

static void take_answers(struct model *model)
{
	for (struct call **at = &model->calls; *at;) {
		struct call *call = *at;

		must(call->answer.calls <= 1);
		if (call->answer.calls == 0 && call->answer.code == ERROR_NONE) {
			at = &call->next;
			continue;
		}
		take_answer(model, call);
		*at = call->next;
		free(call);
	}
}

/* Does the condition of a wait hold for these states? -1 stands for a forgotten one, which is done. */
static bool condition(enum wait_mode mode, const int *states, size_t count)
{
	size_t done = 0, failed = 0;

	for (size_t i = 0; i < count; i++) {
		done += states[i] == -1 || states[i] >= STORE_SUCCEEDED;
		failed += states[i] == STORE_FAILED;
	}
	if (done == count)
		return true;
	return (mode == WAIT_FIRST_COMPLETED && done > 0) || (mode == WAIT_FIRST_EXCEPTION && failed > 0);
}

static void check_open_wait(const struct model *model, const struct open_wait *wait)
{
	int states[8];

	if (wait->timeout_usec != UINT64_MAX)
		must(model->sim->now_usec < wait->start_usec + wait->timeout_usec);
	for (size_t i = 0; i < wait->count; i++)
		states[i] = client_exists(model->sim, &wait->ids[i]) ?
		    (int)client_state(model->sim, &wait->ids[i]) : -1;
	must(!condition(wait->mode, states, wait->count));
}

static void check_ended_wait(const struct open_wait *wait)
{
	const struct waiting *waiting = &wait->waiting;

	must(waiting->calls == 1);
	must(waiting->count == wait->count);
	for (size_t i = 0; i < wait->count; i++)
		must(id_compare(&waiting->ids[i], &wait->ids[i]) == 0);
	if (waiting->timed_out)
		must(waiting->at_usec == wait->start_usec + wait->timeout_usec);
	must(condition(wait->mode, waiting->states, waiting->count) == !waiting->timed_out);
}

static void take_waits(struct model *model)
{
	for (struct open_wait **at = &model->waits; *at;) {
		struct open_wait *wait = *at;

		if (wait->waiting.calls == 0 && wait->waiting.code == ERROR_NONE) {
			check_open_wait(model, wait);
			at = &wait->next;
			continue;
		}
		if (wait->waiting.code == ERROR_NONE) {
			check_ended_wait(wait);
			model->waited++;
		} else {
			must(wait->waiting.code == ERROR_NOT_FOUND);
		}
		*at = wait->next;
		free(wait);
	}
}

/* --- futures ---------------------------------------------------------------------------------------- */

/* Is its end one that its script and what was asked for it can lead to? */
static void check_end(const struct known *known, const struct future_view *view)
{
	const struct script *script = known->script;
	const char *kind = view->rec->error_kind ? view->rec->error_kind : "";
	bool single = script->plan.has_submit && !script->plan.has_idempotency && !script->plan.resubmit;
	bool possible;

	if (view->state == STORE_SUCCEEDED)
		possible = script->end == OUTCOME_SUCCESS && (!script->never || script->at_once);
	else if (view->state == STORE_CANCELLED)
		/* A retry may take up an operation whose cancellation was asked for in another's name. */
		possible = known->cancel_asked || script->plan.has_cancel || script->end == OUTCOME_CANCELLED;
	else if (strcmp(kind, "remote") == 0)
		possible = script->end == OUTCOME_FAILURE;
	else if (strcmp(kind, "lost") == 0)
		/* A retry may take up an operation whose end was acknowledged. */
		possible = script->end == OUTCOME_LOST || script->plan.has_ack;
	else if (strcmp(kind, "deadline") == 0)
		possible = known->deadline_given;
	else if (strcmp(kind, "retry_exhausted") == 0)
		possible = script->plan.retry.timeout_usec != POLICY_NO_TIMEOUT;
	else if (strcmp(kind, "dependency") == 0)
		possible = known->n_after > 0;
	else
		possible = strcmp(kind, "submit_unknown") == 0 && single;
	must_say(possible, "an end that cannot be: %s %s", future_state_name(view->state), kind);
}

/* Whether the service told it: then it may hear that this is stored. */
static bool told_by_service(const struct future_view *view)
{
	const char *kind = view->rec->error_kind ? view->rec->error_kind : "";

	return view->state == STORE_SUCCEEDED || view->state == STORE_CANCELLED || strcmp(kind, "remote") == 0;
}

void model_check_acknowledged(const struct model *model, const struct known *known)
{
	const struct script *script = known->script;
	struct future_view view = client_view(model->sim, &known->id);
	const struct disk_future *durable = disk_find(model->sim->disk, known->id.bytes);

	must(durable);
	must(durable->rec.phase != STORE_PHASE_ACK);
	if (!script->plan.has_ack || (view.state != STORE_SUCCEEDED && strcmp(known->seen_kind, "remote") != 0))
		return;
	/* A submit that failed leaves nothing behind that could be acknowledged. */
	if (durable->rec.phase == STORE_PHASE_SUBMIT)
		must(script->at_once && view.state == STORE_FAILED);
	else
		must(durable->rec.phase == STORE_PHASE_ACKED);
	if (durable->rec.phase == STORE_PHASE_ACKED && known->ttl_ms < 0)
		must(service_asked(model->sim->service, &known->id)->acks > 0);
}

/* What was told of its end is durable, and stays. */
static void check_over(const struct model *model, struct known *known, const struct future_view *view)
{
	const struct disk_future *durable = disk_find(model->sim->disk, known->id.bytes);
	const char *kind = view->rec->error_kind ? view->rec->error_kind : "";

	must(durable);
	must(durable->rec.state == view->state);
	must((durable->result.data != NULL) == (view->state == STORE_SUCCEEDED));
	if (durable->result.data && known->script->plan.kind != STORE_KIND_GROUP) {
		must(durable->result.len == strlen(known->script->result));
		must(memcmp(durable->result.data, known->script->result, durable->result.len) == 0);
	}
	if (service_asked(model->sim->service, &known->id)->acks > 0)
		must(told_by_service(view));
	must(!service_asked(model->sim->service, &known->id)->watching);
	if (known->seen_over) {
		must(view->state == known->seen_state);
		must(strcmp(kind, known->seen_kind) == 0);
		return;
	}
	check_end(known, view);
	known->seen_over = true;
	known->seen_state = view->state;
	snprintf(known->seen_kind, sizeof(known->seen_kind), "%s", kind);
}

/* Whether the log says that it was forgotten. */
static bool forgotten_in_log(const struct model *model, const struct id *id)
{
	size_t count;
	const struct event_rec *events = disk_events_after(model->sim->disk, 0, &count);

	while (count-- > 0)
		if (events[count].event == STORE_EVENT_FORGOTTEN && memcmp(events[count].id, id->bytes, ID_BYTES) == 0)
			return true;
	return false;
}

/* Nobody may lose what was acknowledged. But a removal may be on its way, or ahead of the monitor. */
static bool may_be_missing(const struct model *model, const struct known *known)
{
	const struct disk_future *durable = disk_find(model->sim->disk, known->id.bytes);

	if (durable)
		return known->forget_asked ||
		    (durable->rec.expires_at_ms && durable->rec.expires_at_ms <= sim_wall_ms(model->sim));
	return forgotten_in_log(model, &known->id);
}

static void check_future(const struct model *model, struct known *known)
{
	struct future_view view;

	if (known->forgotten) {
		must(!client_exists(model->sim, &known->id));
		must(!disk_find(model->sim->disk, known->id.bytes));
		return;
	}
	if (!client_exists(model->sim, &known->id)) {
		if (known->acked || known->created)
			must_say(may_be_missing(model, known), "a future is lost");
		return;
	}
	view = client_view(model->sim, &known->id);
	must(view.terminal == (view.state >= STORE_SUCCEEDED));
	if (known->over)
		must(view.state == known->state);
	must(!known->seen_over || view.terminal);
	if (view.terminal)
		check_over(model, known, &view);
}

void model_check(struct model *model)
{
	must_say(!sim_violation(model->sim), "%s", sim_violation(model->sim));
	for (size_t i = 0; i < model->monitor.count; i++)
		take_event(model, &model->monitor.events[i]);
	model->monitor.count = 0;
	take_answers(model);
	take_waits(model);
	for (size_t i = 0; i < model->count; i++)
		check_future(model, model->known[i]);
}

void model_check_quiet(struct model *model)
{
	struct broker_stats stats;
	uint64_t sum = 0;

	model_check(model);
	must(!model->calls);
	broker_stats(model->sim->broker, &stats);
	for (int i = 0; i < 5; i++)
		sum += stats.futures[i];
	must(sum == disk_count(model->sim->disk));
	must(stats.in_flight == service_in_flight(model->sim->service));
	must(stats.seq == disk_last_seq(model->sim->disk));
}
