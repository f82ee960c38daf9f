/* siphash.c - SipHash-2-4 as its authors published it (Aumasson, Bernstein 2012). */
#include "daemon/broker/siphash.h"

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t read_le(const uint8_t *p, size_t len)
{
	uint64_t x = 0;

	while (len-- > 0)
		x = x << 8 | p[len];
	return x;
}

static void rounds(uint64_t v[4], int count)
{
	while (count-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

uint64_t siphash(const void *data, size_t len, const uint8_t key[SIPHASH_KEY_BYTES])
{
	uint64_t k0 = read_le(key, 8), k1 = read_le(key + 8, 8);
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU,
		k0 ^ 0x6c7967656e657261U, k1 ^ 0x7465646279746573U
	};
	const uint8_t *p = data;
	size_t left;

	for (left = len; left >= 8; left -= 8, p += 8)
		absorb(v, read_le(p, 8));
	absorb(v, (uint64_t)len << 56 | read_le(p, left));
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
