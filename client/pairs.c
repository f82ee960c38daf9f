/* pairs.c - lists of names and values, as callers give them. */
#include "client/pairs.h"

#include "proto/utf8.h"

#include <errno.h>
#include <string.h>

bool pairs_text_ok(const char *text)
{
	return !text || utf8_valid_len(text, strlen(text)) == strlen(text);
}

static bool pairs_ok(const char *const *pairs)
{
	for (; pairs && *pairs; pairs++) {
		if (!pairs_text_ok(*pairs))
			return false;
	}
	return true;
}

/* 0, or -1 for a list of names and values whose last value is missing. */
static int pairs_count(const char *const *pairs, uint32_t *ret)
{
	uint32_t n = 0;

	for (; pairs && *pairs; pairs += 2, n++) {
		if (!pairs[1])
			return -1;
	}
	*ret = n;
	return 0;
}

int pairs_pack(struct pack *pack, const char *const *pairs)
{
	uint32_t n;

	if (!pairs_ok(pairs) || pairs_count(pairs, &n) < 0)
		return -EINVAL;
	pack_map(pack, n);
	for (; pairs && *pairs; pairs++)
		pack_str(pack, *pairs);
	return 0;
}
