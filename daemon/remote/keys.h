/* keys.h - reads a JSON object by a table of its keys. */
#ifndef REMOTE_KEYS_H
#define REMOTE_KEYS_H

#include "daemon/remote/place.h"
#include "proto/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One function reads one value into field. It borrows from json, which lives as long as what is compiled from it.
 * Returns 0, or fails through place_fail().
 */
typedef int (*key_read)(const json_t *json, void *field, const struct place *place, struct error *error);

enum key_flags {
	KEY_PLAIN = 0,
	KEY_REQUIRED = 1,
	KEY_ELSEWHERE = 2              /* allowed here and read by someone else */
};

/* A row of a table that ends with a row without a name. */
struct key {
	const char *name;
	key_read read;
	size_t offset;                 /* of field in the struct that keys_read() fills */
	unsigned flags;
};

/* Read every member of an object into target, in the object's order. An unknown key is refused with the
 * nearest known one. Where complaints are gathered, the others are read all the same; the first failure is returned. */
int keys_read(const struct key *table, const json_t *object, void *target, const struct place *place,
    struct error *error);

/* Read only those members that the table has: the others were looked at by someone else. */
int keys_read_known(const struct key *table, const json_t *object, void *target, const struct place *place,
    struct error *error);

/* "unknown WHAT "WORD" (did you mean "NEAREST"?)". names ends with NULL. */
int keys_unknown(const char *what, const char *word, const char *const *names, const struct place *place,
    struct error *error);

/* Readers of single values; the field's type is named first. */
int key_string(const json_t *json, void *field, const struct place *place, struct error *error);  /* const char * */
int key_bool(const json_t *json, void *field, const struct place *place, struct error *error);    /* bool */
int key_any(const json_t *json, void *field, const struct place *place, struct error *error);     /* const json_t * */
/* uint64_t, microseconds; a number of seconds from 0 to 100 years. */
int key_seconds(const json_t *json, void *field, const struct place *place, struct error *error);
/* The same, or null, which is UINT64_MAX. */
int key_seconds_or_null(const json_t *json, void *field, const struct place *place, struct error *error);

#endif
