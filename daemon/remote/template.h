/* template.h - texts with {name} in them, and where the values come from. */
#ifndef REMOTE_TEMPLATE_H
#define REMOTE_TEMPLATE_H

#include "daemon/remote/limits.h"
#include "daemon/remote/place.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * {name} is replaced by a value, {+name} by the same with its slashes kept where it is percent-encoded,
 * {name:base64} by the base64 of its text;
 * {result:ID} and {result:ID/pointer} by the result of another future, or what is there in it: see reference.h;
 * {{ and }} are braces. A name is a letter or underscore, then letters, digits, '_', '-' or '.', at most
 * REMOTE_NAME_MAX bytes. Strings, numbers, true and false have a text form; null, arrays and objects do not.
 * There is no compiled form: a template is short and is read once a request.
 */

/* Bytes of what is between the braces, as template_single() and template_prefix() give it. */
#define TEMPLATE_NAME_MAX 512

/* What a reference to a result begins with, and its name, which is all that is between the braces. */
#define TEMPLATE_RESULT "{result:"
#define TEMPLATE_RESULT_NAME "result:"
/* Among the captured values, before the name of a param: its value was made of results. */
#define TEMPLATE_RESULT_PARAM "result:="

/* Objects by name, each may be NULL: the first that has the name gives the value. Borrowed. */
struct values {
	const json_t *builtin;         /* id, attempt, credential, idempotency */
	const json_t *captured;
	const json_t *params;
};

/* Names that a param or capture cannot have, with NULL at the end. */
extern const char *const template_builtins[];

/* Bytes of captured values as JSON, but for those that came out of results, which have a limit of their own. */
size_t values_size(const json_t *captured);

/* Borrowed, or NULL. */
json_t *values_find(const struct values *values, const char *name);

bool template_name_valid(const char *name);
/* Is it a reference to a result? */
bool template_is_result(const char *name);
/* Is it one of them? */
bool template_is_builtin(const char *name);

/* Can a captured value, or one that a rule sets, have this name? It cannot be that of a built-in value. */
int template_check_name(const char *name, const struct place *place, struct error *error);

/* Check a template and add its names to an object: name -> where it is first used. */
int template_names(const char *text, json_t *names, const struct place *place, struct error *error);
/* The same for every string within json. */
int template_names_json(const json_t *json, json_t *names, const struct place *place, struct error *error);

/* Does a template within json have this name? The templates were checked. 1, 0, or -ENOMEM. */
int template_uses(const json_t *json, const char *name);

/* Is text one single {name} or {+name}? ret_name: TEMPLATE_NAME_MAX + 1 bytes; both may be NULL. */
bool template_single(const char *text, char *ret_name, bool *ret_plus);
/* Does text begin with a {+name}? Its length, or 0. ret_name: TEMPLATE_NAME_MAX + 1 bytes. */
size_t template_prefix(const char *text, char *ret_name);

enum template_form {
	TEMPLATE_PLAIN,                /* values as they are */
	TEMPLATE_URL,                  /* percent-encoded but for unreserved characters (and slashes with +) */
	TEMPLATE_POINTER,              /* as one part of a JSON Pointer: ~0 and ~1 for "~" and "/" */
	TEMPLATE_NESTED                /* within another template: braces of values are written twice */
};

/*
 * Fill a template that was checked.
 *   max       bytes of the outcome
 *   ret       NUL-terminated, the caller's to free; ret_len may be NULL
 * ERROR_INVALID_SPEC names a value that is missing or has no text form.
 */
int template_fill(const char *text, enum template_form form, const struct values *values, size_t max,
    char **ret, size_t *ret_len, struct error *error);

/* A value's text form, the caller's to free. name is for the message. */
int template_value_text(const char *name, const json_t *value, char **ret, size_t *ret_len,
    struct error *error);

/* The template that stands for a text: its braces are doubled. The caller's to free; NULL: no memory. */
char *template_escape(const char *text, size_t len, size_t *ret_len);

/* A copy of json with every string filled; one that is a single template takes the value's own type. */
int template_fill_json(const json_t *json, const struct values *values, json_t **ret, struct error *error);

#endif
