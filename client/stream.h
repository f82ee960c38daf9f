/* stream.h - bytes from the socket, cut into checked messages. */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include "proto/scan.h"

#include <msgpack.h>
#include <stddef.h>

#define STREAM_READ_SIZE ((size_t)64 * 1024)   /* read at once */

struct stream {
	char *data;
	size_t size;
	size_t begin;         /* of the message that is being looked at */
	size_t seen;          /* up to here scan has looked */
	size_t end;
	struct scan scan;
};

void stream_init(struct stream *in);
void stream_done(struct stream *in);

/* Forget all bytes: a new connection begins. */
void stream_reset(struct stream *in);

/* Read once from fd. 1 when bytes came, 0 when there are none now; -ECONNRESET at its end, or what recv() said;
 * -ENOMEM. */
int stream_read(struct stream *in, int fd);

/* The next whole message: 1 and *ret, to be given to msgpack_unpacked_destroy() before the next call to any of
 * these; 0 when it is not there in full; -EBADMSG for bytes that are none or too many, -ENOMEM. */
int stream_next(struct stream *in, msgpack_unpacked *ret);

#endif
