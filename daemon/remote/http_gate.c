/* http_gate.c - one connection at a time is opened to a host whose requests share them. */
#include "config.h"

#include "daemon/remote/http_gate.h"

#include <string.h>

void http_gate_init(struct http_gate *gate)
{
	LIST_INIT(&gate->openers);
}

bool http_gate_busy(const struct http_gate *gate, const struct http_transfer *transfer)
{
	const struct http_transfer *opener;

	LIST_FOREACH(opener, &gate->openers, openers)
		if (strcmp(opener->peer, transfer->peer) == 0)
			return true;
	return false;
}

bool http_gate_enter(struct http_gate *gate, struct http_transfer *transfer)
{
	/* one host may have many addresses */
	if (transfer->opening)
		return true;
	if (http_gate_busy(gate, transfer)) {
		transfer->turned_away = true;
		return false;
	}
	transfer->turned_away = false;
	transfer->opening = true;
	LIST_INSERT_HEAD(&gate->openers, transfer, openers);
	return true;
}

bool http_gate_leave(struct http_transfer *transfer)
{
	if (!transfer->opening)
		return false;
	transfer->opening = false;
	LIST_REMOVE(transfer, openers);
	return true;
}
