/* ask.c - one request of a spec on its way: credential, templates, the exchange, redirects. */
#include "config.h"

#include "daemon/remote/ask.h"
#include "daemon/remote/build.h"
#include "daemon/remote/credential.h"
#include "daemon/remote/flight.h"
#include "daemon/remote/place.h"
#include "daemon/remote/redirect.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* What stands for the credential where no secret may be. */
#define HIDDEN "..."

struct ask {
	/* what was asked for */
	struct poller *poller;
	const struct remote_plan *plan;
	enum step step;
	char id[ID_TEXT_LEN + 1];
	uint32_t attempt;
	char *idempotency;
	json_t *captured;
	json_t *more;
	char *given_url;
	uint64_t until_usec;           /* of all that is sent */
	http_data_cb on_data;
	ask_show_cb show;
	ask_cb done;
	void *arg;

	/* the round: from the request as it is in the spec through its redirects */
	uint64_t span_usec;            /* for the whole round; 0: nothing was sent yet */
	uint64_t round_until_usec;
	char *url;                     /* where it goes, with HIDDEN for the credential; NULL: not known yet */
	char *origin;
	unsigned hops;
	bool placed;                   /* url is what a service said, not what the spec says */
	bool as_get;                   /* a redirect made it a GET without a body */
	bool elsewhere;                /* it was redirected to another origin: not through a unix socket any more */
	bool foreign;                  /* without the credential; stays so for what follows in the round */

	char *credential;
	struct credential_wait *wait;
	struct flight_seat *seat;
	bool later;                    /* not within ask_start(): time may be over */
	bool refreshed;
	bool telling, again;           /* done is being called; ask_refresh() was called within it */
	bool touched;                  /* a service acted on the request, and said that the answer is elsewhere */
	unsigned sent;                 /* requests before the last one */
	unsigned last;                 /* those of the last one, to be added when another follows */
};

static int proceed(struct ask *ask, const char *rejected, struct error *error);
static int send_request(struct ask *ask, struct error *error);

static uint64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t after(uint64_t now, uint64_t usec)
{
	return usec > UINT64_MAX - now ? UINT64_MAX : now + usec;
}

static const struct request *ask_request(const struct ask *ask)
{
	return &ask->plan->spec->requests[ask->step];
}

/* --- the life of an ask ----------------------------------------------------------------------------------------- */

static struct ask *ask_free(struct ask *ask)
{
	json_decref(ask->captured);
	json_decref(ask->more);
	credential_free(ask->credential);
	free(ask->idempotency);
	free(ask->given_url);
	free(ask->url);
	free(ask->origin);
	free(ask);
	return NULL;
}

static int copy_text(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

/* NULL: no memory. */
static struct ask *ask_new(struct poller *poller, const struct ask_input *input, ask_cb done, void *arg)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	ask->poller = poller;
	ask->plan = input->plan;
	ask->step = input->step;
	id_format(input->id, ask->id);
	ask->attempt = input->attempt;
	ask->captured = json_incref(input->captured);
	ask->more = json_incref(input->more);
	ask->until_usec = after(now_usec(), input->timeout_usec);
	ask->on_data = input->on_data;
	ask->show = input->show;
	ask->done = done;
	ask->arg = arg;
	if (copy_text(input->idempotency, &ask->idempotency) < 0 || copy_text(input->url, &ask->given_url) < 0)
		return ask_free(ask);
	return ask;
}

/* Tell what came of it. response NULL: reason says why there is none. The ask is gone afterwards, unless it is
 * asked for again. */
static void finish(struct ask *ask, const struct http_response *response, const char *reason, bool shared)
{
	const bool went = response && response->sent;
	struct ask_answer answer = {
		.response = response, .reason = reason, .sent = went || ask->touched, .extra = ask->sent, .shared = shared,
	};

	/* Whoever counts takes one for `sent`. */
	if (!went && ask->touched && answer.extra > 0)
		answer.extra--;
	ask->last = went && !shared ? 1 + response->resends : 0;
	ask->telling = true;
	ask->done(ask->arg, &answer);
	ask->telling = false;
	if (ask->again)
		ask->again = false;
	else
		ask_free(ask);
}

/* --- what is sent ------------------------------------------------------------------------------------------------ */

static void builtin_free(json_t *builtin)
{
	json_t *credential = json_object_get(builtin, "credential");

	if (credential)
		explicit_bzero((char *)json_string_value(credential), json_string_length(credential));
	json_decref(builtin);
}

/* The values that are made for this request. credential may be NULL. Wipe it with builtin_free. */
static int make_builtin(const struct ask *ask, const char *credential, json_t **ret, struct error *error)
{
	json_t *builtin = json_pack("{s:s,s:I,s:s*,s:s*}", "id", ask->id, "attempt", (json_int_t)ask->attempt,
	    "credential", credential, "idempotency", ask->idempotency);

	/* jansson refuses what is not UTF-8 */
	if (!builtin)
		return error_set(error, ERROR_INVALID_SPEC, "credential: the value is not UTF-8 text");
	if (ask->more && json_object_update(builtin, ask->more) < 0) {
		builtin_free(builtin);
		return place_no_memory(error);
	}
	*ret = builtin;
	return 0;
}

/* Does sending it twice do no more than sending it once? */
static bool is_repeatable(const struct ask *ask)
{
	return ask->step != STEP_SUBMIT || ask->as_get || ask->plan->plan.has_idempotency || ask->plan->plan.resubmit;
}

/* The request as it is after its redirects, with this in the place of the credential. */
static int build(const struct ask *ask, const char *credential, uint64_t timeout_usec, struct built_request *ret,
    struct error *error)
{
	struct spec spec = *ask->plan->spec;   /* borrows all of it */
	struct build_input input = {
		.spec = &spec,
		.step = ask->step,
		.values = { .captured = ask->captured, .params = ask->plan->params },
		.idempotency = ask->idempotency,
		.timeout_usec = ask->poller->timeout_usec,
		.timeout_max_usec = timeout_usec,
		.safe_to_resend = is_repeatable(ask),
		.url = ask->placed ? ask->url : NULL,
		.foreign = ask->foreign,
	};
	json_t *builtin;
	int r = make_builtin(ask, ask->foreign ? NULL : credential, &builtin, error);

	if (r < 0)
		return r;
	if (ask->as_get) {
		spec.requests[ask->step].method = "GET";
		spec.requests[ask->step].body_kind = REQUEST_BODY_NONE;
		spec.requests[ask->step].body = NULL;
	}
	if (ask->elsewhere)
		spec.requests[ask->step].unix_socket = NULL;
	input.values.builtin = builtin;
	r = build_request(&input, ret, error);
	builtin_free(builtin);
	if (r < 0 && ask->foreign)
		error_wrap(error, "at %s, where the credential does not go", ask->origin);
	return r;
}

static int show(const struct ask *ask, uint64_t timeout_usec, struct error *error)
{
	struct built_request built;
	int r;

	if (!ask->show)
		return 0;
	r = build(ask, HIDDEN, timeout_usec, &built, error);
	if (r < 0)
		return r;
	ask->show(ask->arg, &built.http);
	built_request_done(&built);
	return 0;
}

/* --- where it goes ----------------------------------------------------------------------------------------------- */

/* The URL by the spec alone, with HIDDEN for the credential. */
static int own_url(const struct ask *ask, char **ret, struct error *error)
{
	struct values values = { .captured = ask->captured, .params = ask->plan->params };
	json_t *builtin;
	int r = make_builtin(ask, HIDDEN, &builtin, error);

	if (r < 0)
		return r;
	values.builtin = builtin;
	r = build_url(ask->plan->spec, ask->step, &values, ret, error);
	json_decref(builtin);
	return r;
}

/* The URL that came from outside. Without one of our own it has to be absolute. */
static int resolve_given(const struct ask *ask, char **ret, struct error *error)
{
	char *own = NULL;
	int r;

	if (own_url(ask, &own, error) < 0)
		own = NULL;
	r = http_resolve(own, ask->given_url, ret, error);
	free(own);
	return r;
}

/* Go there from now on. Takes url. */
static int set_url(struct ask *ask, char *url, struct error *error)
{
	char *origin;
	int r = http_origin(url, &origin, error);

	if (r < 0) {
		free(url);
		return r;
	}
	if (ask->origin && strcmp(ask->origin, origin) != 0)
		ask->elsewhere = true;
	free(ask->url);
	free(ask->origin);
	ask->url = url;
	ask->origin = origin;
	return 0;
}

static int find_url(struct ask *ask, struct error *error)
{
	char *url = NULL;
	int r;

	if (!ask->given_url)
		r = own_url(ask, &url, error);
	else
		r = resolve_given(ask, &url, error);
	if (r < 0)
		return r;
	ask->placed = ask->given_url != NULL;
	r = set_url(ask, url, error);
	if (r < 0)
		error_wrap(error, "%s.url", request_step_name(ask->step));
	return r;
}

static bool uses_credential(const struct ask *ask)
{
	return ask->plan->spec->credential && spec_uses(ask->plan->spec, ask->step, "credential");
}

static bool is_origin_of(const struct remote_plan *plan, const char *origin)
{
	for (char **known = plan->origins; known && *known; known++)
		if (strcmp(*known, origin) == 0)
			return true;
	return false;
}

/*
 * May the credential go there? Where the configuration binds it, the answer is there; a spec that wants it elsewhere
 * is not followed. Otherwise it goes where the spec sends it, not where a service's answer led to: to a signed URL.
 */
static int check_origin(struct ask *ask, struct error *error)
{
	const char *name = ask->plan->spec->credential;
	bool bound = false, allowed;

	if (ask->foreign || !uses_credential(ask))
		return 0;
	allowed = credentials_allow(ask->poller->credentials, name, ask->origin, &bound);
	if (bound && allowed)
		return 0;
	if (!is_origin_of(ask->plan, ask->origin)) {
		ask->foreign = true;
		return 0;
	}
	if (!bound)
		return 0;
	return error_set(error, ERROR_INVALID_SPEC, "%s: credential %s is bound to other origins than %s",
	    request_step_name(ask->step), name, ask->origin);
}

/* --- the exchange ----------------------------------------------------------------------------------------------- */

/* Move to where a response leads. 1: do that; 0: it is the answer; negative: it leads where it must not. */
static int follow(struct ask *ask, const struct http_response *response, struct error *error)
{
	const struct request *request = ask_request(ask);
	const char *method = ask->as_get ? "GET" : request->method;
	struct redirect redirect;
	int r;

	if (ask->hops >= request->redirects)
		return 0;
	r = redirect_read(response, method, ask->url, &redirect, error);
	if (r > 0 && set_url(ask, redirect.url, error) < 0)
		r = -EINVAL;
	if (r < 0)
		error_wrap(error, "%s", request_step_name(ask->step));
	if (r <= 0)
		return r;
	ask->hops++;
	ask->placed = true;
	ask->as_get |= redirect.as_get;
	ask->touched |= redirect.as_get;
	return 1;
}

/* Did somebody else's patience end, and not ours? */
static bool was_cut_short(const struct ask *ask, const struct http_response *response, bool shared)
{
	uint64_t now = now_usec();

	return shared && response->timed_out && ask->round_until_usec > now &&
	    ask->round_until_usec - now > ask->span_usec / 2;
}

static void on_response(void *arg, const struct http_response *response, bool shared)
{
	struct error error = { 0 };
	struct ask *ask = arg;
	int r;

	ask->seat = NULL;
	ask->later = true;
	if (was_cut_short(ask, response, shared)) {
		r = send_request(ask, &error);
	} else {
		r = follow(ask, response, &error);
		if (r == 0) {
			finish(ask, response, NULL, shared);
			return;
		}
		if (response->sent && !shared)
			ask->sent += 1 + response->resends;
		if (r > 0)
			r = proceed(ask, NULL, &error);
	}
	if (r < 0)
		finish(ask, NULL, error.message, false);
}

static int on_data(void *arg, const struct http_response *head, const void *data, size_t len)
{
	const struct ask *ask = arg;

	return ask->on_data(ask->arg, head, data, len);
}

/* Time for this request, out of that for the round, out of that for all. */
static int take_time(struct ask *ask, uint64_t *ret_left, struct error *error)
{
	const struct request *request = ask_request(ask);
	uint64_t now = now_usec();

	if (ask->span_usec == 0) {
		uint64_t left = ask->until_usec > now ? ask->until_usec - now : 0;

		ask->span_usec = request->timeout_usec ? request->timeout_usec : ask->poller->timeout_usec;
		if (left < ask->span_usec)
			ask->span_usec = left;
		ask->round_until_usec = after(now, ask->span_usec);
	}
	*ret_left = ask->round_until_usec > now ? ask->round_until_usec - now : 0;
	if (*ret_left == 0 && ask->later)
		return error_set(error, ERROR_TIMEOUT, "%s: no time is left for another request",
		    request_step_name(ask->step));
	return 0;
}

static int send_request(struct ask *ask, struct error *error)
{
	struct flight_order order = { .on_data = ask->on_data ? on_data : NULL };
	struct built_request built;
	uint64_t left;
	int r;

	r = take_time(ask, &left, error);
	if (r == 0)
		r = show(ask, left, error);
	if (r == 0)
		r = build(ask, ask->credential, left, &built, error);
	if (r < 0)
		return r;
	order.http = &built.http;
	order.joins = (ask->step == STEP_POLL || ask->step == STEP_FETCH) && !ask->on_data && !built.http.body &&
	    (strcmp(built.http.method, "GET") == 0 || strcmp(built.http.method, "HEAD") == 0);
	order.until_usec = ask->round_until_usec;
	r = flight_join(ask->poller, &order, on_response, ask, &ask->seat, error);
	built_request_done(&built);
	if (r < 0)
		error_wrap(error, "%s", request_step_name(ask->step));
	return r;
}

static void on_credential(void *arg, const char *value, const struct error *why)
{
	struct error error = { 0 };
	struct ask *ask = arg;
	int r;

	ask->wait = NULL;
	ask->later = true;
	if (!value) {
		finish(ask, NULL, why->message, false);
		return;
	}
	r = copy_text(value, &ask->credential);
	r = r < 0 ? place_no_memory(&error) : send_request(ask, &error);
	if (r < 0)
		finish(ask, NULL, error.message, false);
}

/* Send what is to be sent now, after its credential was had. rejected: the value that was refused, or NULL. */
static int proceed(struct ask *ask, const char *rejected, struct error *error)
{
	int r = ask->url ? 0 : find_url(ask, error);

	if (r == 0)
		r = check_origin(ask, error);
	if (r < 0)
		return r;
	if (uses_credential(ask) && !ask->foreign && !ask->credential) {
		r = credentials_get(ask->poller->credentials, ask->plan->spec->credential, rejected, on_credential, ask,
		    &ask->credential, &ask->wait, error);
		if (r <= 0)
			return r;
	}
	return send_request(ask, error);
}

int ask_start(struct poller *poller, const struct ask_input *input, ask_cb done, void *arg, struct ask **ret,
    struct error *error)
{
	struct ask *ask = ask_new(poller, input, done, arg);
	int r;

	if (!ask)
		return place_no_memory(error);
	r = proceed(ask, NULL, error);
	if (r < 0) {
		ask_free(ask);
		return r;
	}
	*ret = ask;
	return 0;
}

/* Back to the request as it is in the spec. */
static void start_over(struct ask *ask)
{
	free(ask->url);
	free(ask->origin);
	ask->url = ask->origin = NULL;
	ask->span_usec = 0;
	ask->hops = 0;
	ask->placed = ask->as_get = ask->elsewhere = ask->foreign = false;
}

int ask_refresh(struct ask *ask)
{
	char *rejected = ask->credential;
	struct error error;
	int r;

	assert(ask->telling);
	if (ask->refreshed)
		return -EALREADY;
	if (!rejected || ask->foreign)
		return -ENOENT;
	ask->refreshed = true;
	ask->credential = NULL;
	start_over(ask);
	r = proceed(ask, rejected, &error);
	credential_free(rejected);
	if (r < 0)
		return r;
	ask->sent += ask->last;
	ask->again = true;
	return 0;
}

const char *ask_url(const struct ask *ask)
{
	return ask->url;
}

const char *ask_credential(const struct ask *ask)
{
	return ask->credential;
}

struct ask *ask_abort(struct ask *ask)
{
	if (!ask)
		return NULL;
	if (ask->wait)
		credentials_cancel(ask->wait);
	flight_leave(ask->seat);
	ask->wait = NULL;
	ask->seat = NULL;
	ask->again = false;
	/* within done it goes when that returns */
	return ask->telling ? NULL : ask_free(ask);
}
