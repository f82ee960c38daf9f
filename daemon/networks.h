/* networks.h - which addresses the daemon of the machine may connect to: public ones, and networks that are listed. */
#ifndef DAEMON_NETWORKS_H
#define DAEMON_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWORKS_MAX 64

struct sockaddr;

struct network {
	uint8_t address[16];           /* IPv4 ones as ::ffff:a.b.c.d */
	uint8_t bits;                  /* of all 128 */
};

struct networks {
	struct network list[NETWORKS_MAX];
	size_t count;
};

/* "10.1.0.0/16", "fd00::/8", or one address. 0, or -EINVAL: not that, or bits are set beyond the prefix. */
int network_parse(const char *text, struct network *ret);

/* Whether address may be connected to, whatever it may be written as: IPv4 within IPv6 (mapped, NAT64, 6to4) counts as
 * what it stands for. Loopback, link-local, private, shared, multicast, reserved and cloud metadata addresses may not,
 * unless they are in allowed. Neither may what is no IP address. */
bool networks_permit(const struct networks *allowed, const struct sockaddr *address);

#endif
