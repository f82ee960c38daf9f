/* status.h - HTTP status codes: sets of them as specs write them, and their names. */
#ifndef REMOTE_STATUS_H
#define REMOTE_STATUS_H

#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct status_set {
	uint8_t classes;               /* bit 1 to 5: "1xx" to "5xx" */
	uint8_t count;
	uint16_t codes[REMOTE_STATUS_LIST_MAX];
};

/* What is retried unless the spec says otherwise: 408, 429, 500, 502, 503, 504. */
extern const struct status_set status_retry_default;

/* key_read into a struct status_set: a number, "2xx", or a list of these. */
int status_set_read(const json_t *json, void *field, const struct place *place, struct error *error);
bool status_set_has(const struct status_set *set, int status);

/* "Not Found"; "" for a code without a name. */
const char *status_name(int status);

#endif
