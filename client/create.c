/* create.c - what becomes a new future: future.create and future.retry. */
#include "client/future.h"
#include "client/pairs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define CREATE_KEY_LEN (sizeof("auto-") - 1 + 32)

/* A key nobody else uses, so that a creation can be repeated. */
static int create_make_key(char ret[CREATE_KEY_LEN + 1])
{
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	snprintf(ret, CREATE_KEY_LEN + 1, "auto-%016" PRIx64 "%016" PRIx64, random[0], random[1]);
	return 0;
}

static struct span create_span(uint64_t usec)
{
	if (usec == FUTURED_TIME_DEFAULT)
		return (struct span){ .kind = SPAN_ABSENT };
	if (usec == FUTURED_TIME_NONE)
		return (struct span){ .kind = SPAN_NULL };
	return (struct span){ .kind = SPAN_SET, .usec = usec };
}

static int create_check(const struct futured_create_options *options)
{
	const char *const texts[] = {
		options->profile, options->params_json, options->spec_json, options->polling_json, options->retry_json,
		options->key,
	};

	if (options->size < sizeof(*options) || (!options->profile && !options->spec_json))
		return -EINVAL;
	if (options->params && options->params_json)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!pairs_text_ok(texts[i]))
			return -EINVAL;
	}
	return 0;
}

/* The documents travel as the JSON text they came as: the daemon reads it. */
static int create_pack(struct pack *pack, const struct futured_create_options *options, const char *key)
{
	const struct { const char *name, *json; } documents[] = {
		{ "params", options->params_json },
		{ "spec", options->spec_json },
		{ "polling", options->polling_json },
		{ "retry", options->retry_json },
	};
	struct create_params params = {
		.profile = slice_from_str(options->profile),
		.key = slice_from_str(key),
		.mode = { .set = options->mode != 0, .value = options->mode },
		.ttl = create_span(options->ttl_usec),
		.timeout = create_span(options->timeout_usec),
	};
	uint32_t n = (options->params != NULL) + (options->labels != NULL);
	int r = 0;

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
		n += documents[i].json != NULL;
	fields_write_with(pack, create_params_fields, &params, n);
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (!documents[i].json)
			continue;
		pack_str(pack, documents[i].name);
		pack_str(pack, documents[i].json);
	}
	if (options->params) {
		pack_str(pack, "params");
		r = pairs_pack(pack, options->params);
	}
	if (r == 0 && options->labels) {
		pack_str(pack, "labels");
		r = pairs_pack(pack, options->labels);
	}
	return r;
}

int futured_create(futured *c, const struct futured_create_options *options, futured_cb cb, void *userdata,
    futured_future **ret)
{
	char own_key[CREATE_KEY_LEN + 1];
	const char *key = options->key;
	struct request *request;
	futured_future *f;
	struct pack pack;
	int r;

	r = create_check(options);
	if (r < 0)
		return r;
	if (!key) {
		r = create_make_key(own_key);
		if (r < 0)
			return r;
		key = own_key;
	}
	r = future_new(c, options->flags, cb, userdata, ret != NULL, &f);
	if (r < 0)
		return r;
	r = request_begin(c, "future.create", &pack, &request);
	if (r < 0)
		goto fail;
	r = create_pack(&pack, options, key);
	if (r < 0) {
		request_drop(c, request, &pack);
		goto fail;
	}
	r = future_send_creation(f, request, &pack, 0);
	if (r < 0)
		goto fail;
	if (ret)
		*ret = f;
	return 0;

fail:
	future_discard(f);
	return r;
}

int futured_future_retry(futured_future *f, unsigned flags, futured_cb cb, void *userdata, futured_future **ret)
{
	struct id_params params = { .id = f->id };
	struct request *request;
	futured_future *next;
	struct pack pack;
	int r;

	if (!f->conn)
		return -ENOTCONN;
	if (!f->has_id)
		return -EAGAIN;
	r = future_new(f->conn, flags, cb, userdata, ret != NULL, &next);
	if (r < 0)
		return r;
	r = request_begin(f->conn, "future.retry", &pack, &request);
	if (r < 0)
		goto fail;
	fields_write(&pack, id_params_fields, &params);
	r = future_send_creation(next, request, &pack, REQUEST_ONCE);
	if (r < 0)
		goto fail;
	if (ret)
		*ret = next;
	return 0;

fail:
	future_discard(next);
	return r;
}
