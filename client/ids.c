/* ids.c - lists of ids, as callers give them. */
#include "client/ids.h"

#include "proto/limits.h"

#include <errno.h>
#include <string.h>

int ids_pack(struct pack *pack, const char *const *ids)
{
	struct id id;
	uint32_t n = 0;

	while (ids[n] && n <= PROTO_WAIT_IDS_MAX)
		n++;
	if (n > PROTO_WAIT_IDS_MAX)
		return -EMSGSIZE;
	pack_array(pack, n);
	for (uint32_t i = 0; i < n; i++) {
		if (id_parse(ids[i], strlen(ids[i]), &id) < 0)
			return -EINVAL;
		pack_id(pack, &id);
	}
	return 0;
}
