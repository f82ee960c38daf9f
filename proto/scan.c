/* scan.c - finds the end of one msgpack message in a byte stream and checks its bounds. */
#include "proto/scan.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* What stands behind a leading byte. */
enum shape { SHAPE_RESERVED, SHAPE_SCALAR, SHAPE_BYTES, SHAPE_ARRAY, SHAPE_MAP };

struct form {
	const char *name;
	enum shape shape;
	uint8_t header;      /* bytes of a length */
	uint8_t fixed;       /* bytes that follow whatever the length says: a number, an ext's type */
};

/* 0xc0 to 0xdf. */
static const struct form forms[32] = {
	[0x00] = { "nil", SHAPE_SCALAR, 0, 0 },
	[0x01] = { "0xc1", SHAPE_RESERVED, 0, 0 },
	[0x02] = { "false", SHAPE_SCALAR, 0, 0 },
	[0x03] = { "true", SHAPE_SCALAR, 0, 0 },
	[0x04] = { "bin", SHAPE_BYTES, 1, 0 },
	[0x05] = { "bin", SHAPE_BYTES, 2, 0 },
	[0x06] = { "bin", SHAPE_BYTES, 4, 0 },
	[0x07] = { "ext", SHAPE_BYTES, 1, 1 },
	[0x08] = { "ext", SHAPE_BYTES, 2, 1 },
	[0x09] = { "ext", SHAPE_BYTES, 4, 1 },
	[0x0a] = { "float", SHAPE_SCALAR, 0, 4 },
	[0x0b] = { "float", SHAPE_SCALAR, 0, 8 },
	[0x0c] = { "integer", SHAPE_SCALAR, 0, 1 },
	[0x0d] = { "integer", SHAPE_SCALAR, 0, 2 },
	[0x0e] = { "integer", SHAPE_SCALAR, 0, 4 },
	[0x0f] = { "integer", SHAPE_SCALAR, 0, 8 },
	[0x10] = { "integer", SHAPE_SCALAR, 0, 1 },
	[0x11] = { "integer", SHAPE_SCALAR, 0, 2 },
	[0x12] = { "integer", SHAPE_SCALAR, 0, 4 },
	[0x13] = { "integer", SHAPE_SCALAR, 0, 8 },
	[0x14] = { "ext", SHAPE_SCALAR, 0, 2 },
	[0x15] = { "ext", SHAPE_SCALAR, 0, 3 },
	[0x16] = { "ext", SHAPE_SCALAR, 0, 5 },
	[0x17] = { "ext", SHAPE_SCALAR, 0, 9 },
	[0x18] = { "ext", SHAPE_SCALAR, 0, 17 },
	[0x19] = { "str", SHAPE_BYTES, 1, 0 },
	[0x1a] = { "str", SHAPE_BYTES, 2, 0 },
	[0x1b] = { "str", SHAPE_BYTES, 4, 0 },
	[0x1c] = { "array", SHAPE_ARRAY, 2, 0 },
	[0x1d] = { "array", SHAPE_ARRAY, 4, 0 },
	[0x1e] = { "map", SHAPE_MAP, 2, 0 },
	[0x1f] = { "map", SHAPE_MAP, 4, 0 },
};

static const struct form form_fixint = { "integer", SHAPE_SCALAR, 0, 0 };
static const struct form form_fixmap = { "map", SHAPE_MAP, 0, 0 };
static const struct form form_fixarray = { "array", SHAPE_ARRAY, 0, 0 };
static const struct form form_fixstr = { "str", SHAPE_BYTES, 0, 0 };

/* The form of a leading byte, and the length it holds itself. */
static const struct form *form_of(uint8_t type, uint64_t *ret_length)
{
	*ret_length = 0;
	if (type >= 0xc0 && type <= 0xdf)
		return &forms[type - 0xc0];
	if (type < 0x80 || type >= 0xe0)
		return &form_fixint;
	*ret_length = type & (type < 0xa0 ? 0x0f : 0x1f);
	return type < 0x90 ? &form_fixmap : type < 0xa0 ? &form_fixarray : &form_fixstr;
}

/* Ready for the first byte of a message. */
static void scan_reset(struct scan *scan)
{
	scan->bytes = 0;
	scan->items = 1;
	scan->depth = 0;
	scan->payload = 0;
	scan->header = 0;
}

void scan_init(struct scan *scan, const struct scan_limits *limits)
{
	assert(limits->depth <= PROTO_DEPTH_MAX);
	*scan = (struct scan){ .limits = *limits };
	scan_reset(scan);
}

/* Bytes that the message may still have. */
static size_t scan_room(const struct scan *scan)
{
	return scan->limits.bytes - scan->bytes;
}

/* Where the object began whose header ends here. */
static size_t scan_start(const struct scan *scan, const struct form *form)
{
	return scan->bytes - 1 - form->header;
}

/* Refuse the object whose header was just read: it is over the limit of bytes or of objects. */
static int scan_refuse(struct scan *scan, const struct form *form, uint64_t count, const char *unit,
    uint64_t limit, const char *limit_unit)
{
	snprintf(scan->reason, sizeof(scan->reason), "%s of %" PRIu64 " %s at byte %zu (at most %" PRIu64 " %s in a message)",
	    form->name, count, unit, scan_start(scan, form), limit, limit_unit);
	return -EMSGSIZE;
}

/* One object is complete; close the containers that end with it. Returns 1 for the end of the message. */
static int scan_end_object(struct scan *scan)
{
	while (scan->depth > 0) {
		if (--scan->left[scan->depth - 1] > 0)
			return 0;
		scan->depth--;
	}
	return 1;
}

/* The header of an array or map of count elements or pairs was read. 1 at the end of the message. */
static int scan_container(struct scan *scan, const struct form *form, uint64_t count)
{
	bool map = form->shape == SHAPE_MAP;
	const char *unit = map ? "pairs" : "elements";
	uint64_t objects = map ? count * 2 : count;

	if (scan->depth >= scan->limits.depth) {
		snprintf(scan->reason, sizeof(scan->reason), "%s at byte %zu is nested %u deep (at most %u)",
		    form->name, scan_start(scan, form), scan->depth + 1, scan->limits.depth);
		return -EMSGSIZE;
	}
	if (objects > scan->limits.items - scan->items)
		return scan_refuse(scan, form, count, unit, scan->limits.items, "objects");
	if (objects > scan_room(scan))
		return scan_refuse(scan, form, count, unit, scan->limits.bytes, "bytes");
	if (objects == 0)
		return scan_end_object(scan);
	scan->items += (uint32_t)objects;
	scan->left[scan->depth++] = (uint32_t)objects;
	return 0;
}

/* A header with its length is complete: take note of what must follow. 1 at the end of the message. */
static int scan_object(struct scan *scan, const struct form *form, uint64_t length)
{
	switch (form->shape) {
	case SHAPE_RESERVED:
		snprintf(scan->reason, sizeof(scan->reason), "%s at byte %zu is not msgpack", form->name,
		    scan_start(scan, form));
		return -EBADMSG;
	case SHAPE_ARRAY:
	case SHAPE_MAP:
		return scan_container(scan, form, length);
	case SHAPE_SCALAR:
	case SHAPE_BYTES:
		break;
	}
	scan->payload = length + form->fixed;
	if (scan->payload > scan_room(scan))
		return scan_refuse(scan, form, scan->payload, "bytes", scan->limits.bytes, "bytes");
	return scan->payload == 0 ? scan_end_object(scan) : 0;
}

/* Take one byte of a header. 1 at the end of the message. */
static int scan_header_byte(struct scan *scan, uint8_t byte)
{
	const struct form *form;
	uint64_t length;

	if (scan_room(scan) == 0) {
		snprintf(scan->reason, sizeof(scan->reason), "message goes on at byte %zu (at most %zu bytes in a message)",
		    scan->bytes, scan->limits.bytes);
		return -EMSGSIZE;
	}
	scan->bytes++;
	if (scan->header > 0) {
		scan->value = scan->value << 8 | byte;
		if (--scan->header > 0)
			return 0;
		form = form_of(scan->type, &length);
		return scan_object(scan, form, scan->value);
	}
	form = form_of(byte, &length);
	if (form->header == 0)
		return scan_object(scan, form, length);
	scan->type = byte;
	scan->value = 0;
	scan->header = form->header;
	return 0;
}

/* Skip what is due of the current payload. 1 at the end of the message. */
static int scan_skip(struct scan *scan, size_t len, size_t *used)
{
	size_t n = scan->payload < len ? (size_t)scan->payload : len;

	scan->payload -= n;
	scan->bytes += n;
	*used += n;
	return scan->payload == 0 ? scan_end_object(scan) : 0;
}

int scan_feed(struct scan *scan, const void *bytes, size_t len, size_t *ret_used)
{
	const uint8_t *at = bytes;
	size_t used = 0;
	int r = scan->error;

	while (r == 0 && used < len) {
		if (scan->payload > 0)
			r = scan_skip(scan, len - used, &used);
		else
			r = scan_header_byte(scan, at[used++]);
	}
	if (r < 0) {
		scan->error = r;
		return r;
	}
	if (r > 0)
		scan_reset(scan);
	*ret_used = used;
	return r;
}

size_t scan_pending(const struct scan *scan)
{
	return scan->bytes;
}

const char *scan_reason(const struct scan *scan)
{
	return scan->reason;
}
