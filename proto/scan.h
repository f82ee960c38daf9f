/* scan.h - finds the end of one msgpack message in a byte stream and checks its bounds, without
 * allocating and without ever looking at a byte twice. */
#ifndef PROTO_SCAN_H
#define PROTO_SCAN_H

#include "proto/limits.h"

#include <stddef.h>
#include <stdint.h>

struct scan_limits {
	size_t bytes;     /* one message */
	unsigned depth;   /* nested containers, at most PROTO_DEPTH_MAX */
	uint32_t items;   /* objects in all */
};

/* State between two reads; give it no meaning of your own. */
struct scan {
	struct scan_limits limits;
	size_t bytes;                        /* of this message so far */
	uint32_t items;                      /* announced so far, the top object included */
	unsigned depth;
	uint32_t left[PROTO_DEPTH_MAX];      /* objects still due on each level */
	uint64_t payload;                    /* bytes of a str, bin, ext or number still to skip */
	unsigned header;                     /* bytes of a length still to read */
	uint64_t value;                      /* the length read so far */
	uint8_t type;                        /* the leading byte that length belongs to */
	int error;                           /* sticks: 0, -EBADMSG or -EMSGSIZE */
	char reason[160];
};

/* Start before the first byte of a message. All limits are at least 1. Cannot fail. */
void scan_init(struct scan *scan, const struct scan_limits *limits);

/*
 * Look at the next len bytes of the stream.
 *   ret_used   how many of them belong to the current message
 * Returns 1 when the message ended within them (the scan is then ready for the next one), 0 when
 * more bytes are needed (all were used); -EBADMSG for bytes that are not msgpack, -EMSGSIZE over a
 * limit: then scan_reason() names what was wrong and at which byte of the message (the first is
 * byte 0), *ret_used is untouched, the stream is lost and every later call fails the same way.
 * A declared count is refused as soon as its header is read when it could not fit into the bytes
 * that the message may still have.
 */
int scan_feed(struct scan *scan, const void *bytes, size_t len, size_t *ret_used);

/* Bytes of the current, unfinished message seen so far. */
size_t scan_pending(const struct scan *scan);

/* One line such as "array of 4294967295 elements at byte 1 (at most 65536 objects in a message)"; ""
 * without error. Valid as long as scan. */
const char *scan_reason(const struct scan *scan);

#endif
