/* error.c - the error names of the protocol, their errno, and an error with a message for people. */
#include "proto/error.h"

#include "proto/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NEAREST_LEN_MAX 64

struct kind {
	const char *name;
	int errno_value;
};

static const struct kind kinds[ERROR__COUNT] = {
	[ERROR_NONE] = { "None", 0 },
	[ERROR_MALFORMED] = { "Malformed", -EBADMSG },
	[ERROR_TOO_LARGE] = { "TooLarge", -EMSGSIZE },
	[ERROR_METHOD_NOT_FOUND] = { "MethodNotFound", -ENOSYS },
	[ERROR_INVALID_ARGUMENT] = { "InvalidArgument", -EINVAL },
	[ERROR_INVALID_SPEC] = { "InvalidSpec", -ENOEXEC },
	[ERROR_NOT_FOUND] = { "NotFound", -ENOENT },
	[ERROR_PERMISSION_DENIED] = { "PermissionDenied", -EACCES },
	[ERROR_KEY_CONFLICT] = { "KeyConflict", -EEXIST },
	[ERROR_INVALID_STATE] = { "InvalidState", -EBUSY },
	[ERROR_TIMEOUT] = { "Timeout", -ETIMEDOUT },
	[ERROR_FAILED] = { "Failed", -EREMOTEIO },
	[ERROR_CANCELLED] = { "Cancelled", -ECANCELED },
	[ERROR_LIMIT] = { "LimitExceeded", -EDQUOT },
	[ERROR_DISK_FULL] = { "DiskFull", -ENOSPC },
	[ERROR_OUT_OF_MEMORY] = { "OutOfMemory", -ENOMEM },
	[ERROR_SHUTTING_DOWN] = { "ShuttingDown", -ESHUTDOWN },
	[ERROR_INTERNAL] = { "Internal", -EIO },
};

/* The row of code; a number that is none of ours is a bug of this program. */
static const struct kind *kind_of(enum error_code code)
{
	unsigned index = (unsigned)code;

	return &kinds[index < ERROR__COUNT ? index : ERROR_INTERNAL];
}

const char *error_name(enum error_code code)
{
	return kind_of(code)->name;
}

enum error_code error_from_name(const char *name, size_t len)
{
	for (unsigned code = ERROR_NONE + 1; code < ERROR__COUNT; code++)
		if (strlen(kinds[code].name) == len && memcmp(kinds[code].name, name, len) == 0)
			return (enum error_code)code;
	return ERROR_INTERNAL;
}

int error_errno(enum error_code code)
{
	return kind_of(code)->errno_value;
}

/* Store what was formatted into text; wanted is vsnprintf's answer. A cut may not leave half a
 * character at the end. */
static void store_line(struct error *error, char *text, int wanted)
{
	if (wanted < 0)
		text[0] = '\0';
	else if ((size_t)wanted >= sizeof(error->message)) {
		size_t len = strlen(text), valid;

		/* Only the last three bytes can be a beginning without its end. */
		for (size_t from = len > 3 ? len - 3 : 0; from < len; from++) {
			if (((unsigned char)text[from] & 0xc0) != 0xc0)
				continue;
			valid = utf8_valid_len(text + from, len - from);
			if (valid == 0) {
				text[from] = '\0';
				break;
			}
		}
	}
	utf8_make_line(text);
	memcpy(error->message, text, strlen(text) + 1);
}

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
	/* Formatted aside: the arguments may point into the message that is replaced. */
	char text[sizeof(error->message)];
	va_list args;
	int wanted;

	if (!error)
		return error_errno(code);
	va_start(args, format);
	wanted = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error->code = code;
	store_line(error, text, wanted);
	return error_errno(code);
}

void error_wrap(struct error *error, const char *format, ...)
{
	char front[sizeof(error->message)], text[sizeof(error->message)];
	va_list args;
	int wanted;

	if (!error)
		return;
	va_start(args, format);
	wanted = vsnprintf(front, sizeof(front), format, args);
	va_end(args);
	if (wanted < 0)
		return;
	wanted = snprintf(text, sizeof(text), "%s: %s", front, error->message);
	store_line(error, text, wanted);
}

/* The least of three. */
static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edit distance where a swap of neighbours is one edit (optimal string alignment). Both lengths
 * are at most NEAREST_LEN_MAX. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAREST_LEN_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = a[i - 1] != b[j - 1];

			row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

const char *error_nearest(const char *word, size_t len, const char *const *candidates)
{
	const char *nearest = NULL;
	size_t limit = len / 3;

	if (len > NEAREST_LEN_MAX)
		return NULL;
	for (; *candidates; candidates++) {
		size_t candidate_len = strlen(*candidates), d;

		if (candidate_len > NEAREST_LEN_MAX)
			continue;
		d = distance(word, len, *candidates, candidate_len);
		if (d < limit || (d == limit && !nearest)) {
			nearest = *candidates;
			limit = d;
		}
	}
	return nearest;
}
