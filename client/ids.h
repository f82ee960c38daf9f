/* ids.h - lists of ids, as callers give them. */
#ifndef CLIENT_IDS_H
#define CLIENT_IDS_H

#include "proto/pack.h"

/* Write the texts id, ..., NULL as an array of ids. 0; -EINVAL for what is none, -EMSGSIZE for more than
 * PROTO_WAIT_IDS_MAX. */
int ids_pack(struct pack *pack, const char *const *ids);

#endif
