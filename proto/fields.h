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

/* An array of ids. ids is NULL when the array is absent and never when it is empty: no ids and ids
 * of nothing are different things. Reading fills a buffer from malloc that fields_done() frees. */
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
	FIELD_SPAN,    /* struct span: seconds, int or float, 0 .. PROTO_TIMEOUT_MAX, to the nearest
	                * microsecond; more than 0 stays more than 0 */
	FIELD_ID,      /* struct id: 36 characters (str or bin), or 16 bytes of bin; zero when absent */
	FIELD_IDS,     /* struct id_list: array of those, at most PROTO_WAIT_IDS_MAX */
	FIELD_ANY,     /* const msgpack_object *: as it came; NULL when absent or nil. Not writable. */
};

#define FIELD_REQUIRED 1u  /* reading: refuse a map without it (a nil does for FIELD_SPAN) */
#define FIELD_ALWAYS 2u    /* writing: a false FIELD_BOOL, too */

#define FIELDS_MAX 64      /* rows of a table */

struct field {
	const char *name;
	enum field_type type;
	size_t offset;       /* of the member in the struct */
	unsigned flags;
};

/* A table ends with a row whose name is NULL and has at most FIELDS_MAX before it. */
#define FIELD(structure, member, type, flags) \
	{ #member, (type), offsetof(struct structure, member), (flags) }
#define FIELDS_END { NULL, FIELD_ANY, 0, 0 }

enum fields_unknown { FIELDS_REFUSE_UNKNOWN, FIELDS_IGNORE_UNKNOWN };

/*
 * Read map into the members of ret that table names, which are zeroed first. NULL reads as an empty
 * map. Slices and FIELD_ANY borrow from the unpacked message.
 * A value of nil counts as absent, but for FIELD_SPAN. A key given twice, an unknown key (with the
 * nearest known one), a wrong type or a missing required key is ERROR_INVALID_ARGUMENT with the
 * key's name, what was expected and what came; a full memory is ERROR_OUT_OF_MEMORY. Keys may be str
 * or bin.
 * Returns 0 or the negative errno of error (which may be NULL); after a failure the members are zero.
 * Call fields_done() after success.
 */
int fields_read(const msgpack_object *map, const struct field *table, enum fields_unknown unknown,
    void *ret, struct error *error);

/* Free what reading allocated and zero the members of table. */
void fields_done(const struct field *table, void *structure);

/* Write *structure as one map, leaving out what is absent (a SPAN_NULL is written as nil, a false
 * FIELD_BOOL is left out unless FIELD_ALWAYS, a FIELD_ID always written, a FIELD_ANY never). Errors
 * stick in pack. */
void fields_write(struct pack *pack, const struct field *table, const void *structure);

/* The same for a map that has extra_pairs more pairs than the table gives it. The caller packs their
 * keys and values right after this call, exactly so many. */
void fields_write_with(struct pack *pack, const struct field *table, const void *structure,
    uint32_t extra_pairs);

/* The bytes of a str or bin, borrowed; an empty one has data, too. False for anything else, with *ret
 * untouched. */
bool fields_bytes(const msgpack_object *object, struct slice *ret);

/* How an error names what came: "a map", "an array", "nil". Static. */
const char *fields_type_phrase(const msgpack_object *object);

#endif
