/* networks.c - which addresses the daemon of the machine may connect to: public ones, and networks that are listed. */
#include "daemon/networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Bits of ::ffff:0:0, before an IPv4 address. */
#define MAPPED_BITS 96

static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };

/* What is not for everyone, by IANA's registries of special addresses; bits of the IPv4 address. */
static const struct {
	uint8_t address[4];
	uint8_t bits;
} special_v4[] = {
	{ { 0 }, 8 },                  /* this network */
	{ { 10 }, 8 },
	{ { 100, 64 }, 10 },           /* shared by the customers of a provider; one cloud's metadata */
	{ { 127 }, 8 },
	{ { 168, 63, 129, 16 }, 32 },  /* a cloud's metadata */
	{ { 169, 254 }, 16 },          /* link-local; most clouds' metadata */
	{ { 172, 16 }, 12 },
	{ { 192, 0, 0 }, 24 },
	{ { 192, 0, 2 }, 24 },
	{ { 192, 168 }, 16 },
	{ { 198, 18 }, 15 },
	{ { 198, 51, 100 }, 24 },
	{ { 203, 0, 113 }, 24 },
	{ { 224 }, 3 },                /* multicast, reserved, broadcast */
};

/* Parts of 2000::/3, outside of which nothing is public. */
static const struct {
	uint8_t address[16];
	uint8_t bits;
} special_v6[] = {
	{ { 0x20, 0x01, 0x00 }, 23 },  /* Teredo, benchmarks, ORCHID and other protocols */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },
	{ { 0x3f, 0xff, 0x00 }, 20 },
};

/* IPv6 addresses that stand for IPv4 ones, and where in them these are. */
static const struct {
	uint8_t address[16];
	uint8_t bits;
	uint8_t at;
} carriers[] = {
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, 12 },   /* NAT64 */
	{ { 0x20, 0x02 }, 16, 2 },                /* 6to4 */
};

static bool starts_with(const uint8_t *address, const uint8_t *prefix, unsigned bits)
{
	uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));

	return memcmp(address, prefix, bits / 8) == 0 &&
	    (bits % 8 == 0 || ((address[bits / 8] ^ prefix[bits / 8]) & mask) == 0);
}

int network_parse(const char *text, struct network *ret)
{
	struct network network = { .bits = 128 };
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned offset = 0, i;
	long bits;
	char *end;

	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, network.address + 12) == 1) {
		memcpy(network.address, mapped, 12);
		offset = MAPPED_BITS;
	} else if (inet_pton(AF_INET6, address, network.address) != 1) {
		return -EINVAL;
	}
	if (slash) {
		bits = strtol(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || bits > 128 - (long)offset)
			return -EINVAL;
		network.bits = (uint8_t)((unsigned)bits + offset);
	}
	for (i = network.bits; i < 128; i++)
		if (network.address[i / 8] & (0x80 >> (i % 8)))
			return -EINVAL;
	*ret = network;
	return 0;
}

static bool listed(const struct networks *allowed, const uint8_t address[16])
{
	for (size_t i = 0; i < allowed->count; i++)
		if (starts_with(address, allowed->list[i].address, allowed->list[i].bits))
			return true;
	return false;
}

static bool public_v4(const uint8_t address[4])
{
	for (size_t i = 0; i < sizeof(special_v4) / sizeof(special_v4[0]); i++)
		if (starts_with(address, special_v4[i].address, special_v4[i].bits))
			return false;
	return true;
}

static bool public_v6(const uint8_t address[16])
{
	if (address[0] >> 5 != 1)
		return false;
	for (size_t i = 0; i < sizeof(special_v6) / sizeof(special_v6[0]); i++)
		if (starts_with(address, special_v6[i].address, special_v6[i].bits))
			return false;
	return true;
}

/* address: an IPv4 one is mapped. */
static bool permitted(const struct networks *allowed, const uint8_t address[16])
{
	uint8_t carried[16];

	if (listed(allowed, address))
		return true;
	if (starts_with(address, mapped, MAPPED_BITS))
		return public_v4(address + 12);
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		if (!starts_with(address, carriers[i].address, carriers[i].bits))
			continue;
		memcpy(carried, mapped, 12);
		memcpy(carried + 12, address + carriers[i].at, 4);
		return listed(allowed, carried) || public_v4(carried + 12);
	}
	return public_v6(address);
}

bool networks_permit(const struct networks *allowed, const struct sockaddr *address)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
	uint8_t bytes[16];

	switch (address->sa_family) {
	case AF_INET:
		memcpy(bytes, mapped, 12);
		memcpy(bytes + 12, &v4->sin_addr, 4);
		return permitted(allowed, bytes);
	case AF_INET6:
		return permitted(allowed, v6->sin6_addr.s6_addr);
	default:
		return false;
	}
}
