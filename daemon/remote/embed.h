/* embed.h - a result as a member of a JSON object. */
#ifndef REMOTE_EMBED_H
#define REMOTE_EMBED_H

#include "proto/slice.h"

/*
 * "result":BYTES where the content type (may be NULL) says JSON and the bytes are, else "base64":"...". The bytes stay
 * as they are but for a byte order mark, so no number is rounded. *ret is the caller's to free. 0 or -ENOMEM.
 */
int embed(const char *content_type, struct slice bytes, char **ret);

#endif
