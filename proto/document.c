/* document.c - a document: JSON text to msgpack. */
#include "config.h"

#include "proto/document.h"
#include "proto/utf8.h"

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A position in the text, and where what is read goes. */
struct reader {
	const char *at;
	struct pack *pack;
	unsigned depth;
};

static int read_value(struct reader *in);

static void read_space(struct reader *in)
{
	in->at += strspn(in->at, " \t\n\r");
}

/* Four hex digits, or -1. */
static int read_hex4(const char *at)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef", *found;
		char c = at[i] >= 'A' && at[i] <= 'F' ? (char)(at[i] - 'A' + 'a') : at[i];

		found = c ? strchr(digits, c) : NULL;
		if (!found)
			return -1;
		value = value * 16 + (int)(found - digits);
	}
	return value;
}

/* The UTF-8 of code at to; returns its length. */
static size_t read_put_utf8(char *to, unsigned code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* "uXXXX", and its second half where it is a surrogate: the bytes read, or -EINVAL. */
static int read_unicode(const char *at, char *to, size_t *ret_len)
{
	int high = read_hex4(at + 1), low;

	if (high <= 0 || (high >= 0xdc00 && high < 0xe000))
		return -EINVAL;
	if (high < 0xd800 || high >= 0xe000) {
		*ret_len = read_put_utf8(to, (unsigned)high);
		return 5;
	}
	if (at[5] != '\\' || at[6] != 'u')
		return -EINVAL;
	low = read_hex4(at + 7);
	if (low < 0xdc00 || low >= 0xe000)
		return -EINVAL;
	*ret_len = read_put_utf8(to, 0x10000 + ((unsigned)(high - 0xd800) << 10) + (unsigned)(low - 0xdc00));
	return 11;
}

/* What follows a backslash at at: the bytes read, or -EINVAL. */
static int read_escape(const char *at, char *to, size_t *ret_len)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (*at == 'u')
		return read_unicode(at, to, ret_len);
	found = *at ? strchr(names, *at) : NULL;
	if (!found)
		return -EINVAL;
	*to = values[found - names];
	*ret_len = 1;
	return 1;
}

/* A string, from its opening quote. Unescaping never makes it longer. */
static int read_string(struct reader *in)
{
	const char *at = in->at + 1, *end = at;
	size_t len = 0;
	char *text;
	int r = 0;

	while (*end && *end != '"')
		end += *end == '\\' && end[1] ? 2 : 1;
	if (!*end)
		return -EINVAL;
	text = calloc(1, (size_t)(end - at) + 1);
	if (!text)
		return -ENOMEM;
	while (at < end && r >= 0) {
		size_t n = 1;

		if ((unsigned char)*at < 0x20) {
			r = -EINVAL;
		} else if (*at == '\\') {
			r = read_escape(at + 1, text + len, &n);
			at += r < 0 ? 0 : 1 + r;
		} else {
			text[len] = *at++;
		}
		len += n;
	}
	if (r >= 0 && utf8_valid_len(text, len) < len)
		r = -EINVAL;
	if (r >= 0) {
		pack_slice(in->pack, (struct slice){ .data = text, .len = len });
		in->at = end + 1;
		r = 0;
	}
	free(text);
	return r;
}

static size_t read_digits(const char *at)
{
	return strspn(at, "0123456789");
}

/* Where the number at at ends, by the grammar; NULL when it is none. */
static const char *read_number_end(const char *at, int *ret_whole)
{
	*ret_whole = 1;
	at += *at == '-';
	if (read_digits(at) == 0 || (*at == '0' && read_digits(at) > 1))
		return NULL;
	at += read_digits(at);
	if (*at == '.') {
		*ret_whole = 0;
		if (read_digits(++at) == 0)
			return NULL;
		at += read_digits(at);
	}
	if (*at == 'e' || *at == 'E') {
		*ret_whole = 0;
		at++;
		at += *at == '+' || *at == '-';
		if (read_digits(at) == 0)
			return NULL;
		at += read_digits(at);
	}
	return at;
}

/* strtod() for the point of JSON, whatever the program's locale has. */
static int read_double(const char *at, double *ret)
{
	locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);

	if (!c_locale)
		return -ENOMEM;
	errno = 0;
	*ret = strtod_l(at, NULL, c_locale);
	freelocale(c_locale);
	return errno == ERANGE && (*ret > 1 || *ret < -1) ? -EINVAL : 0;
}

static int read_number(struct reader *in)
{
	double value;
	const char *end;
	int whole, r;

	end = read_number_end(in->at, &whole);
	if (!end)
		return -EINVAL;
	errno = 0;
	if (whole && *in->at == '-') {
		long long integer = strtoll(in->at, NULL, 10);

		if (errno == 0) {
			pack_i64(in->pack, integer);
			in->at = end;
			return 0;
		}
	} else if (whole) {
		unsigned long long integer = strtoull(in->at, NULL, 10);

		if (errno == 0) {
			pack_u64(in->pack, integer);
			in->at = end;
			return 0;
		}
	}
	r = read_double(in->at, &value);
	if (r < 0)
		return r;
	pack_double(in->pack, value);
	in->at = end;
	return 0;
}

static int read_word(struct reader *in)
{
	static const char *const words[] = { "null", "false", "true" };
	size_t i = 0;

	while (i < 3 && strncmp(in->at, words[i], strlen(words[i])) != 0)
		i++;
	if (i == 3)
		return -EINVAL;
	in->at += strlen(words[i]);
	if (i == 0)
		pack_nil(in->pack);
	else
		pack_bool(in->pack, i == 2);
	return 0;
}

/* The elements of an array or pairs of an object, up to close. Their number stands before them in msgpack and is
 * only known after them, so its widest form is written first and filled in at the end. */
static int read_container(struct reader *in, char close, unsigned char type)
{
	const char header[5] = { (char)type };
	size_t header_at = in->pack->len;
	uint32_t n = 0;
	int r;

	if (++in->depth > DOCUMENT_DEPTH_MAX)
		return -EINVAL;
	pack_raw(in->pack, (struct slice){ .data = header, .len = sizeof(header) });
	in->at++;
	read_space(in);
	for (; *in->at != close; n++) {
		if (n > 0) {
			if (*in->at != ',')
				return -EINVAL;
			in->at++;
			read_space(in);
		}
		if (close == '}') {
			r = *in->at == '"' ? read_string(in) : -EINVAL;
			if (r < 0)
				return r;
			read_space(in);
			if (*in->at != ':')
				return -EINVAL;
			in->at++;
		}
		r = read_value(in);
		if (r < 0)
			return r;
	}
	in->at++;
	in->depth--;
	for (int i = 0; i < 4 && !in->pack->error; i++)
		in->pack->data[header_at + 1 + (size_t)i] = (char)(n >> (24 - 8 * i));
	return 0;
}

/* Any value, with the white space around it. */
static int read_value(struct reader *in)
{
	int r;

	read_space(in);
	switch (*in->at) {
	case '{':
		r = read_container(in, '}', 0xdf);
		break;
	case '[':
		r = read_container(in, ']', 0xdd);
		break;
	case '"':
		r = read_string(in);
		break;
	case 't':
	case 'f':
	case 'n':
		r = read_word(in);
		break;
	default:
		r = read_number(in);
		break;
	}
	read_space(in);
	return r;
}

int document_pack_value(struct pack *pack, const char *text)
{
	struct reader in = { .at = text, .pack = pack };
	int r = read_value(&in);

	if (r < 0)
		return r;
	return *in.at ? -EINVAL : pack->error;
}

int document_pack(struct pack *pack, const char *text)
{
	return text[strspn(text, " \t\n\r")] == '{' ? document_pack_value(pack, text) : -EINVAL;
}
