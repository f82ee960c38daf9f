/* pack.h - a bounded writer of msgpack. */
#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include "proto/id.h"
#include "proto/slice.h"

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing buffer with a ceiling. The first failure sticks: later calls do nothing, and
 * pack_finish() reports it, so callers need not check every step. */
struct pack {
	char *data;
	size_t len;
	size_t size;
	size_t max;
	int error;           /* 0, -ENOMEM or -EMSGSIZE */
	msgpack_packer to;
};

/* max: ceiling in bytes. Allocates nothing yet. */
void pack_init(struct pack *pack, size_t max);
void pack_done(struct pack *pack);

/* 0, or the first error. On success ret (may be NULL) borrows the bytes until the next write. */
int pack_finish(const struct pack *pack, struct slice *ret);

/* Hand the buffer over: the caller frees *ret_data. 0 or the first error. Leaves pack empty. */
int pack_take(struct pack *pack, char **ret_data, size_t *ret_len);

void pack_map(struct pack *pack, uint32_t pairs);
void pack_array(struct pack *pack, uint32_t elements);
void pack_nil(struct pack *pack);
void pack_bool(struct pack *pack, bool value);
void pack_u64(struct pack *pack, uint64_t value);
void pack_i64(struct pack *pack, int64_t value);
void pack_double(struct pack *pack, double value);
void pack_str(struct pack *pack, const char *text);              /* NULL packs nil */
void pack_slice(struct pack *pack, struct slice text);           /* as str; absent packs nil */
void pack_bin(struct pack *pack, struct slice bytes);            /* as bin; absent packs nil */
void pack_id(struct pack *pack, const struct id *id);            /* as its 36 characters */
void pack_raw(struct pack *pack, struct slice msgpack_bytes);    /* already packed objects */

#endif
