/* notify.h - tells the service manager how the daemon is: systemd's notification protocol, without its library. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether someone listens ($NOTIFY_SOCKET is set). */
bool notify_wanted(void);

/* Send one message of "NAME=value" lines, such as "READY=1". Never blocks. 0 when it was sent or nobody listens,
 * or a negative errno, which callers may ignore. */
int notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say that the configuration is being read again; READY=1 ends that. */
void notify_reloading(void);

/* How often the service manager wants to hear WATCHDOG=1, in microseconds; 0: not at all. */
uint64_t notify_watchdog_usec(void);

#endif
