/* base64.c - decodes the base64 texts of specs. */
#include "daemon/remote/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int base64_decode(const char *text, size_t len, void **ret, size_t *ret_len)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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
