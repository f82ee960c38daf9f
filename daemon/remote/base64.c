/* base64.c - the base64 of RFC 4648: texts of specs, and values of templates. */
#include "daemon/remote/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
	const unsigned char *bytes = data;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; text && i < len; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;

		group |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		group |= i + 2 < len ? bytes[i + 2] : 0;
		*out++ = DIGITS[group >> 18];
		*out++ = DIGITS[group >> 12 & 63];
		*out++ = i + 1 < len ? DIGITS[group >> 6 & 63] : '=';
		*out++ = i + 2 < len ? DIGITS[group & 63] : '=';
	}
	if (text)
		*out = '\0';
	return text;
}

int base64_decode(const char *text, size_t len, void **ret, size_t *ret_len)
{
	size_t padding = 0, out = 0;
	unsigned char *data;

	if (len % 4 != 0)
		return -EINVAL;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	data = malloc(len / 4 * 3 + 1);
	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t group = 0;

		for (size_t k = i; k < i + 4; k++) {
			const char *digit = text[k] ? strchr(DIGITS, text[k]) : NULL;

			if (!digit && k < len - padding) {
				free(data);
				return -EINVAL;
			}
			group = group << 6 | (digit ? (uint32_t)(digit - DIGITS) : 0);
		}
		data[out++] = (unsigned char)(group >> 16);
		data[out++] = (unsigned char)(group >> 8);
		data[out++] = (unsigned char)group;
	}
	*ret = data;
	*ret_len = out - padding;
	return 0;
}
