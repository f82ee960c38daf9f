/* script.c - reads the words of a script into a plan and an operation's behaviour. */
#include "tests/sim/script.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { FLAG, NUMBER, SECONDS, TEXT, RANGE, POLICY, END, KIND, UNTIL, IDS, RESULTS };

#define AT(field) offsetof(struct script, field)

/* For RANGE: the second field follows the first. SECONDS with a flag set that flag too. */
static const struct word {
	const char *name;
	enum type type;
	size_t offset, second;
} words[] = {
	{ "submit", FLAG, AT(plan.has_submit), 0 },
	{ "fetch", FLAG, AT(plan.has_fetch), 0 },
	{ "cancel", FLAG, AT(plan.has_cancel), 0 },
	{ "ack", FLAG, AT(plan.has_ack), 0 },
	{ "events", FLAG, AT(plan.has_events), 0 },
	{ "long_poll", FLAG, AT(plan.long_poll), 0 },
	{ "idempotency", FLAG, AT(plan.has_idempotency), 0 },
	{ "resubmit", FLAG, AT(plan.resubmit), 0 },
	{ "reset", FLAG, AT(plan.reset_on_progress), 0 },
	{ "deliver", FLAG, AT(plan.keep_until_delivered), 0 },
	{ "bucket", TEXT, AT(bucket), 0 },
	{ "place", TEXT, AT(place), 0 },
	{ "limit", NUMBER, AT(plan.bucket_limit), 0 },
	{ "ttl", SECONDS, AT(plan.ttl_usec), 0 },
	{ "polling", POLICY, AT(plan.polling), 0 },
	{ "retry", POLICY, AT(plan.retry), 0 },
	{ "polling_timeout", SECONDS, AT(plan.polling.timeout_usec), 0 },
	{ "retry_timeout", SECONDS, AT(plan.retry.timeout_usec), 0 },
	{ "jitter", FLAG, AT(jitter), 0 },
	{ "retry_after_max", SECONDS, AT(plan.retry_after_max_usec), 0 },
	{ "op", TEXT, AT(op), 0 },
	{ "polls", NUMBER, AT(polls), 0 },
	{ "end", END, AT(end), 0 },
	{ "result", TEXT, AT(result), 0 },
	{ "next", TEXT, AT(next), 0 },
	{ "stage", TEXT, AT(stage), 0 },
	{ "fail", RANGE, AT(fail_from), AT(fail_to) },
	{ "throttle", RANGE, AT(throttle_at), AT(throttle_usec) },
	{ "wait", SECONDS, AT(wait_usec), AT(has_wait) },
	{ "delay", SECONDS, AT(delay_usec), AT(has_delay) },
	{ "progress", FLAG, AT(progress), 0 },
	{ "latency", SECONDS, AT(latency_usec), 0 },
	{ "hang", FLAG, AT(hang), 0 },
	{ "unsent", NUMBER, AT(unsent), 0 },
	{ "lost", NUMBER, AT(lost), 0 },
	{ "busy", NUMBER, AT(busy), 0 },
	{ "at_once", FLAG, AT(at_once), 0 },
	{ "hops", NUMBER, AT(hops), 0 },
	{ "fetch_pending", NUMBER, AT(fetch_pending), 0 },
	{ "fetch_fail", NUMBER, AT(fetch_fail), 0 },
	{ "ack_on", NUMBER, AT(plan.ack_on), 0 },
	{ "ack_fail", NUMBER, AT(ack_fail), 0 },
	{ "hold", SECONDS, AT(hold_usec), 0 },
	{ "wake", SECONDS, AT(wake_usec), 0 },
	{ "tells", FLAG, AT(tells), 0 },
	{ "events_busy", NUMBER, AT(events_busy), 0 },
	{ "events_close", SECONDS, AT(events_close_usec), 0 },
	{ "deaf", FLAG, AT(deaf), 0 },
	{ "nostart", FLAG, AT(nostart), 0 },
	{ "invalid", FLAG, AT(invalid), 0 },
	{ "promise", FLAG, AT(promise), 0 },
	{ "release", FLAG, AT(plan.release), 0 },
	{ "kind", KIND, AT(plan.kind), 0 },
	{ "rings", SECONDS, AT(plan.delay_usec), AT(plan.has_delay) },
	{ "until", UNTIL, AT(plan.until), 0 },
	{ "of", IDS, AT(of), 0 },
	{ "results", RESULTS, AT(results), 0 }
};

static void complain(const char *what, const char *word)
{
	fprintf(stderr, "script: %s: %s\n", what, word);
	abort();
}

static uint64_t seconds(const char *text)
{
	return strcmp(text, "none") == 0 ? UINT64_MAX : (uint64_t)(strtod(text, NULL) * 1e6 + 0.5);
}

static void read_end(struct script *script, const char *value)
{
	static const struct { const char *name; enum outcome outcome; } ends[] = {
		{ "success", OUTCOME_SUCCESS }, { "failure", OUTCOME_FAILURE },
		{ "cancelled", OUTCOME_CANCELLED }, { "lost", OUTCOME_LOST }
	};

	script->never = strcmp(value, "never") == 0;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strcmp(value, ends[i].name) != 0)
			continue;
		script->end = ends[i].outcome;
		return;
	}
	if (!script->never)
		complain("no such end", value);
}

static void read_policy(struct policy *policy, const char *value)
{
	double initial, maximum, multiplier;

	if (sscanf(value, "%lf/%lf/%lf", &initial, &maximum, &multiplier) != 3)
		complain("not initial/maximum/multiplier", value);
	policy->initial_usec = (uint64_t)(initial * 1e6 + 0.5);
	policy->maximum_usec = (uint64_t)(maximum * 1e6 + 0.5);
	policy->multiplier = multiplier;
}

static void read_range(struct script *script, const struct word *word, const char *value)
{
	const char *colon = strchr(value, ':');

	if (!colon)
		complain("not A:B", value);
	*(unsigned *)(void *)((char *)script + word->offset) = (unsigned)strtoul(value, NULL, 10);
	if (word->second == AT(throttle_usec))
		script->throttle_usec = seconds(colon + 1);
	else
		*(unsigned *)(void *)((char *)script + word->second) = (unsigned)strtoul(colon + 1, NULL, 10);
}

static void read_kind(struct script *script, const char *value)
{
	if (strcmp(value, "timer") == 0)
		script->plan.kind = STORE_KIND_TIMER;
	else if (strcmp(value, "group") == 0)
		script->plan.kind = STORE_KIND_GROUP;
	else
		complain("no such kind", value);
}

static void read_until(struct script *script, const char *value)
{
	if (strcmp(value, "any") == 0)
		script->plan.until = GROUP_ANY;
	else if (strcmp(value, "first_exception") == 0)
		script->plan.until = GROUP_FIRST_EXCEPTION;
	else if (strcmp(value, "all") != 0)
		complain("no such until", value);
}

static struct id *read_ids(const char *value, size_t *ret_count)
{
	struct id *ids = calloc(strlen(value) / ID_TEXT_LEN + 1, sizeof(*ids));

	if (!ids)
		abort();
	for (; *value; value += ID_TEXT_LEN + (value[ID_TEXT_LEN] == ','))
		if (id_parse(value, ID_TEXT_LEN, &ids[(*ret_count)++]) < 0)
			complain("no id", value);
	return ids;
}

static void read_word(struct script *script, const struct word *word, const char *value)
{
	void *field = (char *)script + word->offset;

	switch (word->type) {
	case FLAG:
		*(bool *)field = true;
		break;
	case NUMBER:
		*(unsigned *)field = (unsigned)strtoul(value, NULL, 10);
		break;
	case SECONDS:
		*(uint64_t *)field = seconds(value);
		if (word->second)
			*(bool *)(void *)((char *)script + word->second) = true;
		break;
	case TEXT:
		snprintf(field, SCRIPT_TEXT, "%s", value);
		break;
	case RANGE:
		read_range(script, word, value);
		break;
	case POLICY:
		read_policy(field, value);
		break;
	case END:
		read_end(script, value);
		break;
	case KIND:
		read_kind(script, value);
		break;
	case UNTIL:
		read_until(script, value);
		break;
	case IDS:
		script->plan.of = script->of = read_ids(value, &script->plan.n_of);
		break;
	case RESULTS:
		script->plan.results = script->results = read_ids(value, &script->plan.n_results);
		break;
	}
}

static void find_word(struct script *script, char *text)
{
	char *value = strchr(text, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].name) != 0)
			continue;
		if ((words[i].type == FLAG) != !value)
			complain("a value too many or too few", text);
		read_word(script, &words[i], value);
		return;
	}
	complain("no such word", text);
}

struct script *script_new(const char *text, size_t len)
{
	struct script *script = calloc(1, sizeof(*script));
	char *copy = strndup(text, len), *rest = copy, *word;

	if (!script || !copy)
		abort();
	script->plan.polling = policy_polling_default;
	script->plan.retry = policy_retry_default;
	script->plan.ttl_usec = UINT64_C(7) * 24 * 3600 * 1000000;
	script->plan.retry_after_max_usec = UINT64_C(3600) * 1000000;
	script->end = OUTCOME_SUCCESS;
	script->latency_usec = 10000;
	snprintf(script->bucket, sizeof(script->bucket), "service");
	snprintf(script->result, sizeof(script->result), "done");
	while ((word = strsep(&rest, " ")))
		if (*word)
			find_word(script, word);
	free(copy);
	if (!script->jitter)
		script->plan.polling.jitter = script->plan.retry.jitter = POLICY_JITTER_NONE;
	if (script->plan.kind == STORE_KIND_TIMER)
		snprintf(script->result, sizeof(script->result), "null");
	if (script->plan.ack_on == 0)
		script->plan.ack_on = 1u << OUTCOME_SUCCESS | 1u << OUTCOME_FAILURE | 1u << OUTCOME_CANCELLED;
	if (script->promise)
		script->plan.kind = STORE_KIND_PROMISE;
	/* Who reads it where there is no service finds nothing. */
	script->plan.bucket = script->plan.kind == STORE_KIND_HTTP ? script->bucket : NULL;
	if (!script->place[0])
		memcpy(script->place, script->bucket, sizeof(script->place));
	return script;
}

struct script *script_free(struct script *script)
{
	if (!script)
		return NULL;
	free(script->of);
	free(script->results);
	free(script);
	return NULL;
}
