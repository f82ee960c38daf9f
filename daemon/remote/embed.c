/* embed.c - a result as a member of a JSON object. */
#include "config.h"

#include "daemon/remote/embed.h"
#include "daemon/remote/base64.h"
#include "daemon/remote/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* application/json, text/json or application/SOMETHING+json, with parameters or without. */
static bool says_json(const char *content_type)
{
	size_t len = content_type ? strcspn(content_type, "; \t") : 0;

	return len >= 5 && (content_type[len - 5] == '/' || content_type[len - 5] == '+') &&
	    strncasecmp(content_type + len - 4, "json", 4) == 0;
}

int embed(const char *content_type, struct slice bytes, char **ret)
{
	struct json_fault fault;
	char *base64;
	int r;

	if (says_json(content_type) && json_scan(bytes, NULL, NULL, &fault) == 0) {
		size_t mark = bytes.len >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

		r = asprintf(ret, "\"result\":%.*s", (int)(bytes.len - mark), bytes.data + mark);
		return r < 0 ? -ENOMEM : 0;
	}
	base64 = base64_encode(bytes.data, bytes.len);
	if (!base64)
		return -ENOMEM;
	r = asprintf(ret, "\"base64\":\"%s\"", base64);
	free(base64);
	return r < 0 ? -ENOMEM : 0;
}
