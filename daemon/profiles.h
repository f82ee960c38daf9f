/* profiles.h - what ipc offers of the profiles, done by the service side. */
#ifndef DAEMON_PROFILES_H
#define DAEMON_PROFILES_H

#include "daemon/ipc/ipc.h"
#include "daemon/remote/poller.h"

/* The functions for ipc; valid as long as the poller. */
struct ipc_profiles profiles_offer(struct poller *poller);

#endif
