/* siphash.h - SipHash-2-4: a keyed hash for tables whose keys a peer chooses. */
#ifndef BROKER_SIPHASH_H
#define BROKER_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_BYTES 16

/* Without the key nobody can find texts that collide. The value depends on the bytes alone, not on the
 * machine's byte order. data may be NULL when len is 0. */
uint64_t siphash(const void *data, size_t len, const uint8_t key[SIPHASH_KEY_BYTES]);

#endif
