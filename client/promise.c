/* promise.c - what a producer does with a promise: claim it, keep the claim, say how far it is, and complete it. */
#include "client/call.h"
#include "client/future.h"
#include "client/pairs.h"

#include <errno.h>
#include <string.h>

/* Whether a producer's call can be made. The next one shows the claim, so it has to be there first. */
static int promise_check(const futured_future *f)
{
	int r = call_check_future(f);

	if (r < 0)
		return r;
	return f->claiming ? -EAGAIN : 0;
}

static struct slice promise_claim(const futured_future *f)
{
	return slice_from_str(f->claim[0] ? f->claim : NULL);
}

static struct span promise_span(uint64_t usec)
{
	if (usec == FUTURED_TIME_NONE)
		return (struct span){ .kind = SPAN_NULL };
	return (struct span){ .kind = SPAN_SET, .usec = usec };
}

static bool promise_is_claim(struct slice text)
{
	if (text.len != FUTURE_CLAIM_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!memchr("0123456789abcdef", text.data[i], 16))
			return false;
	}
	return true;
}

/* The answer to a claim: keep what it says. A claim that was refused leaves the one before in place. */
static int promise_take_claim(futured_future *f, const msgpack_object *result)
{
	struct claim_reply reply;

	if (!result)
		return 0;
	if (fields_read(result, claim_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0)
		return -EBADMSG;
	if (!promise_is_claim(reply.claim))
		return -EBADMSG;
	memcpy(f->claim, reply.claim.data, FUTURE_CLAIM_LEN);
	f->claim[FUTURE_CLAIM_LEN] = '\0';
	return 0;
}

static int promise_add_claim(struct pack *pack, const void *arg)
{
	fields_write(pack, claim_params_fields, arg);
	return 0;
}

int futured_future_claim(futured_future *f, uint64_t lease_usec, futured_reply_cb cb, void *userdata,
    futured_reply **ret)
{
	struct claim_params params = { .id = f->id, .lease = promise_span(lease_usec) };
	struct call call = {
		.method = "future.claim", .add = promise_add_claim, .arg = &params, .take = promise_take_claim, .f = f,
	};
	int r = promise_check(f);

	return r < 0 ? r : call_start(f->conn, &call, cb, userdata, ret);
}

const char *futured_future_claim_id(futured_future *f)
{
	return f->claim[0] ? f->claim : NULL;
}

int futured_future_set_claim(futured_future *f, const char *claim)
{
	if (!claim) {
		f->claim[0] = '\0';
		return 0;
	}
	if (!promise_is_claim(slice_from_str(claim)))
		return -EINVAL;
	memcpy(f->claim, claim, sizeof(f->claim));
	return 0;
}

static int promise_add_renew(struct pack *pack, const void *arg)
{
	fields_write(pack, renew_params_fields, arg);
	return 0;
}

int futured_future_renew(futured_future *f, uint64_t lease_usec, futured_reply_cb cb, void *userdata,
    futured_reply **ret)
{
	struct renew_params params = { .id = f->id, .claim = promise_claim(f), .lease = promise_span(lease_usec) };
	struct call call = { .method = "future.renew", .add = promise_add_renew, .arg = &params };
	int r = promise_check(f);

	return r < 0 ? r : call_start(f->conn, &call, cb, userdata, ret);
}

/* The map's value that its table cannot write. */
struct promise_progress {
	struct progress_params params;
	const char *json;
};

static int promise_add_progress(struct pack *pack, const void *arg)
{
	const struct promise_progress *progress = arg;

	fields_write_with(pack, progress_params_fields, &progress->params, 1);
	pack_str(pack, "progress");
	pack_str(pack, progress->json);
	return 0;
}

int futured_future_set_progress(futured_future *f, const char *json, futured_reply_cb cb, void *userdata,
    futured_reply **ret)
{
	struct promise_progress progress = { .params = { .id = f->id, .claim = promise_claim(f) }, .json = json };
	struct call call = { .method = "future.progress", .add = promise_add_progress, .arg = &progress };
	int r = promise_check(f);

	if (r < 0)
		return r;
	if (!json || !pairs_text_ok(json))
		return -EINVAL;
	return call_start(f->conn, &call, cb, userdata, ret);
}

static int promise_add_resolve(struct pack *pack, const void *arg)
{
	fields_write(pack, resolve_params_fields, arg);
	return 0;
}

int futured_future_resolve(futured_future *f, const void *data, size_t len, const char *content_type,
    futured_reply_cb cb, void *userdata, futured_reply **ret)
{
	struct resolve_params params = {
		.id = f->id, .claim = promise_claim(f), .content_type = slice_from_str(content_type),
		/* Empty is not absent. */
		.result = { .data = data ? data : "", .len = PROTO_RESULT_CHUNK_MAX },
		.offset.set = true,
		.more = true,
	};
	struct call call = { .method = "future.resolve", .add = promise_add_resolve, .arg = &params };
	futured_reply *part = NULL, *next;
	int r = promise_check(f);

	if (r < 0)
		return r;
	if ((!data && len > 0) || !pairs_text_ok(content_type))
		return -EINVAL;
	/* The daemon keeps the parts for this connection only. */
	if (len > PROTO_RESULT_CHUNK_MAX)
		call.flags = REQUEST_BOUND;
	for (; r == 0 && len > PROTO_RESULT_CHUNK_MAX; len -= PROTO_RESULT_CHUNK_MAX) {
		next = NULL;
		r = call_start(f->conn, &call, NULL, NULL, &next);
		futured_reply_unref(part);
		call.before = part = next;
		params.result.data += PROTO_RESULT_CHUNK_MAX;
		params.offset.value += PROTO_RESULT_CHUNK_MAX;
	}
	params.more = false;
	params.result.len = len;
	params.offset.set = params.offset.value > 0;
	if (r == 0)
		r = call_start(f->conn, &call, cb, userdata, ret);
	futured_reply_unref(part);
	return r;
}

static int promise_add_reject(struct pack *pack, const void *arg)
{
	fields_write(pack, reject_params_fields, arg);
	return 0;
}

int futured_future_reject(futured_future *f, const struct futured_rejection *rejection, futured_reply_cb cb,
    void *userdata, futured_reply **ret)
{
	static const struct futured_rejection nothing = FUTURED_REJECTION_INIT;
	struct reject_params params = { .id = f->id, .claim = promise_claim(f) };
	struct call call = { .method = "future.reject", .add = promise_add_reject, .arg = &params };
	int r = promise_check(f);

	if (r < 0)
		return r;
	if (!rejection)
		rejection = &nothing;
	if (rejection->size < sizeof(*rejection) || (!rejection->details && rejection->details_len > 0) ||
	    !pairs_text_ok(rejection->kind) || !pairs_text_ok(rejection->message) || !pairs_text_ok(rejection->code))
		return -EINVAL;
	params.kind = slice_from_str(rejection->kind);
	params.message = slice_from_str(rejection->message);
	params.code = slice_from_str(rejection->code);
	params.details = (struct slice){ .data = rejection->details, .len = rejection->details_len };
	return call_start(f->conn, &call, cb, userdata, ret);
}
