/* json.c - finds exact byte ranges in JSON text without building a tree. */
#include "daemon/remote/json.h"
#include "daemon/remote/limits.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A position in a text, and what is wrong with it. */
struct scan {
	const char *text;
	size_t len;
	size_t at;
	const char *what;
	const struct pointer_set *pointers;
	struct slice *found;
};

static int fault(struct scan *scan, const char *what)
{
	scan->what = what;
	return -EBADMSG;
}

static int peek(const struct scan *scan)
{
	return scan->at < scan->len ? (unsigned char)scan->text[scan->at] : -1;
}

static void skip_space(struct scan *scan)
{
	int c;

	while ((c = peek(scan)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		scan->at++;
}

static int hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int scan_escape(struct scan *scan)
{
	int c;

	scan->at++;
	c = peek(scan);
	if (c < 0)
		return fault(scan, "it ends within a string");
	if (c != 'u') {
		if (!strchr("\"\\/bfnrt", c) || c == '\0')
			return fault(scan, "unknown escape in a string");
		scan->at++;
		return 0;
	}
	for (int i = 0; i < 4; i++) {
		scan->at++;
		if (peek(scan) < 0)
			return fault(scan, "it ends within a string");
		if (hex_value(peek(scan)) < 0)
			return fault(scan, "\\u without four hexadecimal digits");
	}
	scan->at++;
	return 0;
}

/* Pass over the string that starts here. */
static int scan_string(struct scan *scan)
{
	scan->at++;
	for (;;) {
		int c = peek(scan), r;
		size_t n;

		if (c < 0)
			return fault(scan, "it ends within a string");
		if (c == '"') {
			scan->at++;
			return 0;
		}
		if (c < 0x20)
			return fault(scan, "control character in a string");
		if (c == '\\') {
			r = scan_escape(scan);
			if (r < 0)
				return r;
			continue;
		}
		n = utf8_character_len(scan->text + scan->at, scan->len - scan->at);
		if (n == 0)
			return fault(scan, "not UTF-8");
		scan->at += n;
	}
}

static int scan_digits(struct scan *scan)
{
	if (peek(scan) < '0' || peek(scan) > '9')
		return fault(scan, peek(scan) < 0 ? "it ends within a number" : "a digit is missing in a number");
	while (peek(scan) >= '0' && peek(scan) <= '9')
		scan->at++;
	return 0;
}

static int scan_number(struct scan *scan)
{
	int r;

	if (peek(scan) == '-')
		scan->at++;
	if (peek(scan) == '0') {
		scan->at++;
		if (peek(scan) >= '0' && peek(scan) <= '9')
			return fault(scan, "leading zero in a number");
	} else {
		r = scan_digits(scan);
		if (r < 0)
			return r;
	}
	if (peek(scan) == '.') {
		scan->at++;
		r = scan_digits(scan);
		if (r < 0)
			return r;
	}
	if (peek(scan) == 'e' || peek(scan) == 'E') {
		scan->at++;
		if (peek(scan) == '+' || peek(scan) == '-')
			scan->at++;
		return scan_digits(scan);
	}
	return 0;
}

static int scan_word(struct scan *scan, const char *word)
{
	size_t len = strlen(word);

	if (scan->len - scan->at < len || memcmp(scan->text + scan->at, word, len) != 0)
		return fault(scan, "a value was expected");
	scan->at += len;
	return 0;
}

/* One character of a string's inside as UTF-8; at moves past it. ret has room for 4 bytes. */
static size_t next_char(const char *text, size_t *at, char ret[4])
{
	static const char ESCAPED[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	uint32_t code = 0, low = 0;

	if (text[*at] != '\\') {
		ret[0] = text[(*at)++];
		return 1;
	}
	if (text[*at + 1] != 'u') {
		ret[0] = ESCAPED[0];
		for (const char *pair = ESCAPED; *pair; pair += 2)
			if (*pair == text[*at + 1])
				ret[0] = pair[1];
		*at += 2;
		return 1;
	}
	for (int i = 2; i < 6; i++)
		code = code << 4 | (uint32_t)hex_value((unsigned char)text[*at + i]);
	*at += 6;
	if (code >= 0xd800 && code <= 0xdbff && text[*at] == '\\' && text[*at + 1] == 'u') {
		for (int i = 2; i < 6; i++)
			low = low << 4 | (uint32_t)hex_value((unsigned char)text[*at + i]);
		if (low >= 0xdc00 && low <= 0xdfff) {
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			*at += 6;
		}
	}
	if (code >= 0xd800 && code <= 0xdfff)
		code = 0xfffd;
	if (code < 0x80) {
		ret[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		ret[0] = (char)(0xc0 | code >> 6);
		ret[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		ret[0] = (char)(0xe0 | code >> 12);
		ret[1] = (char)(0x80 | (code >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | code >> 18);
	ret[1] = (char)(0x80 | (code >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (code >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Is the checked string value (with its quotes) this text? */
static bool string_equals(struct slice value, const char *text, size_t len)
{
	size_t at = 1, done = 0;

	while (at < value.len - 1) {
		char c[4];
		size_t n = next_char(value.data, &at, c);

		if (n > len - done || memcmp(text + done, c, n) != 0)
			return false;
		done += n;
	}
	return done == len;
}

static int scan_value(struct scan *scan, unsigned depth, uint64_t here);

/* Of the pointers in the mask, those that go on with this key or (key absent) this array index. */
static uint64_t pointers_below(const struct scan *scan, uint64_t mask, unsigned depth, struct slice key,
    size_t index)
{
	uint64_t below = 0;

	for (uint64_t left = mask; left; left &= left - 1) {
		int i = __builtin_ctzll(left);
		const struct pointer_token *token = &scan->pointers->items[i].tokens[depth];

		if (key.data ? string_equals(key, token->text, token->len) : token->index == index)
			below |= UINT64_C(1) << i;
	}
	return below;
}

/* The last of equal keys counts: what an earlier one gave is dropped. */
static void forget(const struct scan *scan, uint64_t mask)
{
	for (; mask; mask &= mask - 1)
		scan->found[__builtin_ctzll(mask)] = (struct slice){ 0 };
}

static int scan_object(struct scan *scan, unsigned depth, uint64_t on)
{
	scan->at++;
	skip_space(scan);
	if (peek(scan) == '}') {
		scan->at++;
		return 0;
	}
	for (;;) {
		struct slice key = { .data = scan->text + scan->at };
		size_t start = scan->at;
		uint64_t below;
		int r;

		if (peek(scan) != '"')
			return fault(scan, peek(scan) < 0 ? "it ends within an object" : "a key was expected");
		r = scan_string(scan);
		if (r < 0)
			return r;
		key.len = scan->at - start;
		skip_space(scan);
		if (peek(scan) != ':')
			return fault(scan, peek(scan) < 0 ? "it ends within an object" : "\":\" was expected");
		scan->at++;
		below = on ? pointers_below(scan, on, depth, key, 0) : 0;
		forget(scan, below);
		r = scan_value(scan, depth + 1, below);
		if (r < 0)
			return r;
		skip_space(scan);
		if (peek(scan) == '}') {
			scan->at++;
			return 0;
		}
		if (peek(scan) != ',')
			return fault(scan, peek(scan) < 0 ? "it ends within an object" : "\",\" or \"}\" was expected");
		scan->at++;
		skip_space(scan);
	}
}

static int scan_array(struct scan *scan, unsigned depth, uint64_t on)
{
	const struct slice no_key = { 0 };

	scan->at++;
	skip_space(scan);
	if (peek(scan) == ']') {
		scan->at++;
		return 0;
	}
	for (size_t index = 0;; index++) {
		int r = scan_value(scan, depth + 1, on ? pointers_below(scan, on, depth, no_key, index) : 0);

		if (r < 0)
			return r;
		skip_space(scan);
		if (peek(scan) == ']') {
			scan->at++;
			return 0;
		}
		if (peek(scan) != ',')
			return fault(scan, peek(scan) < 0 ? "it ends within an array" : "\",\" or \"]\" was expected");
		scan->at++;
	}
}

/* Pass over one value. here: the pointers whose first depth tokens lead to it. */
static int scan_value(struct scan *scan, unsigned depth, uint64_t here)
{
	uint64_t ends = 0;
	size_t start;
	int c, r;

	skip_space(scan);
	start = scan->at;
	c = peek(scan);
	for (uint64_t left = here; left; left &= left - 1)
		if (scan->pointers->items[__builtin_ctzll(left)].n_tokens == depth)
			ends |= left & -left;
	if ((c == '{' || c == '[') && depth >= REMOTE_JSON_DEPTH_MAX)
		return fault(scan, "nested too deeply");
	if (c == '{')
		r = scan_object(scan, depth, here & ~ends);
	else if (c == '[')
		r = scan_array(scan, depth, here & ~ends);
	else if (c == '"')
		r = scan_string(scan);
	else if (c == '-' || (c >= '0' && c <= '9'))
		r = scan_number(scan);
	else if (c < 0)
		r = fault(scan, start == 0 ? "it is empty" : "it ends where a value was expected");
	else
		r = scan_word(scan, c == 't' ? "true" : c == 'f' ? "false" : "null");
	if (r < 0)
		return r;
	for (; ends; ends &= ends - 1)
		scan->found[__builtin_ctzll(ends)] = (struct slice){ scan->text + start, scan->at - start };
	return 0;
}

int json_scan(struct slice text, const struct pointer_set *pointers, struct slice *ret_found,
    struct json_fault *ret_fault)
{
	struct scan scan = { .text = text.data, .len = text.len, .pointers = pointers, .found = ret_found };
	size_t count = pointers ? pointers->count : 0;
	uint64_t all = count == 0 ? 0 : UINT64_MAX >> (64 - count);
	int r;

	for (size_t i = 0; i < count; i++)
		ret_found[i] = (struct slice){ 0 };
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		scan.at = 3;
	r = scan_value(&scan, 0, all);
	if (r == 0) {
		skip_space(&scan);
		if (scan.at < scan.len)
			r = fault(&scan, "something follows the value");
	}
	if (r < 0)
		*ret_fault = (struct json_fault){ .at = scan.at, .what = scan.what };
	return r;
}

bool json_array_next(struct slice array, size_t *at, struct slice *ret_element)
{
	struct scan scan = { .text = array.data, .len = array.len, .at = *at };
	size_t start;

	if (scan.at == 0 && peek(&scan) != '[')
		return false;
	if (scan.at == 0 || peek(&scan) == ',')
		scan.at++;
	skip_space(&scan);
	start = scan.at;
	if (peek(&scan) < 0 || peek(&scan) == ']' || scan_value(&scan, 0, 0) < 0)
		return false;
	*ret_element = (struct slice){ array.data + start, scan.at - start };
	skip_space(&scan);
	*at = scan.at;
	return true;
}

bool json_object_next(struct slice object, size_t *at, struct slice *ret_key, struct slice *ret_value)
{
	struct scan scan = { .text = object.data, .len = object.len, .at = *at };
	size_t start;

	if (scan.at == 0 && peek(&scan) != '{')
		return false;
	if (scan.at == 0 || peek(&scan) == ',')
		scan.at++;
	skip_space(&scan);
	start = scan.at;
	if (peek(&scan) != '"' || scan_string(&scan) < 0)
		return false;
	*ret_key = (struct slice){ object.data + start, scan.at - start };
	skip_space(&scan);
	scan.at++;
	skip_space(&scan);
	start = scan.at;
	if (scan_value(&scan, 0, 0) < 0)
		return false;
	*ret_value = (struct slice){ object.data + start, scan.at - start };
	skip_space(&scan);
	*at = scan.at;
	return true;
}

int json_string_decode(struct slice value, char **ret, size_t *ret_len)
{
	size_t at = 1, len = 0;
	char *text;

	if (value.len < 2 || value.data[0] != '"')
		return -EINVAL;
	text = malloc(value.len);
	if (!text)
		return -ENOMEM;
	while (at < value.len - 1) {
		char c[4];
		size_t n = next_char(value.data, &at, c);

		memcpy(text + len, c, n);
		len += n;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

int json_value_decode(struct slice value, json_t **ret)
{
	json_error_t error = { .line = 0 };
	json_t *json = json_loadb(value.data, value.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	/* It often says nothing at all when it has no memory. */
	if (!json)
		return json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0' ? -ENOMEM : -ERANGE;
	*ret = json;
	return 0;
}
