/* host.h - what the core gets from the world: clocks and randomness. */
#ifndef DAEMON_HOST_H
#define DAEMON_HOST_H

#include "daemon/broker/broker.h"

/* CLOCK_BOOTTIME, which goes on while the machine sleeps; the wall clock; the kernel's randomness. Needs no self. */
extern const struct broker_host host;

#endif
