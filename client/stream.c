/* stream.c - bytes from the socket, cut into checked messages. */
#include "client/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void stream_init(struct stream *in)
{
	*in = (struct stream){ 0 };
	stream_reset(in);
}

void stream_done(struct stream *in)
{
	free(in->data);
	*in = (struct stream){ 0 };
}

void stream_reset(struct stream *in)
{
	static const struct scan_limits limits = {
		.bytes = PROTO_MESSAGE_MAX,
		.depth = PROTO_DEPTH_MAX,
		.items = PROTO_ITEMS_MAX,
	};

	in->begin = in->seen = in->end = 0;
	scan_init(&in->scan, &limits);
}

/* Make room for one read: move what is left to the front, then grow. The scanner's limit bounds the size. */
static int stream_reserve(struct stream *in)
{
	size_t wanted;
	char *data;

	if (in->begin > 0) {
		memmove(in->data, in->data + in->begin, in->end - in->begin);
		in->end -= in->begin;
		in->seen -= in->begin;
		in->begin = 0;
	}
	if (in->size - in->end >= STREAM_READ_SIZE)
		return 0;
	wanted = in->size ? in->size * 2 : STREAM_READ_SIZE;
	data = realloc(in->data, wanted);
	if (!data)
		return -ENOMEM;
	in->data = data;
	in->size = wanted;
	return 0;
}

int stream_read(struct stream *in, int fd)
{
	ssize_t n;
	int r;

	r = stream_reserve(in);
	if (r < 0)
		return r;
	n = recv(fd, in->data + in->end, STREAM_READ_SIZE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	in->end += (size_t)n;
	return 1;
}

int stream_next(struct stream *in, msgpack_unpacked *ret)
{
	size_t used = 0, offset = 0;
	msgpack_unpack_return ok;
	int r;

	if (in->seen == in->end)
		return 0;
	r = scan_feed(&in->scan, in->data + in->seen, in->end - in->seen, &used);
	if (r < 0)
		return -EBADMSG;
	in->seen += used;
	if (r == 0)
		return 0;

	msgpack_unpacked_init(ret);
	ok = msgpack_unpack_next(ret, in->data + in->begin, in->seen - in->begin, &offset);
	in->begin = in->seen;
	if (ok == MSGPACK_UNPACK_SUCCESS)
		return 1;
	msgpack_unpacked_destroy(ret);
	return ok == MSGPACK_UNPACK_NOMEM_ERROR ? -ENOMEM : -EBADMSG;
}
