/* draw.h - random numbers of a test: the same ones for the same seed, everywhere. */
#ifndef TESTS_DRAW_H
#define TESTS_DRAW_H

#include <stdint.h>

/* 64 well mixed bits. state is the seed before the first call; any value will do. */
uint64_t draw(uint64_t *state);

#endif
