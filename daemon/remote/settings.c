/* settings.c - the numbers of a spec that the broker works with: policies, retention, limits. */
#include "daemon/remote/settings.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/template.h"

#include <string.h>

#define SECOND UINT64_C(1000000)
#define MULTIPLIER_MAX 1000.0
#define CONCURRENCY_MAX 10000

static int read_interval(const json_t *json, void *field, const struct place *place, struct error *error)
{
	int r = key_seconds(json, field, place, error);

	if (r == 0 && *(uint64_t *)field < REMOTE_INTERVAL_MIN_USEC)
		return place_fail(place, error, "must be at least 0.001 seconds");
	return r;
}

static int read_multiplier(const json_t *json, void *field, const struct place *place, struct error *error)
{
	double value = json_number_value(json);

	if (!json_is_number(json) || !(value >= 1 && value <= MULTIPLIER_MAX))
		return place_fail(place, error, "must be a number from 1 to %.0f", MULTIPLIER_MAX);
	*(double *)field = value;
	return 0;
}

static int read_jitter(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct policy *policy = field;
	const char *word = json_string_value(json);
	double fraction = json_number_value(json);

	if (word && strcmp(word, "full") == 0) {
		policy->jitter = POLICY_JITTER_FULL;
	} else if (word && strcmp(word, "none") == 0) {
		policy->jitter = POLICY_JITTER_NONE;
	} else if (json_is_number(json) && fraction >= 0 && fraction <= 1) {
		policy->jitter = POLICY_JITTER_FRACTION;
		policy->fraction = fraction;
	} else {
		return place_fail(place, error, "must be \"full\", \"none\" or a fraction from 0 to 1");
	}
	return 0;
}

static int read_concurrency(const json_t *json, void *field, const struct place *place, struct error *error)
{
	json_int_t value = json_integer_value(json);

	if (!json_is_integer(json) || value < 1 || value > CONCURRENCY_MAX)
		return place_fail(place, error, "must be a whole number from 1 to %d", CONCURRENCY_MAX);
	*(unsigned *)field = (unsigned)value;
	return 0;
}

static const struct key POLLING_KEYS[] = {
	{ "initial", read_interval, offsetof(struct settings, polling.initial_usec), KEY_PLAIN },
	{ "maximum", read_interval, offsetof(struct settings, polling.maximum_usec), KEY_PLAIN },
	{ "multiplier", read_multiplier, offsetof(struct settings, polling.multiplier), KEY_PLAIN },
	{ "jitter", read_jitter, offsetof(struct settings, polling), KEY_PLAIN },
	{ "timeout", key_seconds_or_null, offsetof(struct settings, polling.timeout_usec), KEY_PLAIN },
	{ "reset_on_progress", key_bool, offsetof(struct settings, reset_on_progress), KEY_PLAIN },
	{ "batch", NULL, 0, KEY_ELSEWHERE },
	{ 0 }
};

static const struct key RETRY_KEYS[] = {
	{ "initial", read_interval, offsetof(struct settings, retry.initial_usec), KEY_PLAIN },
	{ "maximum", read_interval, offsetof(struct settings, retry.maximum_usec), KEY_PLAIN },
	{ "multiplier", read_multiplier, offsetof(struct settings, retry.multiplier), KEY_PLAIN },
	{ "jitter", read_jitter, offsetof(struct settings, retry), KEY_PLAIN },
	{ "timeout", key_seconds_or_null, offsetof(struct settings, retry.timeout_usec), KEY_PLAIN },
	{ "on", status_set_read, offsetof(struct settings, retry_on), KEY_PLAIN },
	{ "retry_after_max", key_seconds, offsetof(struct settings, retry_after_max_usec), KEY_PLAIN },
	{ 0 }
};

/* When only one end of the ladder is given, the other one follows it. */
static int check_ladder(const json_t *json, struct policy *policy, const struct place *place,
    struct error *error)
{
	if (policy->initial_usec <= policy->maximum_usec)
		return 0;
	if (json_object_get(json, "initial") && json_object_get(json, "maximum"))
		return place_fail(place, error, "\"initial\" is greater than \"maximum\"");
	if (json_object_get(json, "initial"))
		policy->maximum_usec = policy->initial_usec;
	else
		policy->initial_usec = policy->maximum_usec;
	return 0;
}

static int read_polling(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct settings *settings = field;
	int r = keys_read(POLLING_KEYS, json, settings, place, error);

	return r < 0 ? r : check_ladder(json, &settings->polling, place, error);
}

static int read_retry(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct settings *settings = field;
	int r = keys_read(RETRY_KEYS, json, settings, place, error);

	return r < 0 ? r : check_ladder(json, &settings->retry, place, error);
}

static const struct key SETTINGS_KEYS[] = {
	{ "polling", read_polling, 0, KEY_PLAIN },
	{ "retry", read_retry, 0, KEY_PLAIN },
	{ "ttl", key_seconds_or_null, offsetof(struct settings, ttl_usec), KEY_PLAIN },
	{ "keep_until_delivered", key_bool, offsetof(struct settings, keep_until_delivered), KEY_PLAIN },
	{ "resubmit", key_bool, offsetof(struct settings, resubmit), KEY_PLAIN },
	{ "concurrency", read_concurrency, offsetof(struct settings, bucket_limit), KEY_PLAIN },
	{ 0 }
};

int settings_read(const json_t *json, const json_t *params, struct settings *ret, const struct place *place,
    struct error *error)
{
	const struct values values = { .params = params };
	struct settings settings = {
		.polling = policy_polling_default,
		.retry = policy_retry_default,
		.retry_on = status_retry_default,
		.retry_after_max_usec = 3600 * SECOND,
		.ttl_usec = 7 * 86400 * SECOND,
	};
	json_t *filled;
	int r;

	r = template_fill_json(json, &values, &filled, error);
	if (r < 0)
		return r;
	r = keys_read(SETTINGS_KEYS, filled, &settings, place, error);
	json_decref(filled);
	if (r == 0)
		*ret = settings;
	return r;
}
