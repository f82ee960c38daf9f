/* pointer.c - JSON Pointers (RFC 6901), parsed once and looked up many at a time. */
#include "daemon/remote/pointer.h"
#include "daemon/remote/limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Is text a pointer: empty, or starting with "/" and every "~" followed by 0 or 1? */
static bool pointer_valid(const char *text)
{
	if (*text != '\0' && *text != '/')
		return false;
	for (; *text; text++)
		if (*text == '~' && text[1] != '0' && text[1] != '1')
			return false;
	return true;
}

/* The number that a token is in canonical form; "-" and "01" are none. */
static size_t token_index(const char *text, size_t len)
{
	size_t value = 0;

	if (len == 0 || len > 18 || (len > 1 && text[0] == '0'))
		return POINTER_NOT_AN_INDEX;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return POINTER_NOT_AN_INDEX;
		value = value * 10 + (size_t)(text[i] - '0');
	}
	return value;
}

static void pointer_done(struct pointer *pointer)
{
	free(pointer->text);
	free(pointer->storage);
	free(pointer->tokens);
}

/* Unescape the tokens of text one after the other into storage, each with a NUL. */
static void split(const char *text, char *to, struct pointer_token *tokens)
{
	struct pointer_token *token = tokens - 1;

	for (; *text; text++) {
		if (*text == '/') {
			if (token >= tokens)
				*to++ = '\0';
			token++;
			token->text = to;
			token->len = 0;
			continue;
		}
		if (*text == '~')
			*to++ = *++text == '0' ? '~' : '/';
		else
			*to++ = *text;
		token->len++;
	}
	*to = '\0';
}

static int pointer_parse(const char *text, struct pointer *ret)
{
	struct pointer pointer = { 0 };

	if (!pointer_valid(text))
		return -EINVAL;
	for (const char *at = text; *at; at++)
		pointer.n_tokens += *at == '/';
	if (pointer.n_tokens > REMOTE_JSON_DEPTH_MAX)
		return -EINVAL;
	pointer.text = strdup(text);
	pointer.storage = malloc(strlen(text) + 1);
	pointer.tokens = calloc(pointer.n_tokens + 1, sizeof(*pointer.tokens));
	if (!pointer.text || !pointer.storage || !pointer.tokens) {
		pointer_done(&pointer);
		return -ENOMEM;
	}
	split(text, pointer.storage, pointer.tokens);
	for (size_t i = 0; i < pointer.n_tokens; i++)
		pointer.tokens[i].index = token_index(pointer.tokens[i].text, pointer.tokens[i].len);
	*ret = pointer;
	return 0;
}

int pointer_set_add(struct pointer_set *set, const char *text, size_t *ret_index)
{
	struct pointer *items;
	int r;

	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->items[i].text, text) == 0) {
			*ret_index = i;
			return 0;
		}
	if (set->count == REMOTE_POINTERS_MAX)
		return -E2BIG;
	items = reallocarray(set->items, set->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	set->items = items;
	r = pointer_parse(text, &items[set->count]);
	if (r < 0)
		return r;
	*ret_index = set->count++;
	return 0;
}

int pointer_set_read(struct pointer_set *set, const char *text, size_t *ret_index, const struct place *place,
    struct error *error)
{
	int r = pointer_set_add(set, text, ret_index);

	if (r == -ENOMEM)
		return place_no_memory(error);
	if (r == -E2BIG)
		return place_fail(place, error, "more than %d different JSON Pointers", REMOTE_POINTERS_MAX);
	if (r < 0 && (*text == '\0' || *text == '/'))
		return place_fail(place, error, "\"%.64s\" is not a JSON Pointer (%s)", text,
		    pointer_valid(text) ? "it is too deep" : "\"~\" must be followed by 0 or 1");
	if (r < 0)
		return place_fail(place, error,
		    "\"%.64s\" is not a JSON Pointer (it must be empty or start with \"/\")", text);
	return 0;
}

void pointer_set_done(struct pointer_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		pointer_done(&set->items[i]);
	free(set->items);
	*set = (struct pointer_set){ 0 };
}
