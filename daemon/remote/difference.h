/* difference.h - tells people in what two requests differ. */
#ifndef REMOTE_DIFFERENCE_H
#define REMOTE_DIFFERENCE_H

#include <stddef.h>

/*
 * The places in which two JSON objects differ, "params.name, spec.poll.url", as many as there is room for, of size bytes,
 * and "..." for the rest. Names only, no values. Without memory, or when one of the texts is no object: "".
 */
void difference_name(const char *before, const char *now, char *ret, size_t size);

#endif
