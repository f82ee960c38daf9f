/* fields.h - reads and writes a msgpack map through a const table of its keys. */
#ifndef PROTO_FIELDS_H
#define PROTO_FIELDS_H

#include "proto/error.h"
#include "proto/id.h"
#include "proto/pack.h"
#include "proto/slice.h"

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A time span that can be absent, null or a number: three different things (PROTOCOL.md). */
enum span_kind { SPAN_ABSENT = 0, SPAN_NULL, SPAN_SET };
struct span {
	enum span_kind kind;
	uint64_t usec;       /* when SPAN_SET */
};

struct maybe_u64 {
	bool set;
	uint64_t value;
};

/* An array of ids. Reading fills a buffer from malloc that fields_done() frees. */
struct id_list {
	struct id *ids;
	size_t count;
};

enum field_type {
	FIELD_TEXT,    /* struct slice: str, or bin of valid UTF-8; no NUL byte inside */
	FIELD_BYTES,   /* struct slice: bin or str; written as bin */
	FIELD_U64,     /* struct maybe_u64 */
	FIELD_I64,     /* struct maybe_u64, value holding an int64_t */
	FIELD_BOOL,    /* bool; absent and nil are false */
	FIELD_SPAN,    /* struct span: seconds, int or float, 0 .. PROTO_TIMEOUT_MAX */
	FIELD_ID,      /* struct id: 36 characters, or 16 bytes of bin */
	FIELD_IDS,     /* struct id_list: array of those, at most PROTO_WAIT_IDS_MAX */
	FIELD_ANY,     /* const msgpack_object *: as it came; NULL when absent or nil. Not writable. */
};

#define FIELD_REQUIRED 1u

struct field {
	const char *name;
	enum field_type type;
	size_t offset;       /* of the member in the struct */
	unsigned flags;
};

/* A table ends with a row whose name is NULL. */
#define FIELD(structure, member, type, flags) \
	{ #member, (type), offsetof(struct structure, member), (flags) }
#define FIELDS_END { NULL, FIELD_ANY, 0, 0 }

enum fields_unknown { FIELDS_REFUSE_UNKNOWN, FIELDS_IGNORE_UNKNOWN };

/*
 * Read map into *ret, which is zeroed first. Slices and FIELD_ANY borrow from the unpacked message.
 * A value of nil counts as absent, but for FIELD_SPAN. A key given twice, an unknown key (with the
 * nearest known one), a wrong type or a missing required key is ERROR_INVALID_ARGUMENT with the
 * key's name, what was expected and what came. Keys may be str or bin.
 * Returns 0 or the negative errno of error. Call fields_done() after success.
 */
int fields_read(const msgpack_object *map, const struct field *table, enum fields_unknown unknown,
    void *ret, struct error *error);
void fields_done(const struct field *table, void *structure);

/* Write *structure as one map, leaving out what is absent (a SPAN_NULL is written as nil, a false
 * FIELD_BOOL is left out, a FIELD_ID always written). Errors stick in pack. */
void fields_write(struct pack *pack, const struct field *table, const void *structure);

/* "map", "array", "string" ...: how an error names what came. */
const char *fields_type_name(const msgpack_object *object);

#endif
