/* fake_broker.c - the broker's interface with everything in the hands of a test: what exists, what is durable, when. */
#include "tests/daemon/ipc/fake_broker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct broker fake;

/* A callback that waits for fake_commit(). */
struct pending {
	struct pending *next;
	enum { CREATED, CHANGED, BYTES } type;
	union {
		broker_create_cb created;
		broker_change_cb changed;
		broker_bytes_cb bytes;
	} done;
	void *arg;
	struct future *future;
	bool flag;
	const char *data;
	size_t len;
};
static struct pending *first_pending, **last_pending = &first_pending;

struct wait {
	struct wait *next;
	struct id *ids;
	size_t count;
	enum wait_mode mode;
	bool look_once, timed_out, dropped;
	wait_cb done;
	void *arg;
};
static struct wait *waits;

struct subscription {
	struct subscription *next;
	struct subscription_sink sink;
};
static struct subscription *subscriptions;
static unsigned resumes;

void fake_reset(void)
{
	for (size_t i = 0; i < fake.n_futures; i++)
		future_rec_done(&fake.futures[i].rec);
	memset(&fake, 0, sizeof(fake));
	while (first_pending) {
		struct pending *pending = first_pending;

		first_pending = pending->next;
		free(pending);
	}
	last_pending = &first_pending;
	assert(!waits && !subscriptions);
	resumes = 0;
}

struct future *fake_future(unsigned number)
{
	struct future *future = &fake.futures[fake.n_futures++];

	assert(fake.n_futures <= FAKE_FUTURES_MAX);
	future->id.bytes[0] = 1;
	future->id.bytes[14] = (uint8_t)(number >> 8);
	future->id.bytes[15] = (uint8_t)number;
	future->rec.state = STORE_RUNNING;
	future->rec.mode = 0600;
	future->rec.created_at_ms = 1000 + number;
	future->rec.result_size = -1;
	future->rec.seq = number;
	return future;
}

void fake_end(struct future *future, enum store_state state, const char *result)
{
	future->rec.state = state;
	future->rec.finished_at_ms = 2000;
	if (result) {
		future->result = result;
		future->result_len = strlen(result);
		future->rec.result_size = (int64_t)future->result_len;
	}
}

/* --- records: what db/future_rec.c does, for what tests put into one --------------------------------------------- */

void future_rec_done(struct future_rec *rec)
{
	free(rec->profile);
	free(rec->key);
	free(rec->error_kind);
	free(rec->error_message);
	free(rec->error_code);
	free(rec->progress);
	free(rec->last_error);
	free(rec->content_type);
}

/* --- futures ------------------------------------------------------------------------------------------------- */

static struct future *lookup(const struct id *id)
{
	for (size_t i = 0; i < fake.n_futures; i++) {
		if (!fake.futures[i].gone && id_compare(&fake.futures[i].id, id) == 0)
			return &fake.futures[i];
	}
	return NULL;
}

int broker_find(struct broker *broker, const struct caller *caller, const struct id *id, const struct future **ret,
    struct error *error)
{
	const struct future *future = lookup(id);

	if (!future)
		return error_set(error, ERROR_NOT_FOUND, "no such future");
	*ret = future;
	return 0;
}

static bool terminal(enum store_state state)
{
	return state >= STORE_SUCCEEDED;
}

void future_view(const struct future *future, struct future_view *ret)
{
	*ret = (struct future_view){
		.id = future->id,
		.rec = &future->rec,
		.state = future->rec.state,
		.terminal = terminal(future->rec.state),
		.condition = future->condition,
		.condition_since_ms = 77,
	};
}

const char *future_state_name(enum store_state state)
{
	static const char *const names[] = { "pending", "running", "succeeded", "failed", "cancelled" };

	return names[state];
}

static struct pending *queue(void *arg, struct future *future, bool flag)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	pending->arg = arg;
	pending->future = future;
	pending->flag = flag;
	*last_pending = pending;
	last_pending = &pending->next;
	return pending;
}

int fake_commit(void)
{
	int ran = 0;

	while (first_pending) {
		struct pending *pending = first_pending;
		const struct error *error = fake.fail.code ? &fake.fail : NULL;
		struct future *future = error ? NULL : pending->future;

		first_pending = pending->next;
		if (!first_pending)
			last_pending = &first_pending;
		if (pending->type == CREATED)
			pending->done.created(pending->arg, error, future, pending->flag);
		else if (pending->type == CHANGED)
			pending->done.changed(pending->arg, error, future, pending->flag);
		else
			pending->done.bytes(pending->arg, error, pending->data, pending->len);
		if (pending->type == BYTES)
			fake.reads--;
		free(pending);
		ran++;
	}
	return ran;
}

static int change(const struct id *id, broker_change_cb done, void *arg, bool flag, struct error *error)
{
	struct future *future = lookup(id);
	struct pending *pending;

	if (fake.refuse.code)
		return error_set(error, fake.refuse.code, "%s", fake.refuse.message);
	if (!future)
		return error_set(error, ERROR_NOT_FOUND, "no such future");
	pending = queue(arg, future, flag);
	pending->type = CHANGED;
	pending->done.changed = done;
	return 0;
}

static void copy_text(char *to, size_t size, struct slice text)
{
	assert(text.len < size);
	memcpy(to, text.data ? text.data : "", text.len);
	to[text.len] = '\0';
}

int broker_create(struct broker *broker, const struct caller *caller, const struct create_request *request,
    broker_create_cb done, void *arg, struct error *error)
{
	struct pending *pending;

	if (fake.refuse.code)
		return error_set(error, fake.refuse.code, "%s", fake.refuse.message);
	fake.last_create = *request;
	copy_text(fake.last_spec, sizeof(fake.last_spec), request->source.spec);
	copy_text(fake.last_params, sizeof(fake.last_params), request->source.params);
	copy_text(fake.last_key, sizeof(fake.last_key), request->key);
	pending = queue(arg, fake_future(1000 + fake.creates++), true);
	pending->type = CREATED;
	pending->done.created = done;
	return 0;
}

int broker_retry(struct broker *broker, const struct caller *caller, const struct id *id, broker_create_cb done,
    void *arg, struct error *error)
{
	struct create_request request = { .mode = 0 };

	return lookup(id) ? broker_create(broker, caller, &request, done, arg, error) :
	    error_set(error, ERROR_NOT_FOUND, "no such future");
}

int broker_cancel(struct broker *broker, const struct caller *caller, const struct id *id, broker_change_cb done,
    void *arg, struct error *error)
{
	const struct future *future = lookup(id);

	return change(id, done, arg, future && !terminal(future->rec.state), error);
}

int broker_refresh(struct broker *broker, const struct caller *caller, const struct id *id, const struct future **ret,
    struct error *error)
{
	return broker_find(broker, caller, id, ret, error);
}

int broker_extend(struct broker *broker, const struct caller *caller, const struct id *id, uint64_t timeout_usec,
    broker_change_cb done, void *arg, struct error *error)
{
	fake.last_timeout = timeout_usec;
	return change(id, done, arg, true, error);
}

int broker_forget(struct broker *broker, const struct caller *caller, const struct id *id, broker_change_cb done,
    void *arg, struct error *error)
{
	return change(id, done, arg, true, error);
}

int broker_read_result(struct broker *broker, const struct caller *caller, const struct id *id, uint64_t offset,
    size_t len, broker_bytes_cb done, void *arg, struct error *error)
{
	struct future *future = lookup(id);
	struct pending *pending = queue(arg, future, false);

	pending->type = BYTES;
	pending->done.bytes = done;
	pending->data = future->result + offset;
	pending->len = future->result_len - offset < len ? future->result_len - offset : len;
	fake.reads++;
	return 0;
}

int broker_read_error_details(struct broker *broker, const struct caller *caller, const struct id *id,
    broker_bytes_cb done, void *arg, struct error *error)
{
	struct future *future = lookup(id);
	struct pending *pending = queue(arg, future, false);

	pending->type = BYTES;
	pending->done.bytes = done;
	pending->data = future->details;
	pending->len = future->details ? strlen(future->details) : 0;
	fake.reads++;
	return 0;
}

void broker_delivered(struct broker *broker, const struct id *id)
{
	fake.delivered++;
}

void broker_list(struct broker *broker, const struct caller *caller, const struct list_filter *filter,
    const struct id *after, broker_each_cb each, void *arg)
{
	for (size_t i = 0; i < fake.n_futures; i++) {
		struct future *future = &fake.futures[i];

		if (future->gone || (after && id_compare(&future->id, after) <= 0) ||
		    (filter->has_state && filter->state != future->rec.state))
			continue;
		if (!each(arg, future))
			return;
	}
}

void broker_stats(const struct broker *broker, struct broker_stats *ret)
{
	*ret = (struct broker_stats){ .created = 5, .next_due_in_usec = 1500000, .futures = { [STORE_RUNNING] = 3 } };
}

/* --- waits --------------------------------------------------------------------------------------------------- */

int wait_new(struct broker *broker, const struct caller *caller, const struct id *ids, size_t count,
    enum wait_mode mode, uint64_t timeout_usec, wait_cb done, void *arg, struct wait **ret, struct error *error)
{
	struct wait *wait;

	for (size_t i = 0; i < count; i++) {
		if (!lookup(&ids[i]))
			return error_set(error, ERROR_NOT_FOUND, "no such future");
	}
	wait = calloc(1, sizeof(*wait));
	wait->ids = calloc(count + 1, sizeof(*ids));
	memcpy(wait->ids, ids, count * sizeof(*ids));
	wait->count = count;
	wait->mode = mode;
	wait->look_once = timeout_usec == 0;
	wait->done = done;
	wait->arg = arg;
	wait->next = waits;
	waits = wait;
	*ret = wait;
	return 0;
}

static void wait_destroy(struct wait *wait)
{
	struct wait **at = &waits;

	while (*at != wait)
		at = &(*at)->next;
	*at = wait->next;
	free(wait->ids);
	free(wait);
}

struct wait *wait_free(struct wait *wait)
{
	if (wait)
		wait_destroy(wait);
	return NULL;
}

size_t wait_count(const struct wait *wait)
{
	return wait->count;
}

const struct id *wait_id(const struct wait *wait, size_t i)
{
	return &wait->ids[i];
}

const struct future *wait_future(const struct wait *wait, size_t i)
{
	return lookup(&wait->ids[i]);
}

static bool holds(const struct wait *wait)
{
	size_t done = 0, failed = 0;

	for (size_t i = 0; i < wait->count; i++) {
		const struct future *future = lookup(&wait->ids[i]);

		done += !future || terminal(future->rec.state);
		failed += future && future->rec.state == STORE_FAILED;
	}
	return done == wait->count || (wait->mode == WAIT_FIRST_COMPLETED && done > 0) ||
	    (wait->mode == WAIT_FIRST_EXCEPTION && failed > 0);
}

int fake_run(void)
{
	struct wait *wait = waits;
	int ran = 0;

	while (wait) {
		bool held = holds(wait);

		if (held || wait->look_once || wait->timed_out) {
			wait->done(wait->arg, wait, !held);
			wait_destroy(wait);
			wait = waits;
			ran++;
		} else {
			wait = wait->next;
		}
	}
	return ran;
}

void fake_time_out(void)
{
	for (struct wait *wait = waits; wait; wait = wait->next)
		wait->timed_out = true;
}

unsigned fake_waits(void)
{
	unsigned n = 0;

	for (const struct wait *wait = waits; wait; wait = wait->next)
		n++;
	return n;
}

/* --- subscriptions --------------------------------------------------------------------------------------------- */

int broker_subscribe(struct broker *broker, const struct caller *caller, const struct subscribe_filter *filter,
    bool has_since, uint64_t since, const struct subscription_sink *sink, struct subscription **ret,
    uint64_t *ret_seq, bool *ret_truncated, struct error *error)
{
	struct subscription *sub = calloc(1, sizeof(*sub));

	fake.last_filter = *filter;
	fake.last_has_since = has_since;
	fake.last_since = since;
	sub->sink = *sink;
	sub->next = subscriptions;
	subscriptions = sub;
	*ret = sub;
	*ret_seq = 41;
	*ret_truncated = has_since && since == 0;
	return 0;
}

void subscription_resume(struct subscription *subscription)
{
	resumes++;
}

struct subscription *subscription_free(struct subscription *subscription)
{
	struct subscription **at = &subscriptions;

	if (!subscription)
		return NULL;
	while (*at != subscription)
		at = &(*at)->next;
	*at = subscription->next;
	free(subscription);
	return NULL;
}

unsigned fake_publish(struct future *future, enum store_event event, uint64_t seq)
{
	unsigned taken = 0;

	for (struct subscription *sub = subscriptions; sub; sub = sub->next) {
		struct broker_event told = {
			.seq = seq,
			.at_ms = 5,
			.id = future->id,
			.event = event,
			.state = future->rec.state,
			.future = future->gone ? NULL : future,
		};

		taken += sub->sink.event(sub->sink.arg, &told);
	}
	return taken;
}

unsigned fake_subscriptions(void)
{
	unsigned n = 0;

	for (const struct subscription *sub = subscriptions; sub; sub = sub->next)
		n++;
	return n;
}

unsigned fake_resumes(void)
{
	return resumes;
}
