/* create.c - what becomes a new future: future.create and future.retry. */
#include "client/future.h"
#include "client/ids.h"
#include "client/pairs.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CREATE_KEY_LEN (sizeof("auto-") - 1 + 32)
/* What the first header had. */
#define CREATE_SIZE_MIN offsetof(struct futured_create_options, after)

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

/* A caller built with an older header has fewer members: those it does not know are not set. */
static int create_take_options(const struct futured_create_options *options, struct futured_create_options *ret)
{
	static const struct futured_create_options unset = FUTURED_CREATE_INIT;

	if (options->size < CREATE_SIZE_MIN)
		return -EINVAL;
	*ret = unset;
	memcpy(ret, options, options->size < sizeof(*ret) ? options->size : sizeof(*ret));
	return 0;
}

static int create_check(const struct futured_create_options *options)
{
	const char *const texts[] = {
		options->profile, options->params_json, options->spec_json, options->polling_json, options->retry_json,
		options->key,
	};

	if (!options->profile && !options->spec_json)
		return -EINVAL;
	if ((options->params && options->params_json) || (options->start_at_ms && options->delay_usec))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!pairs_text_ok(texts[i]))
			return -EINVAL;
	}
	return 0;
}

/* The documents travel as the JSON text they came as: the daemon reads it. */
static int create_pack(struct pack *pack, const struct futured_create_options *options)
{
	const struct { const char *name, *json; } documents[] = {
		{ "params", options->params_json },
		{ "spec", options->spec_json },
		{ "polling", options->polling_json },
		{ "retry", options->retry_json },
	};
	struct create_params params = {
		.profile = slice_from_str(options->profile),
		.key = slice_from_str(options->key),
		.mode = { .set = options->mode != 0, .value = options->mode },
		.ttl = create_span(options->ttl_usec),
		.timeout = create_span(options->timeout_usec),
		.start_at = { .set = options->start_at_ms != 0, .value = options->start_at_ms },
		.delay = { .kind = options->delay_usec ? SPAN_SET : SPAN_ABSENT, .usec = options->delay_usec },
	};
	uint32_t n = (options->params != NULL) + (options->labels != NULL) + (options->after != NULL);
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
	if (r == 0 && options->after) {
		pack_str(pack, "after");
		r = ids_pack(pack, options->after);
	}
	return r;
}

int futured_create(futured *c, const struct futured_create_options *options, futured_cb cb, void *userdata,
    futured_future **ret)
{
	struct futured_create_options all;
	char own_key[CREATE_KEY_LEN + 1];
	struct request *request;
	futured_future *f;
	struct pack pack;
	int r;

	r = create_take_options(options, &all);
	if (r == 0)
		r = create_check(&all);
	if (r < 0)
		return r;
	if (!all.key) {
		r = create_make_key(own_key);
		if (r < 0)
			return r;
		all.key = own_key;
	}
	r = future_new(c, all.flags, cb, userdata, ret != NULL, &f);
	if (r < 0)
		return r;
	r = request_begin(c, "future.create", &pack, &request);
	if (r < 0)
		goto fail;
	r = create_pack(&pack, &all);
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

/* The spec of a group, owned by the caller. */
static int create_group_spec(const char *const *ids, enum futured_wait_mode until, char **ret)
{
	static const char *const names[] = {
		[FUTURED_ALL_COMPLETED] = "all",
		[FUTURED_FIRST_COMPLETED] = "any",
		[FUTURED_FIRST_EXCEPTION] = "first_exception",
	};
	size_t n = 0, size;
	struct id id;
	char *spec, *to;

	while (ids[n] && n <= PROTO_AFTER_MAX)
		n++;
	if (n > PROTO_AFTER_MAX)
		return -EMSGSIZE;
	size = sizeof("{\"kind\":\"group\",\"until\":\"first_exception\",\"of\":[]}") + n * (ID_TEXT_LEN + sizeof("\"\","));
	spec = to = malloc(size);
	if (!spec)
		return -ENOMEM;
	to += snprintf(to, size, "{\"kind\":\"group\",\"until\":\"%s\",\"of\":[", names[until]);
	for (size_t i = 0; i < n; i++) {
		if (id_parse(ids[i], strlen(ids[i]), &id) < 0) {
			free(spec);
			return -EINVAL;
		}
		to += snprintf(to, size - (size_t)(to - spec), "%s\"%s\"", i ? "," : "", ids[i]);
	}
	strcpy(to, "]}");
	*ret = spec;
	return 0;
}

int futured_group_future_create(futured *c, const char *const *ids, enum futured_wait_mode until,
    const struct futured_create_options *options, futured_cb cb, void *userdata, futured_future **ret)
{
	struct futured_create_options all = FUTURED_CREATE_INIT;
	char *spec;
	int r;

	if ((unsigned)until > FUTURED_FIRST_EXCEPTION)
		return -EINVAL;
	r = options ? create_take_options(options, &all) : 0;
	if (r < 0)
		return r;
	if (all.profile || all.spec_json)
		return -EINVAL;
	r = create_group_spec(ids, until, &spec);
	if (r < 0)
		return r;
	all.spec_json = spec;
	r = futured_create(c, &all, cb, userdata, ret);
	free(spec);
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
