/* base64.h - the base64 of RFC 4648: texts of specs, and values of templates. */
#ifndef REMOTE_BASE64_H
#define REMOTE_BASE64_H

#include <stddef.h>

/* RFC 4648 section 4, strict: full groups with their padding, no white space. 0, -EINVAL, -ENOMEM. The
 * caller frees *ret. */
int base64_decode(const char *text, size_t len, void **ret, size_t *ret_len);

/* The text of len bytes, with padding and a NUL, the caller's to free. NULL: no memory. */
char *base64_encode(const void *data, size_t len);

#endif
