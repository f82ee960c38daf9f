/* peer.h - who is at the other end of a connection, by the kernel's word. */
#ifndef IPC_PEER_H
#define IPC_PEER_H

#include "daemon/broker/access.h"

/* caller.groups points to groups, which peer_done frees. */
struct peer {
	struct caller caller;
	gid_t *groups;
};

/*
 * SO_PEERCRED and SO_PEERGROUPS: who connected, even if the socket was handed on since.
 * Returns 0; -EACCES for a user whom the kernel cannot name to us (a foreign user namespace): all such users look
 * the same, and must not share futures; or another negative errno.
 */
int peer_read(int fd, struct peer *ret);
void peer_done(struct peer *peer);

#endif
