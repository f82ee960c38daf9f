/* pack.c - a bounded writer of msgpack. */
#include "proto/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PACK_SIZE_MIN 256

/* Room for more bytes; doubles, so that n writes copy O(n) bytes in all. */
static int pack_reserve(struct pack *pack, size_t more)
{
	size_t need, size;
	char *data;

	if (more > pack->max - pack->len)
		return -EMSGSIZE;
	need = pack->len + more;
	if (need <= pack->size)
		return 0;
	size = pack->size ? pack->size : PACK_SIZE_MIN;
	while (size < need && size <= pack->max / 2)
		size *= 2;
	if (size < need || size > pack->max)
		size = pack->max;
	data = realloc(pack->data, size);
	if (!data)
		return -ENOMEM;
	pack->data = data;
	pack->size = size;
	return 0;
}

/* msgpack-c's writer callback: 0, or -1 once the pack has failed. */
static int pack_append(void *self, const char *bytes, size_t len)
{
	struct pack *pack = self;

	if (!pack->error)
		pack->error = pack_reserve(pack, len);
	if (pack->error)
		return -1;
	if (len > 0)
		memcpy(pack->data + pack->len, bytes, len);
	pack->len += len;
	return 0;
}

void pack_init(struct pack *pack, size_t max)
{
	*pack = (struct pack){ .max = max };
	msgpack_packer_init(&pack->to, pack, pack_append);
}

void pack_done(struct pack *pack)
{
	free(pack->data);
	*pack = (struct pack){ 0 };
}

int pack_finish(const struct pack *pack, struct slice *ret)
{
	if (pack->error)
		return pack->error;
	if (ret)
		*ret = (struct slice){ .data = pack->data ? pack->data : "", .len = pack->len };
	return 0;
}

int pack_take(struct pack *pack, char **ret_data, size_t *ret_len)
{
	if (pack->error)
		return pack->error;
	*ret_data = pack->data;
	*ret_len = pack->len;
	pack_init(pack, pack->max);
	return 0;
}

void pack_map(struct pack *pack, uint32_t pairs)
{
	msgpack_pack_map(&pack->to, pairs);
}

void pack_array(struct pack *pack, uint32_t elements)
{
	msgpack_pack_array(&pack->to, elements);
}

void pack_nil(struct pack *pack)
{
	msgpack_pack_nil(&pack->to);
}

void pack_bool(struct pack *pack, bool value)
{
	if (value)
		msgpack_pack_true(&pack->to);
	else
		msgpack_pack_false(&pack->to);
}

void pack_u64(struct pack *pack, uint64_t value)
{
	msgpack_pack_uint64(&pack->to, value);
}

void pack_i64(struct pack *pack, int64_t value)
{
	msgpack_pack_int64(&pack->to, value);
}

void pack_double(struct pack *pack, double value)
{
	msgpack_pack_double(&pack->to, value);
}

void pack_str(struct pack *pack, const char *text)
{
	pack_slice(pack, slice_from_str(text));
}

/* A length that msgpack cannot express sticks as an error; true when it can. */
static bool length_fits(struct pack *pack, size_t len)
{
	if (len > UINT32_MAX && !pack->error)
		pack->error = -EMSGSIZE;
	return len <= UINT32_MAX;
}

void pack_slice(struct pack *pack, struct slice text)
{
	if (!text.data) {
		pack_nil(pack);
		return;
	}
	if (!length_fits(pack, text.len))
		return;
	msgpack_pack_str(&pack->to, text.len);
	msgpack_pack_str_body(&pack->to, text.data, text.len);
}

void pack_bin(struct pack *pack, struct slice bytes)
{
	if (!bytes.data) {
		pack_nil(pack);
		return;
	}
	if (!length_fits(pack, bytes.len))
		return;
	msgpack_pack_bin(&pack->to, bytes.len);
	msgpack_pack_bin_body(&pack->to, bytes.data, bytes.len);
}

void pack_id(struct pack *pack, const struct id *id)
{
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	pack_slice(pack, (struct slice){ .data = text, .len = ID_TEXT_LEN });
}

void pack_raw(struct pack *pack, struct slice msgpack_bytes)
{
	pack_append(pack, msgpack_bytes.data, msgpack_bytes.len);
}
