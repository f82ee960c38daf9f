/* id.h - future ids: UUIDv7, 16 bytes inside, 36 characters outside. */
#ifndef PROTO_ID_H
#define PROTO_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_BYTES 16
#define ID_TEXT_LEN 36

struct id {
	uint8_t bytes[ID_BYTES];
};

/* Makes strictly increasing ids, also when the wall clock steps back. Zero-initialise; after a
 * restart feed it the greatest stored id with id_source_seen. */
struct id_source {
	uint64_t last_ms;
	uint16_t counter;
};

void id_source_seen(struct id_source *source, const struct id *id);

/* The next id at wall time now_ms (milliseconds since the epoch). random: 8 bytes of entropy, an
 * input so that the caller decides where randomness comes from. */
void id_next(struct id_source *source, uint64_t now_ms, const uint8_t random[8], struct id *ret);

/* Canonical lower-case text with its NUL. */
void id_format(const struct id *id, char ret[ID_TEXT_LEN + 1]);

/* Reads the 36-character form (either case). 0, or -EINVAL with *ret untouched. */
int id_parse(const char *text, size_t len, struct id *ret);

/* memcmp order, which is creation order within one daemon. */
int id_compare(const struct id *a, const struct id *b);

#endif
