/* create.c - how futures come to be: creation, creation under a key, and retries (see broker.h). */
#include "daemon/broker/begin.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/future.h"
#include "daemon/broker/hold.h"
#include "daemon/broker/labels.h"
#include "daemon/broker/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One creation under way. */
struct creation {
	struct broker *broker;
	struct future *future;          /* not listed yet; NULL once it is, or given up */
	struct plan_texts texts;
	struct event_rec event;
	struct error missing;           /* one that it is to wait for is not there: counts if it is new; else ERROR_NONE */
	broker_create_cb done;
	void *arg;
};

static void creation_free(struct creation *creation)
{
	future_free(creation->future);
	free(creation->texts.spec);
	free(creation->texts.params);
	free(creation->texts.request);
	free(creation);
}

/* Answer with an error and be done. */
static void creation_fail(struct creation *creation, const struct error *error)
{
	creation->done(creation->arg, error, NULL, false);
	creation_free(creation);
}

static void on_created(void *arg, int status)
{
	struct creation *creation = arg;
	struct broker *broker = creation->broker;
	struct future *future = creation->future;
	struct error error;

	creation->future = NULL;
	if (status < 0) {
		core_remove(broker, future);
		core_store_error(status, &error);
		creation_fail(creation, &error);
		return;
	}
	future->durable = true;
	broker->stats.created++;
	core_durable(broker, future, &creation->event);
	if (future->rec.held) {
		hold_look(future);
	} else {
		drive_arm(future);
		batch_enter(future);
	}
	creation->done(creation->arg, NULL, future, true);
	creation_free(creation);
}

/* Asked when it is known that there will be a new future, not another answer for a key that exists. */
static int check_quota(const struct broker *broker, uid_t uid, struct error *error)
{
	if (index_owned(&broker->index, uid) >= broker->config.futures_per_uid)
		return error_set(error, ERROR_LIMIT,
		    "user %u has %" PRIu64 " futures already, which is the limit; forget some", (unsigned)uid,
		    broker->config.futures_per_uid);
	return 0;
}

/* List the future and store it; the answer follows the commit. */
static int insert(struct creation *creation, struct error *error)
{
	struct broker *broker = creation->broker;
	struct future *future = creation->future;
	struct store_texts texts = {
		.spec = creation->texts.spec,
		.params = creation->texts.params,
		.request = creation->texts.request,
	};
	uint8_t random[8];
	int r = check_quota(broker, future->rec.uid, error);

	if (r < 0)
		return r;
	if (creation->missing.code != ERROR_NONE) {
		*error = creation->missing;
		return error_errno(error->code);
	}
	/* Ids are given in the order of insertion: the index and the pages of a list rely on it. */
	broker->host.random(broker->host.self, random, sizeof random);
	id_next(&broker->ids, (uint64_t)core_wall_ms(broker), random, &future->id);
	memcpy(future->rec.id, future->id.bytes, sizeof future->rec.id);
	if (drive_reserve(broker) < 0 || index_add(&broker->index, future) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a future");
	if (hold_begin(future) < 0) {
		index_remove(&broker->index, future);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a future");
	}
	record_event(future, STORE_EVENT_CREATED, &creation->event);
	future->rec.seq = creation->event.seq;
	r = store_create(broker->store, &future->rec, &texts, &creation->event, on_created, creation);
	if (r < 0) {
		hold_leave(future);
		index_remove(&broker->index, future);
		core_store_error(r, error);
	}
	return r;
}

static void on_key_texts(void *arg, int status, const struct store_texts *texts);

/* The key may stand for a future already: compare what was asked for then, else insert. */
static int insert_or_adopt(struct creation *creation, struct error *error)
{
	struct future *future = creation->future;
	struct future *holder = NULL;
	int r;

	if (future->rec.key)
		holder = index_find_key(&creation->broker->index, future->rec.uid, slice_from_str(future->rec.key));
	if (!holder)
		return insert(creation, error);
	r = store_read_texts(creation->broker->store, holder->id.bytes, on_key_texts, creation);
	if (r < 0)
		core_store_error(r, error);
	return r;
}

static void on_key_texts(void *arg, int status, const struct store_texts *texts)
{
	struct creation *creation = arg;
	const char *key = creation->future->rec.key;
	struct future *holder =
	    index_find_key(&creation->broker->index, creation->future->rec.uid, slice_from_str(key));
	struct error error;

	if (holder && !holder->forgetting && status == 0 && holder->durable) {
		char id[ID_TEXT_LEN + 1];

		id_format(&holder->id, id);
		if (strcmp(texts->request, creation->texts.request) != 0) {
			error_set(&error, ERROR_KEY_CONFLICT,
			    "key \"%s\" stands for future %s, which was created from another profile, spec or params, "
			    "or to wait for others",
			    key, id);
			creation_fail(creation, &error);
			return;
		}
		creation->done(creation->arg, NULL, holder, false);
		creation_free(creation);
		return;
	}
	/* The one that held the key was refused or forgotten meanwhile. */
	if (status != 0 && status != -ENOENT) {
		core_store_error(status, &error);
		creation_fail(creation, &error);
	} else if (insert_or_adopt(creation, &error) < 0) {
		creation_fail(creation, &error);
	}
}

/* A new future with its owner and its creation time; its first request is due now. */
static struct future *new_future(struct broker *broker, uid_t uid, gid_t gid)
{
	struct future *future = future_new(broker);
	int64_t now_ms = core_wall_ms(broker);

	if (!future)
		return NULL;
	future->rec.uid = uid;
	future->rec.gid = gid;
	future->rec.created_at_ms = now_ms;
	future->rec.next_at_ms = now_ms;
	future->next_usec = core_now_usec(broker);
	return future;
}

/* 0: set; the deadline counts from now. */
static void set_deadline(struct future *future, uint64_t timeout_usec)
{
	uint64_t now = core_now_usec(future->broker);

	if (timeout_usec == POLICY_NO_TIMEOUT || timeout_usec > UINT64_MAX - now)
		return;
	future->deadline_usec = now + timeout_usec;
	future->rec.deadline_at_ms = future->rec.created_at_ms + (int64_t)(timeout_usec / 1000);
}

/* One without a service has nothing to send. -ENOMEM. */
static int start_plan(struct future *future)
{
	future->rec.kind = future->plan->kind;
	if (future->plan->kind != STORE_KIND_HTTP) {
		future->rec.next_at_ms = 0;
		future->next_usec = SCHED_NEVER;
		return 0;
	}
	return begin_plan(future->broker, future->plan, &future->rec.phase, &future->rec.idempotency);
}

static int copy_text(char **ret, struct slice text)
{
	if (!text.data)
		return 0;
	*ret = strndup(text.data, text.len);
	return *ret ? 0 : -ENOMEM;
}

/* Everything of the record that the request and the plan decide. */
static int fill_future(struct future *future, const struct create_request *request)
{
	struct future_rec *rec = &future->rec;
	const struct plan *plan = future->plan;

	rec->mode = request->mode ? request->mode : 0600;
	rec->ttl_ms = plan->ttl_usec == UINT64_MAX ? -1 : (int64_t)(plan->ttl_usec / 1000);
	if (request->ttl_kind == CREATE_NONE)
		rec->ttl_ms = -1;
	else if (request->ttl_kind == CREATE_GIVEN)
		rec->ttl_ms = (int64_t)(request->ttl_usec / 1000);
	rec->keep_until_delivered = plan->keep_until_delivered;
	if (request->timeout_kind == CREATE_GIVEN)
		set_deadline(future, request->timeout_usec);
	else if (request->timeout_kind == CREATE_DEFAULT)
		set_deadline(future, plan->polling.timeout_usec);
	rec->labels = labels_copy(request->labels, request->n_labels);
	if (request->n_labels > 0 && !rec->labels)
		return -ENOMEM;
	rec->n_labels = request->n_labels;
	if (copy_text(&rec->profile, request->source.profile) < 0 || copy_text(&rec->key, request->key) < 0)
		return -ENOMEM;
	return start_plan(future);
}

static int check_running(const struct broker *broker, struct error *error)
{
	if (broker->stopping)
		return error_set(error, ERROR_SHUTTING_DOWN, "the daemon is stopping; try again after its restart");
	return 0;
}

static int check_request(const struct create_request *request, struct error *error)
{
	if (request->mode && !access_mode_valid(request->mode))
		return error_set(error, ERROR_INVALID_ARGUMENT, "mode: 0%o is none of 0600, 0640, 0644, 0660, 0666",
		    request->mode);
	if (request->key.data && (request->key.len == 0 || request->key.len > PROTO_KEY_MAX))
		return error_set(error, ERROR_INVALID_ARGUMENT, "key: %zu bytes; it must have 1 to %d",
		    request->key.len, PROTO_KEY_MAX);
	return 0;
}

static struct creation *creation_new(struct broker *broker, uid_t uid, gid_t gid, broker_create_cb done, void *arg)
{
	struct creation *creation = calloc(1, sizeof *creation);

	if (!creation)
		return NULL;
	creation->broker = broker;
	creation->done = done;
	creation->arg = arg;
	creation->future = new_future(broker, uid, gid);
	if (!creation->future) {
		free(creation);
		return NULL;
	}
	return creation;
}

/* What it waits for. A future that is there already under its key needs none of that any more. */
static int fill_hold(struct creation *creation, const struct caller *caller, const struct create_request *request,
    struct error *error)
{
	int r = hold_fill(creation->future, caller, &request->source, error);

	if (r == 0 || error->code != ERROR_NOT_FOUND || !request->key.data)
		return r;
	creation->missing = *error;
	return 0;
}

int broker_create(struct broker *broker, const struct caller *caller, const struct create_request *request,
    broker_create_cb done, void *arg, struct error *error)
{
	struct creation *creation;
	int r = check_request(request, error);

	if (r == 0)
		r = check_running(broker, error);
	if (r < 0)
		return r;
	creation = creation_new(broker, caller->uid, caller->gid, done, arg);
	if (!creation)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a future");
	r = broker->remote.prepare(broker->remote.self, &request->source, &creation->texts, &creation->future->plan,
	    error);
	if (r < 0)
		goto fail;
	if (fill_future(creation->future, request) < 0) {
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a future");
		goto fail;
	}
	r = fill_hold(creation, caller, request, error);
	if (r == 0)
		r = insert_or_adopt(creation, error);
	if (r < 0)
		goto fail;
	return 0;
fail:
	creation_free(creation);
	return r;
}

/* --- retry ------------------------------------------------------------------------------------------ */

/* The record of a future that takes up where the old one was left. */
static int fill_retry(struct future *future, const struct future_rec *old)
{
	struct future_rec *rec = &future->rec;

	rec->mode = old->mode;
	rec->ttl_ms = old->ttl_ms;
	rec->keep_until_delivered = future->plan->keep_until_delivered;
	if (old->deadline_at_ms)
		set_deadline(future, (uint64_t)(old->deadline_at_ms - old->created_at_ms) * 1000);
	rec->labels = labels_copy(old->labels, old->n_labels);
	if (old->n_labels > 0 && !rec->labels)
		return -ENOMEM;
	rec->n_labels = old->n_labels;
	if (copy_text(&rec->profile, slice_from_str(old->profile)) < 0 ||
	    copy_text(&rec->captured, slice_from_str(old->captured)) < 0 || start_plan(future) < 0)
		return -ENOMEM;
	/* One that the service may have been told to forget is asked about nevertheless: nothing is done twice unasked. */
	if (old->phase >= STORE_PHASE_POLL)
		rec->phase = old->phase == STORE_PHASE_FETCH ? STORE_PHASE_FETCH : STORE_PHASE_POLL;
	return hold_fill_again(future, old);
}

/* A retry waits for the old texts; the old future is pinned by it. */
struct retry {
	struct creation *creation;
	struct future *old;
};

static char *copy_or_null(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int retry_insert(struct creation *creation, const struct future_rec *old, const struct store_texts *texts,
    struct error *error)
{
	struct broker *broker = creation->broker;
	int r;

	creation->texts.spec = copy_or_null(texts->spec);
	creation->texts.params = copy_or_null(texts->params);
	creation->texts.request = copy_or_null(texts->request);
	if (!creation->texts.spec || !creation->texts.params || !creation->texts.request)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a future");
	r = broker->remote.compile(broker->remote.self, texts->spec, texts->params, &creation->future->plan, error);
	if (r < 0)
		return r;
	if (fill_retry(creation->future, old) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a future");
	return insert(creation, error);
}

static void on_retry_texts(void *arg, int status, const struct store_texts *texts)
{
	struct retry *retry = arg;
	struct creation *creation = retry->creation;
	struct future *old = retry->old;
	struct error error;
	int r = status;

	free(retry);
	if (status < 0)
		core_store_error(status, &error);
	else
		r = retry_insert(creation, &old->rec, texts, &error);
	if (r < 0)
		creation_fail(creation, &error);
	future_unpin(old);
}

int broker_retry(struct broker *broker, const struct caller *caller, const struct id *id, broker_create_cb done,
    void *arg, struct error *error)
{
	struct future *old;
	struct retry *retry;
	int r = core_find(broker, caller, id, true, &old, error);

	if (r == 0)
		r = check_running(broker, error);
	if (r < 0)
		return r;
	if (old->durable_state != STORE_FAILED && old->durable_state != STORE_CANCELLED)
		return error_set(error, ERROR_INVALID_STATE,
		    "the future is %s; only a failed or cancelled one can be retried",
		    future_state_name(old->durable_state));
	retry = calloc(1, sizeof *retry);
	if (!retry)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a retry");
	/* Its owner stays the same, whoever asks. */
	retry->creation = creation_new(broker, old->rec.uid, old->rec.gid, done, arg);
	if (!retry->creation) {
		free(retry);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a retry");
	}
	retry->old = future_pin(old);
	r = store_read_texts(broker->store, old->id.bytes, on_retry_texts, retry);
	if (r < 0) {
		future_unpin(old);
		creation_free(retry->creation);
		free(retry);
		core_store_error(r, error);
	}
	return r;
}
