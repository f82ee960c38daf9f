/* handlers_server.c - server.hello, server.stats and call.cancel: what is about no future. */
#include "config.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/session.h"
#include "daemon/log.h"
#include "proto/limits.h"

#include <time.h>

#define CLIENT_SHOWN 100        /* bytes of a client's name in the log */

/* What this build can do beyond the first version of the protocol's page. */
static const char *const features[] = { "http", "keys", "labels", "replay", "renamed-notifications", "ranges",
	"profile-check", "promises", "after", "start-at", "timers", "groups", "continue", "result-references", "pause", "pin",
	"trouble", "call-cancel" };
#define N_FEATURES (sizeof(features) / sizeof(features[0]))

static void pack_number(struct pack *pack, const char *name, uint64_t value)
{
	pack_str(pack, name);
	pack_u64(pack, value);
}

static void pack_text(struct pack *pack, const char *name, const char *value)
{
	pack_str(pack, name);
	pack_str(pack, value);
}

static void pack_limits(struct pack *pack, const struct ipc_config *config)
{
	pack_str(pack, "limits");
	pack_map(pack, 11);
	pack_number(pack, "message", PROTO_MESSAGE_MAX);
	pack_number(pack, "depth", PROTO_DEPTH_MAX);
	pack_number(pack, "items", PROTO_ITEMS_MAX);
	pack_number(pack, "wait_ids", PROTO_WAIT_IDS_MAX);
	pack_number(pack, "after", PROTO_AFTER_MAX);
	pack_number(pack, "list", PROTO_LIST_MAX);
	pack_number(pack, "result_chunk", PROTO_RESULT_CHUNK_MAX);
	pack_number(pack, "spec", PROTO_SPEC_MAX);
	pack_number(pack, "calls", config->calls_per_connection);
	pack_number(pack, "connections", config->connections_per_uid);
	pack_number(pack, "futures", config->futures_per_uid);
}

int h_server_hello(struct call *call, const void *params, struct error *error)
{
	const struct hello_params *hello = params;
	struct session *session = call->session;
	const struct ipc *ipc = session->ipc;
	struct pack pack;

	if (slice_equals(hello->errors, "map"))
		session->shape = ERROR_SHAPE_MAP;
	else if (!hello->errors.data || slice_equals(hello->errors, "string"))
		session->shape = ERROR_SHAPE_STRING;
	else
		return error_set(error, ERROR_INVALID_ARGUMENT, "errors: expected \"string\" or \"map\"");
	if (hello->client.data)
		log_debug("connection of uid %u: is %.*s", (unsigned)session->peer.caller.uid,
		    (int)(hello->client.len < CLIENT_SHOWN ? hello->client.len : CLIENT_SHOWN), hello->client.data);
	call_begin(call, &pack);
	pack_map(&pack, 9);
	pack_text(&pack, "server", PACKAGE_NAME);
	pack_text(&pack, "version", PACKAGE_VERSION);
	pack_number(&pack, "protocol", PROTOCOL_VERSION);
	pack_text(&pack, "boot_id", ipc->boot_id);
	pack_text(&pack, "epoch", ipc->epoch);
	pack_number(&pack, "uid", session->peer.caller.uid);
	pack_number(&pack, "gid", session->peer.caller.gid);
	pack_str(&pack, "features");
	pack_array(&pack, N_FEATURES);
	for (size_t i = 0; i < N_FEATURES; i++)
		pack_str(&pack, features[i]);
	pack_limits(&pack, &ipc->setup.config);
	call_reply(call, &pack);
	return 0;
}

static uint64_t uptime_seconds(const struct ipc *ipc)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 - ipc->started_usec) / 1000000;
}

static void pack_broker_stats(struct pack *pack, const struct broker_stats *stats)
{
	pack_str(pack, "futures");
	pack_map(pack, 5);
	for (int state = STORE_PENDING; state <= STORE_CANCELLED; state++)
		pack_number(pack, future_state_name((enum store_state)state), stats->futures[state]);
	pack_number(pack, "created", stats->created);
	pack_number(pack, "completed", stats->completed);
	pack_number(pack, "requests", stats->requests);
	pack_number(pack, "retries", stats->retries);
	pack_number(pack, "throttled", stats->throttled);
	pack_number(pack, "in_flight", stats->in_flight);
	pack_number(pack, "queued", stats->queued);
	pack_number(pack, "buckets", stats->buckets);
	pack_number(pack, "paused", stats->paused);
	pack_number(pack, "waits", stats->waits);
	pack_number(pack, "subscriptions", stats->subscriptions);
	pack_number(pack, "seq", stats->seq);
	pack_str(pack, "next_due");
	if (stats->next_due_in_usec == UINT64_MAX)
		pack_nil(pack);
	else
		pack_double(pack, (double)stats->next_due_in_usec / 1e6);
}

int h_server_stats(struct call *call, const void *params, struct error *error)
{
	const struct ipc *ipc = call->session->ipc;
	struct broker_stats broker;
	struct store_stats store;
	struct pack pack;

	broker_stats(ipc->setup.broker, &broker);
	ipc->setup.store_stats(ipc->setup.store, &store);
	call_begin(call, &pack);
	pack_map(&pack, 22);
	pack_number(&pack, "uptime", uptime_seconds(ipc));
	pack_number(&pack, "connections", ipc->n_sessions);
	pack_number(&pack, "calls", ipc->n_calls);
	pack_broker_stats(&pack, &broker);
	pack_number(&pack, "commits", store.commits);
	pack_number(&pack, "operations", store.operations);
	pack_number(&pack, "database_bytes", store.database_bytes);
	pack_number(&pack, "wal_bytes", store.wal_bytes);
	pack_str(&pack, "disk_full");
	pack_bool(&pack, store.disk_full);
	call_reply(call, &pack);
	return 0;
}

/* A call that only waits: nothing is done by it that would have to be undone. */
static bool only_waits(const struct call *call)
{
	return call->wait || call->parked || call->trial;
}

int h_call_cancel(struct call *call, const void *params, struct error *error)
{
	const struct call_params *wanted = params;
	struct call_reply reply = { 0 };
	struct call *other;
	struct error told;
	struct pack pack;

	(void)error;
	LIST_FOREACH(other, &call->session->calls, link) {
		if (other->id == wanted->call.value && only_waits(other))
			break;
	}
	if (other) {
		error_set(&told, ERROR_CANCELLED, "the call was cancelled; the future it was about was not");
		call_fail(other, &told, NULL);
		reply.cancelled = true;
	}
	call_begin(call, &pack);
	fields_write(&pack, call_reply_fields, &reply);
	call_reply(call, &pack);
	return 0;
}
