/* id.c - future ids: UUIDv7, 16 bytes inside, 36 characters outside. */
#include "proto/id.h"

#include <errno.h>
#include <string.h>

#define MS_MAX ((UINT64_C(1) << 48) - 1)
#define COUNTER_MAX 0xfff

/* The 48 bits of milliseconds at the front. */
static uint64_t id_ms(const struct id *id)
{
	uint64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id->bytes[i];
	return ms;
}

/* The 12 bits beside the version (rand_a of RFC 9562, used as a counter by its method 1). */
static uint16_t id_counter(const struct id *id)
{
	return (uint16_t)((id->bytes[6] & 0x0f) << 8 | id->bytes[7]);
}

void id_source_seen(struct id_source *source, const struct id *id)
{
	uint64_t ms = id_ms(id);
	uint16_t counter = id_counter(id);

	if (ms < source->last_ms || (ms == source->last_ms && counter <= source->counter))
		return;
	source->last_ms = ms;
	source->counter = counter;
}

void id_next(struct id_source *source, uint64_t now_ms, const uint8_t random[8], struct id *ret)
{
	if (now_ms > source->last_ms && now_ms <= MS_MAX) {
		source->last_ms = now_ms;
		source->counter = 0;
	} else if (source->counter < COUNTER_MAX) {
		source->counter++;
	} else {
		/* More ids than one millisecond can hold, or a clock that stands still: borrow from
		 * the future, the clock catches up. */
		source->last_ms++;
		source->counter = 0;
	}
	for (int i = 0; i < 6; i++)
		ret->bytes[i] = (uint8_t)(source->last_ms >> (40 - 8 * i));
	ret->bytes[6] = (uint8_t)(0x70 | source->counter >> 8);
	ret->bytes[7] = (uint8_t)source->counter;
	memcpy(ret->bytes + 8, random, 8);
	ret->bytes[8] = (uint8_t)(0x80 | (random[0] & 0x3f));
}

/* Where the text has a dash: before these bytes. */
static bool dash_before(int byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void id_format(const struct id *id, char ret[ID_TEXT_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	char *at = ret;

	for (int i = 0; i < ID_BYTES; i++) {
		if (dash_before(i))
			*at++ = '-';
		*at++ = digits[id->bytes[i] >> 4];
		*at++ = digits[id->bytes[i] & 0x0f];
	}
	*at = '\0';
}

/* The value of a hexadecimal digit, or -1. */
static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int id_parse(const char *text, size_t len, struct id *ret)
{
	struct id id;

	if (len != ID_TEXT_LEN)
		return -EINVAL;
	for (int i = 0; i < ID_BYTES; i++) {
		int high, low;

		if (dash_before(i) && *text++ != '-')
			return -EINVAL;
		high = digit_value(*text++);
		low = digit_value(*text++);
		if (high < 0 || low < 0)
			return -EINVAL;
		id.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = id;
	return 0;
}

int id_compare(const struct id *a, const struct id *b)
{
	return memcmp(a->bytes, b->bytes, ID_BYTES);
}
