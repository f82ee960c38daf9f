/* harness.c - an ipc over a real broker in virtual time, and clients at the other ends of socket pairs. */
#include "tests/daemon/ipc/harness.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/session.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the daemon's side ------------------------------------------------------------------------------------------ */

static void on_store_stats(void *store, struct store_stats *ret)
{
	store_stats(store, ret);
}

static int each_profile(void *self, ipc_profile_cb each, void *arg)
{
	each(arg, "alpha", "/p/alpha.json", "the first");
	each(arg, "beta", "/p/beta.json", "");
	return 0;
}

static int get_profile(void *self, const char *name, const char **ret_text, const char **ret_path, struct error *error)
{
	if (strcmp(name, "alpha") != 0)
		return error_set(error, ERROR_NOT_FOUND, "no profile %s", name);
	*ret_text = "{\"a\": 1}";
	*ret_path = "/p/alpha.json";
	return 0;
}

struct trials trials;

static int check_profile(void *self, const struct ipc_profile_source *source, char **ret_report, struct error *error)
{
	if (source->profile.data)
		return error_set(error, ERROR_NOT_FOUND, "no profile %.*s", (int)source->profile.len, source->profile.data);
	snprintf(trials.params, sizeof(trials.params), "%.*s", (int)source->params.len, source->params.data);
	*ret_report = strndup(source->text.data, source->text.len);
	return 0;
}

static int try_profile(void *self, const struct ipc_profile_source *source, ipc_report_cb done, void *arg,
    void **ret_trial, struct error *error)
{
	if (!source->text.data)
		return error_set(error, ERROR_INVALID_SPEC, "profile: x");
	trials.started++;
	trials.done = done;
	trials.arg = arg;
	*ret_trial = &trials;
	return 0;
}

static void abort_trial(void *self, void *trial)
{
	ck_assert_ptr_eq(trial, &trials);
	trials.aborted++;
}

static void start(struct harness *harness, struct sim *sim)
{
	static const uint8_t boot_id[16] = { 0xcd, 2 };
	struct ipc_setup setup = {
		.broker = sim->broker,
		.profiles = {
			.each = each_profile,
			.text = get_profile,
			.check = check_profile,
			.try = try_profile,
			.abort = abort_trial,
		},
		.store_stats = on_store_stats,
		.store = sim->store,
		.config = {
			.connections = 8,
			.connections_per_uid = 4,
			.calls_per_connection = 100,
			.futures_per_uid = 50,
			.result_max = 100,
		},
		.epoch = store_epoch(sim->store),
		.boot_id = boot_id,
	};

	signal(SIGPIPE, SIG_IGN);
	trials = (struct trials){ .started = 0 };
	harness->base = event_base_new();
	setup.base = harness->base;
	harness->sim = sim;
	harness->config = setup.config;
	harness->ipc = ipc_new(&setup);
	ck_assert_ptr_nonnull(harness->ipc);
}

void harness_init(struct harness *harness)
{
	start(harness, sim_new(1));
}

void harness_init_small_log(struct harness *harness, uint64_t events_max)
{
	start(harness, sim_new_with_log(1, events_max));
}

void harness_done(struct harness *harness)
{
	struct broker_stats stats;

	ipc_free(harness->ipc);
	broker_run(harness->sim->broker);       /* frees waits that were dropped while they were ready */
	stats = harness_stats(harness);
	ck_assert_uint_eq(stats.waits, 0);
	ck_assert_uint_eq(stats.subscriptions, 0);
	ck_assert_msg(!sim_violation(harness->sim), "%s", sim_violation(harness->sim));
	sim_free(harness->sim);
	event_base_free(harness->base);
}

/* One turn of the loop, in the order of daemon/server.c. */
static void turn(struct harness *harness)
{
	event_base_loop(harness->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	broker_run(harness->sim->broker);
	ipc_turn(harness->ipc);
}

void harness_turn(struct harness *harness)
{
	/* A few rounds, as one thing leads to another; the number is no matter of time. */
	for (int i = 0; i < 8; i++)
		turn(harness);
}

size_t harness_commit_once(struct harness *harness)
{
	size_t count = store_sim_queued(harness->sim->store);

	store_sim_commit(harness->sim->store, count);
	store_dispatch(harness->sim->store);
	harness_turn(harness);
	return count;
}

void harness_commit(struct harness *harness)
{
	harness_turn(harness);
	while (harness_commit_once(harness) > 0)
		;
}

void harness_run(struct harness *harness, uint64_t usec)
{
	uint64_t until = harness->sim->now_usec + usec;

	harness_turn(harness);
	while (sim_step(harness->sim, until))
		turn(harness);
	harness_turn(harness);
}

const struct disk_future *harness_durable(const struct harness *harness, const struct id *id)
{
	const struct disk_future *future = disk_find(harness->sim->disk, id->bytes);

	ck_assert_ptr_nonnull(future);
	return future;
}

struct broker_stats harness_stats(const struct harness *harness)
{
	struct broker_stats stats;

	broker_stats(harness->sim->broker, &stats);
	return stats;
}

/* --- the client's side ---------------------------------------------------------------------------------------- */

void client_open(struct harness *harness, struct client *client)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*client = (struct client){ .harness = harness, .fd = fds[0] };
	ck_assert(msgpack_unpacker_init(&client->in, 65536));
	msgpack_unpacked_init(&client->message);
	session_open(harness->ipc, fds[1]);
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	msgpack_unpacked_destroy(&client->message);
	msgpack_unpacker_destroy(&client->in);
}

void client_write(struct client *client, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(client->fd, at, len, MSG_NOSIGNAL);

		if (n < 0) {
			ck_assert_msg(errno == EAGAIN, "send: %s", strerror(errno));
			harness_turn(client->harness);
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
}

void client_begin(struct pack *pack, uint32_t id, const char *method, uint32_t pairs)
{
	pack_init(pack, 16 * 1024 * 1024);
	message_write_request(pack, id, method);
	pack_map(pack, pairs);
}

void client_send(struct client *client, struct pack *pack)
{
	struct slice bytes;

	ck_assert_int_eq(pack_finish(pack, &bytes), 0);
	client_write(client, bytes.data, bytes.len);
	pack_done(pack);
}

void client_call(struct client *client, uint32_t id, const char *method, ...)
{
	const char *texts[16];
	uint32_t n = 0;
	struct pack pack;
	va_list args;

	va_start(args, method);
	while (n < 16 && (texts[n] = va_arg(args, const char *)))
		n++;
	va_end(args);
	client_begin(&pack, id, method, n / 2);
	for (uint32_t i = 0; i < n; i++)
		pack_str(&pack, texts[i]);
	client_send(client, &pack);
}

/* Read what is there. Returns whether it was anything. */
static bool fill(struct client *client)
{
	bool any = false;

	for (;;) {
		ssize_t n;

		ck_assert(msgpack_unpacker_reserve_buffer(&client->in, 65536));
		n = read(client->fd, msgpack_unpacker_buffer(&client->in), 65536);
		if (n <= 0) {
			client->closed = client->closed || n == 0 || errno != EAGAIN;
			return any;
		}
		any = true;
		msgpack_unpacker_buffer_consumed(&client->in, (size_t)n);
	}
}

const msgpack_object *client_receive(struct client *client)
{
	bool more = true;

	for (;;) {
		if (msgpack_unpacker_next(&client->in, &client->message) == MSGPACK_UNPACK_SUCCESS)
			return &client->message.data;
		if (!more)
			return NULL;
		harness_turn(client->harness);
		more = fill(client);
	}
}

static const msgpack_object_array *receive_response(struct client *client, uint32_t id)
{
	const msgpack_object *message = client_receive(client);

	ck_assert_msg(message, "no response to %u", id);
	ck_assert_int_eq(message->type, MSGPACK_OBJECT_ARRAY);
	ck_assert_uint_eq(message->via.array.size, 4);
	ck_assert_uint_eq(message->via.array.ptr[0].via.u64, 1);
	ck_assert_uint_eq(message->via.array.ptr[1].via.u64, id);
	return &message->via.array;
}

const msgpack_object *client_result(struct client *client, uint32_t id)
{
	const msgpack_object_array *response = receive_response(client, id);

	if (response->ptr[2].type != MSGPACK_OBJECT_NIL)
		ck_abort_msg("error: %s", text_of(&response->ptr[2]));
	return &response->ptr[3];
}

const char *client_error(struct client *client, uint32_t id)
{
	const msgpack_object_array *response = receive_response(client, id);

	ck_assert_int_eq(response->ptr[2].type, MSGPACK_OBJECT_STR);
	ck_assert_int_eq(response->ptr[3].type, MSGPACK_OBJECT_NIL);
	return text_of(&response->ptr[2]);
}

void client_quiet(struct client *client)
{
	ck_assert_ptr_null(client_receive(client));
}

struct id client_future(struct client *client, const char *script)
{
	static const uint32_t call = UINT32_MAX;
	const char *text;
	struct id id;

	client_call(client, call, "future.create", "spec", script, NULL);
	harness_commit(client->harness);
	text = get_text(client_result(client, call), "id");
	ck_assert_int_eq(id_parse(text, strlen(text), &id), 0);
	return id;
}

/* --- looking into maps ------------------------------------------------------------------------------------------ */

static const msgpack_object *find(const msgpack_object *map, const char *key)
{
	ck_assert_int_eq(map->type, MSGPACK_OBJECT_MAP);
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_str *name = &map->via.map.ptr[i].key.via.str;

		if (name->size == strlen(key) && memcmp(name->ptr, key, name->size) == 0)
			return &map->via.map.ptr[i].val;
	}
	return NULL;
}

const msgpack_object *get(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = find(map, key);

	ck_assert_msg(value, "no key %s", key);
	return value;
}

bool has(const msgpack_object *map, const char *key)
{
	return find(map, key) != NULL;
}

uint64_t get_u64(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = get(map, key);

	ck_assert_int_eq(value->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
	return value->via.u64;
}

bool get_bool(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = get(map, key);

	ck_assert_int_eq(value->type, MSGPACK_OBJECT_BOOLEAN);
	return value->via.boolean;
}

const char *text_of(const msgpack_object *object)
{
	static char buffers[4][4096];
	static unsigned next;
	char *buffer = buffers[next++ % 4];
	struct slice text;

	ck_assert(fields_bytes(object, &text));
	ck_assert_uint_lt(text.len, sizeof(buffers[0]));
	memcpy(buffer, text.data, text.len);
	buffer[text.len] = '\0';
	return buffer;
}

const char *get_text(const msgpack_object *map, const char *key)
{
	return text_of(get(map, key));
}

const char *id_text(const struct id *id)
{
	static char buffers[4][ID_TEXT_LEN + 1];
	static unsigned next;
	char *buffer = buffers[next++ % 4];

	id_format(id, buffer);
	return buffer;
}
