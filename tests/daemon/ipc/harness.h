/* harness.h - an ipc over a real broker in virtual time, and clients at the other ends of socket pairs. */
#ifndef TESTS_IPC_HARNESS_H
#define TESTS_IPC_HARNESS_H

#include "daemon/ipc/ipc.h"
#include "proto/message.h"
#include "tests/sim/sim.h"

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct harness {
	struct event_base *base;
	struct sim *sim;                /* the broker, its store and its service */
	struct ipc *ipc;
	struct ipc_config config;
};

/* The service side of profile.check, whose report is the text it is given, and of profile.try, where a test decides. */
extern struct trials {
	char params[256];               /* of the last check */
	unsigned started, aborted;
	ipc_report_cb done;             /* of the last try */
	void *arg;
} trials;

/* All happens in one thread, within these functions. Time passes in harness_run() alone. */
void harness_init(struct harness *harness);
/* With a log of so many events. */
void harness_init_small_log(struct harness *harness, uint64_t events_max);
/* Ends everything; fails the test when something was left behind. */
void harness_done(struct harness *harness);

/* Let everything happen that can happen without a commit, and without time. */
void harness_turn(struct harness *harness);
/* Commit what is queued now. Returns how much it was: 0, nothing. */
size_t harness_commit_once(struct harness *harness);
/* Commit what is queued, and what follows from that, until the store is quiet. */
void harness_commit(struct harness *harness);
/* Let time pass. Commits are made meanwhile, unless sim->commit_usec is UINT64_MAX. */
void harness_run(struct harness *harness, uint64_t usec);

/* What is durable of a future; fails the test when there is none. */
const struct disk_future *harness_durable(const struct harness *harness, const struct id *id);
struct broker_stats harness_stats(const struct harness *harness);

struct client {
	struct harness *harness;
	int fd;
	msgpack_unpacker in;
	msgpack_unpacked message;    /* the last one received */
	bool closed;                 /* the daemon closed the connection */
};

void client_open(struct harness *harness, struct client *client);
void client_close(struct client *client);

/* Write bytes as they are, turning as needed. */
void client_write(struct client *client, const void *bytes, size_t len);

/* A request whose one param is a map; the caller packs pairs keys and values into pack, then client_send(). */
void client_begin(struct pack *pack, uint32_t id, const char *method, uint32_t pairs);
void client_send(struct client *client, struct pack *pack);
/* A request with text values only: name, value, name, value ..., NULL. */
void client_call(struct client *client, uint32_t id, const char *method, ...);

/* Turn and read the next message. NULL: there is none (then closed may be set). */
const msgpack_object *client_receive(struct client *client);

/* Expect a response to id with a result, and return it. */
const msgpack_object *client_result(struct client *client, uint32_t id);
/* Expect a response to id with an error in the string shape, and return it, in a static buffer. */
const char *client_error(struct client *client, uint32_t id);
/* Expect that nothing has come. */
void client_quiet(struct client *client);

/* A new future, created through the client: what it is to do is a script (see tests/sim/script.h). It is durable, and
 * its first request under way if it has one. */
struct id client_future(struct client *client, const char *script);

/* The value of a key in a map; fails the test when it is missing. */
const msgpack_object *get(const msgpack_object *map, const char *key);
bool has(const msgpack_object *map, const char *key);
uint64_t get_u64(const msgpack_object *map, const char *key);
bool get_bool(const msgpack_object *map, const char *key);
/* Text or bytes, in one of four static buffers. */
const char *get_text(const msgpack_object *map, const char *key);
const char *text_of(const msgpack_object *object);

/* The text of an id, in one of four static buffers. */
const char *id_text(const struct id *id);

#endif
