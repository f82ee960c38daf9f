/* operations_sim.c - what becomes of each operation at the simulated service, and how it answers about it. */
#include "tests/sim/service_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct operation *service_find_operation(const struct service *service, const char *name)
{
	struct operation *operation;

	HASH_FIND_STR(service->operations, name, operation);
	return operation;
}

static struct operation *operation_add(struct service *service, const char *name)
{
	struct operation *operation = must(calloc(1, sizeof(*operation)));

	snprintf(operation->name, sizeof(operation->name), "%s", name);
	HASH_ADD_STR(service->operations, name, operation);
	return operation;
}

/* A new operation, or the one that was made under the same idempotency value. */
static struct operation *take_submit(struct service *service, struct asked *asked, const struct step_input *input)
{
	struct promise *promise = NULL;
	struct operation *operation;
	char name[SCRIPT_TEXT];

	if (input->idempotency)
		HASH_FIND_STR(service->promises, input->idempotency, promise);
	if (promise) {
		if (id_compare(&promise->owner, input->id) != 0)
			service_violate(service, "two futures use the idempotency value %s", input->idempotency);
		return promise->operation;
	}
	snprintf(name, sizeof(name), "op-%u", ++service->operation_count);
	operation = operation_add(service, name);
	asked->taken++;
	if (input->idempotency) {
		promise = must(calloc(1, sizeof(*promise)));
		snprintf(promise->value, sizeof(promise->value), "%s", input->idempotency);
		promise->operation = operation;
		promise->owner = *input->id;
		HASH_ADD_STR(service->promises, value, promise);
	}
	return operation;
}

static void check_submit(struct service *service, struct asked *asked, const struct script *script,
    const struct step_input *input)
{
	const char *value = input->idempotency ? input->idempotency : "";

	if (!script->plan.has_submit)
		service_violate(service, "a submit of a plan without one");
	if (script->plan.has_idempotency != (input->idempotency != NULL))
		service_violate(service, "an idempotency value that should not be, or none that should");
	if (asked->submits == 1)
		snprintf(asked->idempotency, sizeof(asked->idempotency), "%s", value);
	else if (strcmp(asked->idempotency, value) != 0)
		service_violate(service, "another idempotency value on submit %u", asked->submits);
	asked->resubmittable = script->plan.resubmit;
}

static void capture(struct exchange *exchange, const struct operation *operation, unsigned hop)
{
	struct reply *reply = &exchange->reply;

	snprintf(reply->captured, sizeof(reply->captured), "{\"op\":\"%s\",\"hop\":%u}", operation->name, hop);
	reply->verdict.captured = reply->captured;
}

/* The operation has come to its end: its result is in this answer, or is to be fetched. */
static void reply_over(struct exchange *exchange, const struct script *script, struct operation *operation)
{
	operation->truth.over = true;
	if (script->next[0]) {
		reply_continue(&exchange->reply, script);
		return;
	}
	if (!script->plan.has_fetch || script->end != OUTCOME_SUCCESS) {
		reply_end(&exchange->reply, script, script->end);
		return;
	}
	reply_status(&exchange->reply, OUTCOME_FETCH, 200);
	capture(exchange, operation, 0);
}

static void step_submit(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	struct asked *asked = exchange->asked;
	struct operation *operation;
	unsigned n = ++asked->submits;

	check_submit(exchange->service, asked, script, input);
	if (n <= script->unsent) {
		reply_unreachable(&exchange->reply, false, "connection refused");
		return;
	}
	if (n > script->unsent + script->lost && n <= script->unsent + script->lost + script->busy) {
		reply_status(&exchange->reply, OUTCOME_RETRY, 503);
		return;
	}
	operation = take_submit(exchange->service, asked, input);
	if (asked->taken > 1 && !script->plan.resubmit)
		service_violate(exchange->service, "a submit was carried out %u times", asked->taken);
	if (n <= script->unsent + script->lost) {
		reply_unreachable(&exchange->reply, true, "connection reset");
		return;
	}
	if (script->at_once)
		reply_over(exchange, script, operation);
	else
		reply_pending(&exchange->reply, script, 0);
	if (!exchange->reply.verdict.captured)
		capture(exchange, operation, 0);
}

/* The operation that a request is about. */
static struct operation *find_operation(struct service *service, const struct script *script,
    const struct step_input *input)
{
	struct operation *operation;
	char name[SCRIPT_TEXT];

	if (input->captured && sscanf(input->captured, "{\"op\":\"%63[^\"]\"", name) == 1) {
		operation = service_find_operation(service, name);
		return operation || script->plan.n_results == 0 ? operation : operation_add(service, name);
	}
	if (script->plan.n_results > 0)
		service_violate(service, "asked without what the results said");
	if (script->plan.has_submit) {
		service_violate(service, "asked without what the submit's answer said");
		return NULL;
	}
	if (script->op[0])
		snprintf(name, sizeof(name), "%s", script->op);
	else
		id_format(input->id, name);
	operation = service_find_operation(service, name);
	return operation ? operation : operation_add(service, name);
}

static void step_poll(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	struct operation *operation = find_operation(exchange->service, script, input);
	unsigned n;

	exchange->asked->polls++;
	if (!operation || operation->truth.acked) {
		reply_end(&exchange->reply, script, OUTCOME_LOST);
		return;
	}
	n = ++operation->truth.polls;
	if (n >= script->fail_from && n <= script->fail_to) {
		reply_unreachable(&exchange->reply, true, "connection reset");
		return;
	}
	if (n == script->throttle_at) {
		reply_throttle(&exchange->reply, script);
		return;
	}
	operation->truth.answered++;
	if (operation->truth.cancelled)
		reply_end(&exchange->reply, script, OUTCOME_CANCELLED);
	else if (!script->never && operation->truth.answered > script->polls)
		reply_over(exchange, script, operation);
	else
		reply_pending(&exchange->reply, script, operation->truth.answered);
}

static void step_fetch(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	struct operation *operation = find_operation(exchange->service, script, input);
	unsigned n, hop = 0;

	exchange->asked->fetches++;
	if (!operation || operation->truth.acked) {
		reply_end(&exchange->reply, script, OUTCOME_LOST);
		return;
	}
	if (!operation->truth.over)
		service_violate(exchange->service, "a fetch before the operation was over");
	if (!input->captured || sscanf(input->captured, "{\"op\":\"%*[^\"]\",\"hop\":%u", &hop) != 1 ||
	    hop > operation->truth.hop)
		service_violate(exchange->service, "a fetch from where nothing led to");
	n = ++operation->truth.fetches;
	if (n <= script->fetch_fail) {
		reply_unreachable(&exchange->reply, true, "connection reset");
	} else if (n <= script->fetch_fail + script->fetch_pending) {
		reply_pending(&exchange->reply, script, 0);
	} else if (hop < script->hops) {
		reply_status(&exchange->reply, OUTCOME_FETCH, 302);
		operation->truth.hop = hop + 1 > operation->truth.hop ? hop + 1 : operation->truth.hop;
		capture(exchange, operation, hop + 1);
	} else {
		reply_end(&exchange->reply, script, OUTCOME_SUCCESS);
	}
}

static void step_ack(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	struct operation *operation = find_operation(exchange->service, script, input);

	exchange->asked->acks++;
	if (!script->plan.has_ack)
		service_violate(exchange->service, "an acknowledgement of a plan without one");
	if (!operation || operation->truth.acked) {
		reply_status(&exchange->reply, OUTCOME_FAILURE, 404);
		return;
	}
	if (!operation->truth.over && !operation->truth.cancelled)
		service_violate(exchange->service, "an acknowledgement of an operation that is not over");
	if (++operation->truth.acks <= script->ack_fail) {
		reply_status(&exchange->reply, OUTCOME_RETRY, 503);
		return;
	}
	operation->truth.acked = true;
	reply_status(&exchange->reply, OUTCOME_SUCCESS, 204);
}

static void step_cancel(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	struct operation *operation = find_operation(exchange->service, script, input);

	exchange->asked->cancels++;
	if (!script->plan.has_cancel)
		service_violate(exchange->service, "a cancel request of a plan without one");
	if (!operation) {
		reply_end(&exchange->reply, script, OUTCOME_LOST);
		return;
	}
	operation->truth.cancels++;
	if (!script->deaf && !operation->truth.over)
		operation->truth.cancelled = true;
	reply_status(&exchange->reply, OUTCOME_PENDING, 200);
}

/* The operation that a future has gone on to is a new one, and those before it are behind it for good. */
static void note_stage(struct service *service, struct asked *asked, const struct script *script)
{
	char mark[SCRIPT_TEXT + 2];

	snprintf(mark, sizeof(mark), ",%.64s,", script->stage);
	if (strcmp(asked->stage, script->stage) == 0)
		return;
	if (strstr(asked->stages, mark))
		service_violate(service, "back at an operation that was left behind: %s", script->stage);
	strncat(asked->stages, mark, sizeof(asked->stages) - strlen(asked->stages) - 1);
	snprintf(asked->stage, sizeof(asked->stage), "%s", script->stage);
	asked->submits = asked->taken = 0;
}

void service_answer_step(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	static void (*const steps[STEPS])(struct exchange *exchange, const struct script *script,
	    const struct step_input *input) = {
		[STEP_SUBMIT] = step_submit, [STEP_POLL] = step_poll, [STEP_FETCH] = step_fetch,
		[STEP_CANCEL] = step_cancel, [STEP_ACK] = step_ack
	};

	note_stage(exchange->service, exchange->asked, script);
	if (exchange->asked->acks > 0 && input->step != STEP_ACK)
		service_violate(exchange->service, "asked again after it was acknowledged");
	steps[input->step](exchange, script, input);
}
