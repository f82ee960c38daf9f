/* call.c - calls whose answer is handed on as JSON. */
#include "client/call.h"

#include "client/failure.h"
#include "client/future.h"
#include "client/json.h"
#include "client/pairs.h"
#include "proto/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct futured_reply {
	unsigned refs;
	struct futured *conn;          /* NULL when that is gone */
	TAILQ_ENTRY(futured_reply) entry;
	struct due due;
	struct request *request;       /* unanswered */
	int (*take)(futured_future *f, const msgpack_object *result);  /* sees the answer first; may be NULL */
	futured_future *f;             /* for take; its claiming is this reply */
	futured_reply *before;         /* answered earlier: its failure is the reason for ours; referenced until then */
	futured_reply_cb cb;           /* NULL once it has run */
	void *userdata;
	bool kept;                     /* the library holds a reference: the caller took none */
	bool done;
	int outcome;
	char *json;
	struct futured_error *error;
};

/* What can be asked twice with the same effect as once. */
static const char *const call_repeatable[] = {
	"future.cancel", "future.extend", "future.get", "future.list", "future.pause", "future.pin", "future.progress",
	"future.refresh", "future.renew", "future.result", "future.resume", "future.unpin", "future.wait",
	"profile.check", "profile.get", "profile.list", "server.stats", NULL
};

static void call_run_due(struct due *due)
{
	futured_reply *reply = (futured_reply *)(void *)((char *)due - offsetof(struct futured_reply, due));
	futured_reply_cb cb = reply->cb;

	reply->refs++;
	reply->cb = NULL;
	cb(reply, reply->userdata);
	if (reply->kept) {
		reply->kept = false;
		reply->refs--;
	}
	futured_reply_unref(reply);
}

void call_leave(futured_reply *reply)
{
	if (reply->f)
		reply->f->claiming = NULL;
	reply->f = NULL;
}

static void call_detach(futured_reply *reply)
{
	if (!reply->conn)
		return;
	conn_due_remove(reply->conn, &reply->due);
	if (reply->request)
		request_orphan(reply->request);
	reply->request = NULL;
	TAILQ_REMOVE(&reply->conn->replies, reply, entry);
	reply->conn = NULL;
}

static void call_free(futured_reply *reply)
{
	call_detach(reply);
	call_leave(reply);
	futured_reply_unref(reply->before);
	failure_free(reply->error);
	free(reply->json);
	free(reply);
}

/* What failed first says why. */
static void call_inherit(futured_reply *reply)
{
	futured_reply *before = reply->before;

	reply->before = NULL;
	if (before->outcome < 0) {
		failure_free(reply->error);
		reply->outcome = before->outcome;
		reply->error = before->error;
		before->error = NULL;
	}
	futured_reply_unref(before);
}

static void call_finish(futured_reply *reply, const struct answer *answer)
{
	reply->done = true;
	reply->outcome = answer->error;
	if (answer->error < 0)
		reply->error = failure_from_answer(answer);
	if (reply->before)
		call_inherit(reply);
	if (reply->cb)
		conn_due_add(reply->conn, &reply->due);
	else if (reply->kept)
		call_free(reply);
}

/* Let the handle have its part of the answer; result is NULL when there is none. */
static int call_take(futured_reply *reply, const msgpack_object *result)
{
	futured_future *f = reply->f;

	if (!f)
		return 0;
	call_leave(reply);
	return reply->take(f, result);
}

static int call_on_answer(void *owner, const struct answer *answer)
{
	struct answer own = *answer;
	futured_reply *reply = owner;
	int r;

	reply->request = NULL;
	r = call_take(reply, answer->error ? NULL : answer->result);
	if (r < 0)
		own = (struct answer){ .error = r };
	else if (!answer->error && answer->result)
		own.error = json_write_text(answer->result, &reply->json);
	call_finish(reply, &own);
	return r;
}

static bool call_is_repeatable(const char *method)
{
	for (const char *const *name = call_repeatable; *name; name++) {
		if (strcmp(*name, method) == 0)
			return true;
	}
	return false;
}

/* What waits as long as a future or a service may: it must not stand in the way of the handles' own waits unseen. */
static bool call_is_long(const char *method)
{
	return strcmp(method, "future.wait") == 0 || strcmp(method, "future.result") == 0 ||
	    strcmp(method, "profile.try") == 0;
}

int call_start(struct futured *c, const struct call *call, futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	unsigned flags = call->flags | (call_is_repeatable(call->method) ? 0 : REQUEST_ONCE);
	struct request *request;
	futured_reply *reply;
	struct pack pack;
	int r;

	r = conn_check(c);
	if (r < 0)
		return r;
	reply = calloc(1, sizeof(*reply));
	if (!reply)
		return -ENOMEM;
	r = request_begin(c, call->method, &pack, &request);
	if (r < 0)
		goto fail;
	r = call->add(&pack, call->arg);
	if (r < 0) {
		request_drop(c, request, &pack);
		goto fail;
	}
	flags |= call_is_long(call->method) ? REQUEST_LONG : 0;
	r = request_send(c, request, &pack, flags, call_on_answer, reply);
	if (r < 0)
		goto fail;
	reply->refs = 1;
	reply->kept = !ret;
	reply->conn = c;
	reply->take = call->take;
	reply->f = call->f;
	if (call->f)
		call->f->claiming = reply;
	reply->before = futured_reply_ref(call->before);
	reply->cb = cb;
	reply->userdata = userdata;
	reply->due.run = call_run_due;
	reply->request = request;
	TAILQ_INSERT_TAIL(&c->replies, reply, entry);
	if (ret)
		*ret = reply;
	return 0;

fail:
	free(reply);
	return r;
}

static int call_add_json(struct pack *pack, const void *arg)
{
	const char *text = arg;

	if (text)
		return document_pack(pack, text);
	pack_map(pack, 0);
	return 0;
}

int futured_call(futured *c, const char *method, const char *params_json, futured_reply_cb cb, void *userdata,
    futured_reply **ret)
{
	if (!method || !*method || strcmp(method, "future.subscribe") == 0 || strcmp(method, "server.hello") == 0)
		return -EINVAL;
	return call_start(c, &(struct call){ .method = method, .add = call_add_json, .arg = params_json }, cb, userdata, ret);
}

futured_reply *futured_reply_ref(futured_reply *reply)
{
	if (reply)
		reply->refs++;
	return reply;
}

futured_reply *futured_reply_unref(futured_reply *reply)
{
	if (!reply || --reply->refs > 0)
		return NULL;
	/* Its handle still has to hear of it. */
	if (reply->request && reply->f) {
		reply->refs = 1;
		reply->kept = true;
		reply->cb = NULL;
		return NULL;
	}
	call_free(reply);
	return NULL;
}

int futured_reply_status(futured_reply *reply)
{
	return reply->done ? reply->outcome : -EINPROGRESS;
}

const char *futured_reply_json(futured_reply *reply)
{
	return reply->json;
}

const struct futured_error *futured_reply_error(futured_reply *reply)
{
	return reply->error;
}

static int call_is_over(void *arg)
{
	futured_reply *reply = arg;

	return reply->done && !reply->due.queued;
}

int futured_reply_wait(futured_reply *reply, uint64_t timeout_usec)
{
	int r;

	if (call_is_over(reply))
		return 1;
	if (!reply->conn)
		return -ENOTCONN;
	futured_reply_ref(reply);
	r = conn_drive(reply->conn, call_is_over, reply, timeout_usec);
	futured_reply_unref(reply);
	return r;
}

void call_end_all(struct futured *c, int error)
{
	struct answer answer = { .error = error };
	futured_reply *reply, *next;

	for (reply = TAILQ_FIRST(&c->replies); reply; reply = next) {
		next = TAILQ_NEXT(reply, entry);
		if (reply->done)
			continue;
		call_take(reply, NULL);
		call_finish(reply, &answer);
	}
}

void call_detach_all(struct futured *c)
{
	futured_reply *reply;

	while ((reply = TAILQ_FIRST(&c->replies))) {
		if (reply->kept)
			call_free(reply);
		else
			call_detach(reply);
	}
}

/* --- what one can do to a future ---------------------------------------------------------------- */

static int call_add_id(struct pack *pack, const void *arg)
{
	const futured_future *f = arg;
	struct id_params params = { .id = f->id };

	fields_write(pack, id_params_fields, &params);
	return 0;
}

int call_check_future(const futured_future *f)
{
	if (!f->conn)
		return -ENOTCONN;
	return f->has_id ? 0 : -EAGAIN;
}

static int call_on_future(futured_future *f, const char *method, futured_reply_cb cb, void *userdata,
    futured_reply **ret)
{
	int r = call_check_future(f);

	if (r < 0)
		return r;
	return call_start(f->conn, &(struct call){ .method = method, .add = call_add_id, .arg = f }, cb, userdata, ret);
}

int futured_future_cancel(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	return call_on_future(f, "future.cancel", cb, userdata, ret);
}

int futured_future_refresh(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	return call_on_future(f, "future.refresh", cb, userdata, ret);
}

int futured_future_forget(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	return call_on_future(f, "future.forget", cb, userdata, ret);
}

int futured_future_pause(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	return call_on_future(f, "future.pause", cb, userdata, ret);
}

int futured_future_resume(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	return call_on_future(f, "future.resume", cb, userdata, ret);
}

int futured_future_pin(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	return call_on_future(f, "future.pin", cb, userdata, ret);
}

int futured_future_unpin(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	return call_on_future(f, "future.unpin", cb, userdata, ret);
}

static int call_add_extend(struct pack *pack, const void *arg)
{
	fields_write(pack, extend_params_fields, arg);
	return 0;
}

int futured_future_extend(futured_future *f, uint64_t timeout_usec, futured_reply_cb cb, void *userdata,
    futured_reply **ret)
{
	struct call call = { .method = "future.extend", .add = call_add_extend };
	struct extend_params params = { .id = f->id };
	int r = call_check_future(f);

	if (r < 0)
		return r;
	if (timeout_usec == FUTURED_TIME_NONE)
		params.timeout.kind = SPAN_NULL;
	else
		params.timeout = (struct span){ .kind = SPAN_SET, .usec = timeout_usec };
	call.arg = &params;
	return call_start(f->conn, &call, cb, userdata, ret);
}

/* --- for those who write profiles --------------------------------------------------------------- */

static int call_add_profile(struct pack *pack, const void *arg)
{
	const struct futured_profile_options *options = arg;
	struct profile_params params = {
		.profile = slice_from_str(options->profile),
		.text = slice_from_str(options->text),
	};

	fields_write_with(pack, profile_params_fields, &params, options->params || options->params_json);
	if (options->params || options->params_json)
		pack_str(pack, "params");
	if (options->params_json)
		pack_str(pack, options->params_json);
	return options->params ? pairs_pack(pack, options->params) : 0;
}

static int call_on_profile(futured *c, const char *method, const struct futured_profile_options *options,
    futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	if (options->size < sizeof(*options) || !options->profile == !options->text ||
	    (options->params && options->params_json) || !pairs_text_ok(options->profile) ||
	    !pairs_text_ok(options->text) || !pairs_text_ok(options->params_json))
		return -EINVAL;
	return call_start(c, &(struct call){ .method = method, .add = call_add_profile, .arg = options }, cb, userdata, ret);
}

int futured_profile_check(futured *c, const struct futured_profile_options *options, futured_reply_cb cb,
    void *userdata, futured_reply **ret)
{
	return call_on_profile(c, "profile.check", options, cb, userdata, ret);
}

int futured_profile_try(futured *c, const struct futured_profile_options *options, futured_reply_cb cb,
    void *userdata, futured_reply **ret)
{
	return call_on_profile(c, "profile.try", options, cb, userdata, ret);
}
