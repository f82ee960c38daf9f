/* harness.h - an ipc over the fake broker, and clients at the other ends of socket pairs. */
#ifndef TESTS_IPC_HARNESS_H
#define TESTS_IPC_HARNESS_H

#include "daemon/ipc/ipc.h"
#include "proto/message.h"

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct harness {
	struct event_base *base;
	struct ipc *ipc;
	struct ipc_config config;
};

/* What a test asks for happens in one thread: nothing runs but in harness_turn(). */
void harness_init(struct harness *harness);
void harness_done(struct harness *harness);
/* Let everything happen that can happen without a commit. */
void harness_turn(struct harness *harness);

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
void client_request(struct pack *pack, uint32_t id, const char *method, uint32_t pairs);
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
