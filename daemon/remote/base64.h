/* base64.h - decodes the base64 texts of specs. */
#ifndef REMOTE_BASE64_H
#define REMOTE_BASE64_H

#include <stddef.h>

/* RFC 4648 section 4, strict: full groups with their padding, no white space. 0, -EINVAL, -ENOMEM. The
 * caller frees *ret. */
int base64_decode(const char *text, size_t len, void **ret, size_t *ret_len);

#endif
