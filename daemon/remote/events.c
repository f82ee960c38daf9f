/* events.c - what a stream of server-sent events says about an operation. Pure. */
#include "daemon/remote/events.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000)
#define IDLE_DEFAULT_USEC (90 * SECOND)

static int read_wake(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct events *events = field;

	events->has_wake = true;
	return matcher_map_read(json, &events->pointers, 0, &events->wake, place, error);
}

static int read_progress(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct events *events = field;
	const char *text;
	int r = key_string(json, &text, place, error);

	events->has_progress = true;
	return r < 0 ? r : pointer_set_read(&events->pointers, text, &events->progress, place, error);
}

static int read_idle(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct events *events = field;
	int r = key_seconds(json, &events->idle_usec, place, error);

	if (r == 0 && events->idle_usec < SECOND)
		return place_fail(place, error, "must be at least 1 second");
	return r;
}

static const struct key EVENTS_KEYS[] = {
	{ "wake", read_wake, 0, KEY_PLAIN },
	{ "progress", read_progress, 0, KEY_PLAIN },
	{ "idle", read_idle, 0, KEY_PLAIN },
	{ 0 }
};

int events_read(const json_t *json, struct events **ret, const struct place *place, struct error *error)
{
	struct events *events = calloc(1, sizeof(*events));
	int r;

	*ret = NULL;
	if (!events)
		return place_no_memory(error);
	events->idle_usec = IDLE_DEFAULT_USEC;
	r = keys_read_known(EVENTS_KEYS, json, events, place, error);
	if (r < 0) {
		events_free(events);
		return r;
	}
	*ret = events;
	return 0;
}

struct events *events_free(struct events *events)
{
	if (!events)
		return NULL;
	pointer_set_done(&events->pointers);
	matcher_map_done(&events->wake);
	free(events);
	return NULL;
}

int events_judge(const struct events *events, struct slice data, bool *ret_wake, struct slice *ret_progress)
{
	struct slice found[REMOTE_POINTERS_MAX], progress = { 0 };
	bool json, wake = !events->has_wake && data.len > 0;
	struct json_fault fault;

	json = json_scan(data, &events->pointers, found, &fault) == 0;
	if (json && events->has_wake) {
		int r = matcher_map_holds(&events->wake, found);

		if (r < 0)
			return r;
		wake = r > 0;
	}
	if (json && events->has_progress)
		progress = found[events->progress];
	/* null says that there is nothing to tell, not that what was told before is void. */
	if (progress.len > REMOTE_PROGRESS_MAX || slice_equals(progress, "null"))
		progress = (struct slice){ 0 };
	*ret_wake = wake;
	*ret_progress = progress;
	return 0;
}
