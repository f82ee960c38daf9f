/* http_gate.h - one connection at a time is opened to a host whose requests share them; private to http*.c. */
#ifndef REMOTE_HTTP_GATE_H
#define REMOTE_HTTP_GATE_H

#include "daemon/remote/http_transfer.h"

/*
 * When a connection with a hundred requests on it ends, libcurl opens a hundred new ones. So only one transfer at
 * a time may open one to its peer. The others are turned away, which ends them for libcurl, wait, and are given to
 * libcurl again when that connection stands and has room for them, or could not be made.
 */
struct http_gate {
	LIST_HEAD(, http_transfer) openers;
};

void http_gate_init(struct http_gate *gate);

/* May this transfer open a connection? If not, it is marked as turned away. It may when it is asked again. */
bool http_gate_enter(struct http_gate *gate, struct http_transfer *transfer);

/* Its connection stands, or it has ended. True: it had been opening one. */
bool http_gate_leave(struct http_transfer *transfer);

/* Somebody is opening a connection to this transfer's peer. */
bool http_gate_busy(const struct http_gate *gate, const struct http_transfer *transfer);

#endif
