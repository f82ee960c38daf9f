/* peer.c - who is at the other end of a connection, by the kernel's word. */
#include "config.h"

#include "daemon/ipc/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#define UID_OVERFLOW 65534      /* kernel.overflowuid as every distribution has it */

/* The kernel says how much room it needs; kernels before 4.13 know nothing of groups. No groups: outputs stay. */
static int read_groups(int fd, gid_t **ret, size_t *ret_count)
{
	socklen_t len = 0;
	gid_t *groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno == ENOPROTOOPT)
		return 0;
	if (errno != ERANGE)
		return -errno;
	groups = malloc(len);
	if (!groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0) {
		free(groups);
		return -errno;
	}
	*ret = groups;
	*ret_count = len / sizeof(gid_t);
	return 0;
}

int peer_read(int fd, struct peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t *groups = NULL;
	size_t count = 0;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (cred.uid == UID_OVERFLOW && geteuid() != UID_OVERFLOW)
		return -EACCES;
	r = read_groups(fd, &groups, &count);
	if (r < 0)
		return r;
	*ret = (struct peer){
		.caller = { .uid = cred.uid, .gid = cred.gid, .groups = groups, .n_groups = count },
		.groups = groups,
	};
	return 0;
}

void peer_done(struct peer *peer)
{
	free(peer->groups);
	*peer = (struct peer){ 0 };
}
