/* promise.c - futures that a local process completes: claims, and how they end (see broker.h). */
#include "daemon/broker/promise.h"

#include "daemon/broker/broker.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct producer {
	struct future *first;           /* the promises that are claimed as long as it is there */
};

/* --- claims -------------------------------------------------------------------------------------------- */

void promise_leave(struct future *future)
{
	struct producer *producer = future->promise.producer;

	if (!producer)
		return;
	if (future->promise.prev)
		future->promise.prev->promise.next = future->promise.next;
	else
		producer->first = future->promise.next;
	if (future->promise.next)
		future->promise.next->promise.prev = future->promise.prev;
	future->promise.producer = NULL;
	future->promise.next = future->promise.prev = NULL;
}

/* Its claim ends at that time, or with a producer, or there is none any more. */
static void hold(struct future *future, struct producer *producer, uint64_t lease_usec)
{
	promise_leave(future);
	future->promise.gone = NULL;
	future->promise.lease_usec = future->next_usec = lease_usec;
	if (producer) {
		future->promise.producer = producer;
		future->promise.next = producer->first;
		if (producer->first)
			producer->first->promise.prev = future;
		producer->first = future;
	}
	drive_arm(future);
}

/* The claim is over now, whatever its lease says: the next turn does what follows from that. */
static void give_up(struct future *future, const char *why)
{
	uint64_t now = core_now_usec(future->broker);

	promise_leave(future);
	future->promise.gone = why;
	future->promise.lease_usec = future->next_usec = now;
}

struct producer *producer_new(void)
{
	return calloc(1, sizeof(struct producer));
}

bool producer_free(struct producer *producer)
{
	bool had = producer && producer->first;

	while (producer && producer->first) {
		struct future *future = producer->first;

		/* While the daemon stops no timer is set: then the next daemon finds it on the disk. */
		give_up(future, "its producer's connection was closed");
		drive_arm(future);
	}
	free(producer);
	return had;
}

void promise_resume(struct future *future, uint64_t left_usec)
{
	uint64_t now = core_now_usec(future->broker);

	if (future->rec.kind != STORE_KIND_PROMISE || !future->rec.claim)
		return;
	if (future->rec.lease_until_ms == 0)
		give_up(future, "its producer's connection ended with the daemon that it led to");
	else
		future->promise.lease_usec = future->next_usec = left_usec < UINT64_MAX - now ? now + left_usec : SCHED_NEVER;
}

/* The producer is gone: as the spec says, the promise fails, or somebody else may claim it. */
static void abandon(struct future *future)
{
	const char *why = future->promise.gone ? future->promise.gone : "its producer did not renew its lease in time";
	struct future_rec draft;

	record_draft(future, &draft);
	if (!future->plan->release) {
		drive_fail(future, &draft, "abandoned", why, 0);
		return;
	}
	record_drop_claim(future, &draft);
	record_move(future, &draft, STORE_PENDING);
	if (record_write(future, &draft, NULL) < 0)
		drive_postpone(future);
	else
		hold(future, NULL, SCHED_NEVER);
}

void promise_due(struct future *future)
{
	uint64_t now = core_now_usec(future->broker);
	struct future_rec draft;

	if (now >= future->deadline_usec) {
		record_draft(future, &draft);
		drive_fail(future, &draft, "deadline", "the deadline passed before the promise was kept", 0);
	} else if (now >= future->promise.lease_usec) {
		abandon(future);
	} else {
		future->next_usec = future->promise.lease_usec;
		drive_arm(future);
	}
}

/* --- callers -------------------------------------------------------------------------------------------- */

/* A caller who waits for what he is told to be durable. */
struct request {
	broker_change_cb done;          /* or */
	broker_claim_cb claimed;
	void *arg;
	char claim[PROMISE_CLAIM_LEN + 1];
	int64_t lease_until_ms;
	struct error refusal;           /* ERROR_NONE: it is done */
};

static void on_durable(void *arg, struct future *future, int status)
{
	struct request *request = arg;
	const struct claim claim = { request->claim, request->lease_until_ms, future->rec.progress };
	const struct error *error = request->refusal.code == ERROR_NONE ? NULL : &request->refusal;

	if (status < 0) {
		core_store_error(status, &request->refusal);
		error = &request->refusal;
	}
	if (request->claimed)
		request->claimed(request->arg, error, error ? NULL : &claim);
	else
		request->done(request->arg, error, error ? NULL : future, !error);
	free(request);
}

/* Without a reader of its own; it is given back with free(). NULL: no memory, as error says. */
static struct request *request_new(void *arg, struct error *error)
{
	struct request *request = calloc(1, sizeof *request);

	if (request)
		request->arg = arg;
	else
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a call");
	return request;
}

static int find(struct broker *broker, const struct caller *caller, const struct id *id, struct future **ret,
    struct error *error)
{
	char text[ID_TEXT_LEN + 1];
	int r = core_find(broker, caller, id, true, ret, error);

	if (r < 0 || (*ret)->rec.kind == STORE_KIND_PROMISE)
		return r;
	id_format(id, text);
	return error_set(error, ERROR_INVALID_ARGUMENT, "future %s is no promise: its kind is %s", text,
	    future_kind_name((*ret)->rec.kind));
}

static int refuse_state(enum store_state state, struct error *error)
{
	return error_set(error, ERROR_INVALID_STATE, "the promise is %s", future_state_name(state));
}

int broker_find_promise(struct broker *broker, const struct caller *caller, const struct id *id,
    const struct future **ret, struct error *error)
{
	struct future *future;
	int r = find(broker, caller, id, &future, error);

	if (r == 0 && future_state_terminal(future->durable_state))
		r = refuse_state(future->durable_state, error);
	if (r == 0)
		*ret = future;
	return r;
}

/* Whether that is the claim, in a time that does not tell how much of it is. */
static bool is_claim(const char *claim, struct slice given)
{
	unsigned char differs = 0;

	if (given.len != PROMISE_CLAIM_LEN)
		return false;
	for (size_t i = 0; i < PROMISE_CLAIM_LEN; i++)
		differs |= (unsigned char)(claim[i] ^ given.data[i]);
	return differs == 0;
}

/* What keeps it from being changed by anybody; 0: nothing. */
static int check_state(const struct future *future, struct error *error)
{
	if (future_state_terminal(future->rec.state))
		return refuse_state(future->rec.state, error);
	if (future->rec.held)
		return error_set(error, ERROR_INVALID_STATE, "the promise is held: what it waits for is not there yet");
	return 0;
}

/* What keeps it from being changed by one who has that claim, or none. */
static int check_claim(const struct future *future, struct slice claim, struct error *error)
{
	int r = check_state(future, error);

	if (r < 0)
		return r;
	if (!future->rec.claim && claim.data)
		return error_set(error, ERROR_INVALID_STATE, "that claim is over: the promise was abandoned, claim it again");
	if (future->rec.claim && !claim.data)
		return error_set(error, ERROR_PERMISSION_DENIED, "the promise is claimed: this takes its claim");
	if (future->rec.claim && !is_claim(future->rec.claim, claim))
		return error_set(error, ERROR_PERMISSION_DENIED, "the promise is claimed by another: not with that claim");
	return 0;
}

/* Queue the draft and, once it is durable, answer. Takes the request over. */
static int answer(struct future *future, struct future_rec *draft, struct request *request, bool progress,
    struct error *error)
{
	const struct record_change change = { .progress = progress, .then = on_durable, .arg = request };
	int r = record_write(future, draft, &change);

	if (r < 0) {
		free(request);
		core_store_error(r, error);
	}
	return r;
}

/* What a refusal rests on may not be durable yet: the answer comes behind it. */
static int refuse(struct future *future, struct request *request, struct error *error)
{
	struct future_rec draft;

	record_draft(future, &draft);
	return answer(future, &draft, request, false, error);
}

/* Put a claim and its lease into a draft, which is dropped when memory is short. */
static int draft_claim(struct future *future, struct future_rec *draft, const struct lease *lease,
    struct request *request)
{
	record_draft(future, draft);
	if (!lease->producer)
		request->lease_until_ms = core_wall_ms(future->broker) + (int64_t)((lease->usec + 999) / 1000);
	draft->lease_until_ms = request->lease_until_ms;
	if (record_text(future, draft, &draft->claim, slice_from_str(request->claim)) == 0)
		return 0;
	record_drop(future, draft);
	return -ENOMEM;
}

/* The claim is in the request: store it, and hold the promise for it. */
static int grant(struct future *future, const struct lease *lease, struct request *request, struct error *error)
{
	struct future_rec draft;
	int r = draft_claim(future, &draft, lease, request);

	if (r < 0) {
		free(request);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a claim");
	}
	if (draft.state == STORE_PENDING)
		record_move(future, &draft, STORE_RUNNING);
	r = answer(future, &draft, request, false, error);
	if (r == 0)
		hold(future, lease->producer, lease->producer ? SCHED_NEVER : core_now_usec(future->broker) + lease->usec);
	return r;
}

int broker_claim(struct broker *broker, const struct caller *caller, const struct id *id, const struct lease *lease,
    broker_claim_cb done, void *arg, struct error *error)
{
	uint8_t random[PROMISE_CLAIM_LEN / 2];
	struct request *request;
	struct future *future;
	int r = find(broker, caller, id, &future, error);

	if (r < 0)
		return r;
	request = request_new(arg, error);
	if (!request)
		return -ENOMEM;
	request->claimed = done;
	if (check_state(future, &request->refusal) == 0 && future->rec.claim)
		error_set(&request->refusal, ERROR_INVALID_STATE, "the promise is claimed already");
	if (request->refusal.code != ERROR_NONE)
		return refuse(future, request, error);
	broker->host.random(broker->host.self, random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(request->claim + 2 * i, 3, "%02x", random[i]);
	return grant(future, lease, request, error);
}

int broker_renew(struct broker *broker, const struct caller *caller, const struct id *id, struct slice claim,
    const struct lease *lease, broker_claim_cb done, void *arg, struct error *error)
{
	struct request *request;
	struct future *future;
	int r = find(broker, caller, id, &future, error);

	if (r < 0)
		return r;
	request = request_new(arg, error);
	if (!request)
		return -ENOMEM;
	request->claimed = done;
	if (check_claim(future, claim, &request->refusal) == 0 && !future->rec.claim)
		error_set(&request->refusal, ERROR_INVALID_STATE, "the promise is not claimed");
	if (request->refusal.code != ERROR_NONE)
		return refuse(future, request, error);
	memcpy(request->claim, claim.data, PROMISE_CLAIM_LEN);
	return grant(future, lease, request, error);
}

/* --- what becomes of it ----------------------------------------------------------------------------------- */

/* Begin a change under a claim: 0 and *ret_request; 1: it is refused, which is on its way; or a failure. */
static int begin(struct future *future, struct slice claim, broker_change_cb done, void *arg,
    struct request **ret_request, struct error *error)
{
	struct request *request = request_new(arg, error);
	int r;

	if (!request)
		return -ENOMEM;
	request->done = done;
	if (check_claim(future, claim, &request->refusal) == 0) {
		*ret_request = request;
		return 0;
	}
	r = refuse(future, request, error);
	return r < 0 ? r : 1;
}

static int too_long(const char *what, size_t len, uint64_t max, struct error *error)
{
	if (max == 0 || len <= max)
		return 0;
	return error_set(error, ERROR_TOO_LARGE, "%s: %zu bytes, at most %llu", what, len, (unsigned long long)max);
}

int broker_set_progress(struct broker *broker, const struct caller *caller, const struct id *id, struct slice claim,
    struct slice progress, broker_change_cb done, void *arg, struct error *error)
{
	struct request *request;
	struct future_rec draft;
	struct future *future;
	bool news;
	int r = find(broker, caller, id, &future, error);

	if (r == 0)
		r = too_long("progress", progress.len, PROMISE_PROGRESS_MAX, error);
	if (r == 0)
		r = begin(future, claim, done, arg, &request, error);
	if (r != 0)
		return r < 0 ? r : 0;
	news = !future->rec.progress || !slice_equals(progress, future->rec.progress);
	record_draft(future, &draft);
	if (news && record_text(future, &draft, &draft.progress, progress) < 0) {
		free(request);
		record_drop(future, &draft);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for progress");
	}
	return answer(future, &draft, request, news, error);
}

/* End it, and answer when that is durable. Takes the request over. */
static int end(struct future *future, struct request *request, struct ending *ending, struct error *error)
{
	struct future_rec draft;
	int r;

	record_draft(future, &draft);
	ending->then = on_durable;
	ending->arg = request;
	r = drive_finish(future, &draft, ending);
	if (r < 0) {
		free(request);
		core_store_error(r, error);
	}
	return r;
}

int broker_resolve(struct broker *broker, const struct caller *caller, const struct id *id, struct slice claim,
    struct slice result, struct slice content_type, broker_change_cb done, void *arg, struct error *error)
{
	struct ending ending = {
		.state = STORE_SUCCEEDED,
		.result = result.data ? result : slice_from_str(""),
		.content_type = content_type,
	};
	struct request *request;
	struct future *future;
	int r = find(broker, caller, id, &future, error);

	if (r == 0)
		r = too_long("result", result.len, broker->config.result_max, error);
	if (r == 0)
		r = too_long("content_type", content_type.len, PROMISE_CONTENT_TYPE_MAX, error);
	if (r == 0)
		r = begin(future, claim, done, arg, &request, error);
	if (r != 0)
		return r < 0 ? r : 0;
	return end(future, request, &ending, error);
}

static int check_kind(const char *kind, struct error *error)
{
	size_t len = strlen(kind);

	if (len > 0 && len <= PROMISE_KIND_MAX && strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789_") == len)
		return 0;
	return error_set(error, ERROR_INVALID_ARGUMENT, "kind: expected 1 to %d of a-z, 0-9 and _", PROMISE_KIND_MAX);
}

int broker_reject(struct broker *broker, const struct caller *caller, const struct id *id, struct slice claim,
    const struct failure *failure, broker_change_cb done, void *arg, struct error *error)
{
	struct ending ending = { .state = STORE_FAILED, .failure = *failure };
	struct request *request;
	struct future *future;
	int r = find(broker, caller, id, &future, error);

	if (r == 0)
		r = check_kind(failure->kind, error);
	if (r == 0)
		r = too_long("message", failure->message.len, PROMISE_MESSAGE_MAX, error);
	if (r == 0)
		r = too_long("code", failure->code.len, PROMISE_CODE_MAX, error);
	if (r == 0)
		r = too_long("details", failure->details.len, PROMISE_DETAILS_MAX, error);
	if (r == 0)
		r = begin(future, claim, done, arg, &request, error);
	if (r != 0)
		return r < 0 ? r : 0;
	return end(future, request, &ending, error);
}
