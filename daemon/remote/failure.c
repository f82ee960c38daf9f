/* failure.c - what a response says about why an operation failed. */
#include "daemon/remote/failure.h"
#include "daemon/remote/json.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/status.h"
#include "daemon/remote/text.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A string's text, any other value as JSON, at most max bytes, NULs shown as '?'. */
static int value_text(struct slice value, size_t max, char **ret)
{
	char *text;
	size_t len;
	int r = json_string_decode(value, &text, &len);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		len = text_cut(value.data, value.len, max);
		text = strndup(value.data, len);
		if (!text)
			return -ENOMEM;
	}
	len = text_cut(text, len, max);
	text[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '?';
	*ret = text;
	return 0;
}

/* What a rule_text leads to as text; *ret stays NULL when nothing or null is there, or a header that is not text. */
static int part_text(const struct rule *rule, const struct rule_text *from, struct answer *answer, size_t max,
    char **ret)
{
	struct slice value = rule_text_find(rule, from, answer);

	if (!value.data || (rule_text_is_json(from) && slice_equals(value, "null")))
		return 0;
	if (rule_text_is_json(from))
		return value_text(value, max, ret);
	if (utf8_valid_len(value.data, value.len) < value.len)
		return 0;
	*ret = strndup(value.data, text_cut(value.data, value.len, max));
	return *ret ? 0 : -ENOMEM;
}

int failure_read(const struct rule *rule, struct answer *answer, struct failure_parts *ret)
{
	const struct rule_error *from = &rule->error;
	struct slice object = rule_text_find(rule, &from->object, answer);
	struct failure_parts parts = { 0 };
	bool plain = object.data && object.data[0] != '{';
	int r = part_text(rule, &from->code, answer, REMOTE_CODE_MAX, &parts.code);

	if (r == 0)
		r = part_text(rule, plain ? &from->object : &from->message, answer, REMOTE_MESSAGE_MAX,
		    &parts.message);
	if (r < 0) {
		failure_parts_done(&parts);
		return r;
	}
	parts.details = rule_text_find(rule, &from->details, answer);
	if (parts.details.len > REMOTE_DETAILS_MAX)
		parts.details = (struct slice){ 0 };
	*ret = parts;
	return 0;
}

void failure_parts_done(struct failure_parts *parts)
{
	free(parts->code);
	free(parts->message);
	*parts = (struct failure_parts){ 0 };
}

/* Where services put a text for people. */
static const char *const MESSAGE_POINTERS[] = {
	"/error/message", "/error", "/message", "/detail", "/error_description", "/errors/0/message", "/title",
};
enum { MESSAGE_POINTERS_COUNT = sizeof(MESSAGE_POINTERS) / sizeof(MESSAGE_POINTERS[0]) };

/* What the body says, as a new text; NULL: nothing usable, or no memory for it. */
static char *body_words(const struct http_response *response)
{
	struct slice found[MESSAGE_POINTERS_COUNT], body = { response->body, response->body_len };
	const char *type = http_header_find(response->headers, response->n_headers, "content-type");
	struct pointer_set pointers = { 0 };
	struct json_fault fault;
	char *words = NULL;
	size_t index, len;

	if (response->body_len == 0 || response->body_len > REMOTE_DETAILS_MAX)
		return NULL;
	for (size_t i = 0; i < MESSAGE_POINTERS_COUNT; i++)
		if (pointer_set_add(&pointers, MESSAGE_POINTERS[i], &index) < 0)
			goto out;
	if (json_scan(body, &pointers, found, &fault) == 0) {
		for (size_t i = 0; i < pointers.count && !words; i++)
			if (found[i].data && json_string_decode(found[i], &words, &len) < 0)
				words = NULL;
	} else if (type && strncasecmp(type, "text/plain", 10) == 0 && utf8_valid_len(body.data, body.len) == body.len) {
		words = strndup(body.data, body.len);
	}
out:
	pointer_set_done(&pointers);
	return words;
}

void failure_describe(const struct http_response *response, char *ret, size_t size)
{
	const char *name = status_name(response->status);
	char *words = body_words(response);
	char line[REMOTE_MESSAGE_MAX];
	size_t len;

	snprintf(line, sizeof(line), "HTTP %d%s%s", response->status, *name ? " " : "", name);
	if (words) {
		len = strlen(words);
		while (len > 0 && (words[len - 1] == '\n' || words[len - 1] == '\r' || words[len - 1] == ' '))
			words[--len] = '\0';
		len = strlen(line);
		if (*words)
			snprintf(line + len, sizeof(line) - len, ": %s", words);
	}
	free(words);
	text_line(line, ret, size);
}
