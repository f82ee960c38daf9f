/* status.c - HTTP status codes: sets of them as specs write them, and their names. */
#include "daemon/remote/status.h"

#include <strings.h>
#include <string.h>

const struct status_set status_retry_default = { .count = 6, .codes = { 408, 429, 500, 502, 503, 504 } };

static int read_one(const json_t *json, struct status_set *set, const struct place *place,
    struct error *error)
{
	const char *text = json_string_value(json);
	json_int_t code = json_integer_value(json);

	if (text && text[0] >= '1' && text[0] <= '5' && strcasecmp(text + 1, "xx") == 0) {
		set->classes |= (uint8_t)(1u << (text[0] - '0'));
		return 0;
	}
	if (!json_is_integer(json) || code < 100 || code > 599)
		return place_fail(place, error, "must be a status from 100 to 599, \"2xx\", or a list of these");
	if (set->count == REMOTE_STATUS_LIST_MAX)
		return place_fail(place, error, "more than %d statuses", REMOTE_STATUS_LIST_MAX);
	set->codes[set->count++] = (uint16_t)code;
	return 0;
}

int status_set_read(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct status_set set = { 0 };
	size_t i;
	json_t *item;
	int first = 0;

	if (!json_is_array(json))
		first = read_one(json, &set, place, error);
	json_array_foreach((json_t *)json, i, item) {
		const struct place here = { .up = place, .index = i };

		if (place_ends(place, read_one(item, &set, &here, error), &first))
			break;
	}
	if (first == 0)
		*(struct status_set *)field = set;
	return first;
}

bool status_set_has(const struct status_set *set, int status)
{
	if (status >= 100 && status <= 599 && (set->classes >> (status / 100) & 1))
		return true;
	for (unsigned i = 0; i < set->count; i++)
		if (set->codes[i] == status)
			return true;
	return false;
}

const char *status_name(int status)
{
	static const struct { int status; const char *name; } NAMES[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" },
		{ 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 402, "Payment Required" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" }, { 408, "Request Timeout" }, { 409, "Conflict" },
		{ 410, "Gone" }, { 411, "Length Required" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
		{ 421, "Misdirected Request" }, { 422, "Unprocessable Content" }, { 423, "Locked" },
		{ 425, "Too Early" }, { 426, "Upgrade Required" }, { 428, "Precondition Required" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" }, { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if (NAMES[i].status == status)
			return NAMES[i].name;
	return "";
}
