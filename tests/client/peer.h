/* peer.h - the other end of a connection, scripted: a real socket on which a test reads requests and writes answers. */
#ifndef TESTS_CLIENT_PEER_H
#define TESTS_CLIENT_PEER_H

#include "client/futured.h"
#include "proto/message.h"

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#define PEER_WAIT_MS 10000    /* for what must come; reached only by a test that fails */

/* Ids for tests. */
#define ID_A "01900000-0000-7000-8000-00000000000a"
#define ID_B "01900000-0000-7000-8000-00000000000b"
#define ID_C "01900000-0000-7000-8000-00000000000c"

struct peer {
	char directory[80];
	char path[100];
	int listener;
	int fd;                    /* of the client that was accepted last */
	uint32_t calls;            /* announced by peer_welcome(); 0: not announced */
	uint32_t wait_ids;         /* likewise */
	char epoch[32];
	bool may_leave;            /* the client may be gone when something is sent to it */
	char *in;
	size_t in_len;
	size_t in_used;
	msgpack_unpacked unpacked; /* the request that was read last */
	struct message request;
	struct pack out;
};

/* A listening socket in a directory of its own. */
void peer_init(struct peer *peer);
void peer_done(struct peer *peer);

/* Stop and start listening: a daemon that restarts. */
void peer_down(struct peer *peer);
void peer_up(struct peer *peer);

/* Take the next client. */
void peer_accept(struct peer *peer);

/* Take the next client and answer its server.hello. */
void peer_welcome(struct peer *peer);

/* Close the connection. */
void peer_hang_up(struct peer *peer);

/* Open a connection to the peer and get it past the hello. */
futured *peer_connect(struct peer *peer, unsigned flags);

/* Let c do all that it can without waiting. */
void pump(futured *c);

/* Read the next request, which must be for method. Its id; its params are then in peer->request. */
uint32_t peer_expect(struct peer *peer, const char *method);

/* Read the next request, whatever it is. */
void peer_next_request(struct peer *peer);

/* Hand each request that has arrived, or arrives with one read, to on_request(). */
void peer_expect_any(struct peer *peer, void (*on_request)(void));

/* Whether nothing but silence came from the client. */
bool peer_is_quiet(struct peer *peer);

/* The value of key in the params that were read last, or NULL. */
const msgpack_object *peer_param(struct peer *peer, const char *key);
bool peer_param_is(struct peer *peer, const char *key, const char *text);

/* Answers. The reply is written by the caller between begin and send. */
struct pack *peer_begin_reply(struct peer *peer, uint32_t id);
struct pack *peer_begin_event(struct peer *peer);
void peer_send(struct peer *peer);
void peer_send_bytes(struct peer *peer, const void *bytes, size_t len);

void peer_reply_created(struct peer *peer, uint32_t id, const char *future, bool created);
void peer_reply_result(struct peer *peer, uint32_t id, const char *bytes, size_t len, uint64_t offset, uint64_t size);
void peer_reply_text(struct peer *peer, uint32_t id, const char *text);
void peer_reply_empty(struct peer *peer, uint32_t id);
void peer_reply_error(struct peer *peer, uint32_t id, enum error_code code, const char *message,
    const struct failure_wire *failure);
/* {"seq": n} and the like. */
void peer_reply_subscribed(struct peer *peer, uint32_t id, uint64_t subscription, uint64_t seq, bool truncated);
void peer_send_event(struct peer *peer, uint64_t subscription, uint64_t seq, const char *future, const char *event,
    const char *state, const char *progress);

#endif
