/* fail_alloc.h - makes one allocation of the code under test fail. Link with --wrap=malloc,calloc,realloc. */
#ifndef TESTS_FAIL_ALLOC_H
#define TESTS_FAIL_ALLOC_H

#include <stdbool.h>

/* The nth allocation from here on fails (1: the next one), and only that one. 0: none any more; call it so
 * before an assertion, because the test library allocates too. */
void fail_alloc_at(unsigned nth);
/* Whether it has come to that since fail_alloc_at() was last called with a number. */
bool fail_alloc_happened(void);

#endif
