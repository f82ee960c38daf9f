/* fail_alloc.c - the linker sends every call of malloc, calloc and realloc through here. */
#include "tests/daemon/broker/fail_alloc.h"

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static unsigned countdown;
static bool happened;

void fail_alloc_at(unsigned nth)
{
	countdown = nth;
	if (nth > 0)
		happened = false;
}

bool fail_alloc_happened(void)
{
	return happened;
}

static bool fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	happened = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}
