/* refer.c - takes values out of the results of others for a future that refers to them. */
#include "daemon/broker/refer.h"

#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/hold.h"
#include "daemon/broker/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes of one result; what is longer is no value for a request. */
#define RESULT_MAX (1024u * 1024)

struct taking {
	struct future *future;          /* pinned; its own is another one, or none, when this one was given up */
	size_t at;                      /* the result that is read */
	char *taken;                    /* what came of those before it */
};

static void taking_free(struct taking *taking)
{
	struct future *future = taking->future;

	if (future->hold.taking == taking)
		future->hold.taking = NULL;
	free(taking->taken);
	free(taking);
	future_unpin(future);
}

static void fail(struct future *future, const char *message)
{
	struct future_rec draft;

	record_draft(future, &draft);
	drive_fail(future, &draft, "dependency", message, 0);
}

/* Take what there is in one result. -ENOMEM; -EINVAL: the future has failed. */
static int take(struct taking *taking, int status, struct slice result)
{
	struct future *future = taking->future;
	struct remote *remote = &future->broker->remote;
	const struct id *id = &future->plan->results[taking->at];
	char text[ID_TEXT_LEN + 1], message[PROTO_ERROR_TEXT_MAX], *taken;
	struct error error = { 0 };
	int r;

	id_format(id, text);
	if (status == -ENOENT) {
		snprintf(message, sizeof message, "%s was forgotten", text);
		fail(future, message);
		return -EINVAL;
	}
	if (status < 0)
		return -ENOMEM;
	if (result.len > RESULT_MAX) {
		snprintf(message, sizeof message, "the result of %s is longer than %u bytes", text, RESULT_MAX);
		fail(future, message);
		return -EINVAL;
	}
	r = remote->refer(remote->self, future->plan, taking->at, result, taking->taken, &taken, &error);
	if (r < 0 && error.code != ERROR_OUT_OF_MEMORY)
		fail(future, error.message);
	if (r < 0)
		return error.code == ERROR_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
	free(taking->taken);
	taking->taken = taken;
	return 0;
}

static void on_result(void *arg, int status, const void *data, size_t len);

/* -ENOMEM, also when the store is in its way. */
static int read_next(struct taking *taking)
{
	struct future *future = taking->future;

	return store_read_result(future->broker->store, future->plan->results[taking->at].bytes, 0, RESULT_MAX + 1,
	    on_result, taking) < 0 ? -ENOMEM : 0;
}

static void on_result(void *arg, int status, const void *data, size_t len)
{
	struct taking *taking = arg;
	struct future *future = taking->future;
	int r;

	if (future->hold.taking != taking) {
		taking_free(taking);
		return;
	}
	r = take(taking, status, (struct slice){ data, len });
	if (r == 0 && ++taking->at < future->plan->n_results) {
		r = read_next(taking);
		if (r == 0)
			return;
	} else if (r == 0) {
		hold_let_go(future, taking->taken);
	}
	taking_free(taking);
	if (r == -ENOMEM)
		drive_postpone(future);
}

void refer_begin(struct future *future)
{
	struct taking *taking = future->hold.taking;

	future->next_usec = SCHED_NEVER;
	drive_arm(future);
	if (taking)
		return;
	taking = calloc(1, sizeof *taking);
	if (!taking) {
		drive_postpone(future);
		return;
	}
	taking->future = future_pin(future);
	future->hold.taking = taking;
	if (read_next(taking) == 0)
		return;
	taking_free(taking);
	drive_postpone(future);
}

void refer_leave(struct future *future)
{
	future->hold.taking = NULL;
}
