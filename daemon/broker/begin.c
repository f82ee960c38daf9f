/* begin.c - where an operation begins: its first request, and the value that a repeated submit is known by. */
#include "daemon/broker/begin.h"

#include "daemon/broker/core.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int begin_plan(struct broker *broker, const struct plan *plan, enum store_phase *ret_phase, char **ret_idempotency)
{
	uint64_t random[2];
	char value[ID_TEXT_LEN + 1], *copy = NULL;

	if (plan->has_submit && plan->has_idempotency) {
		random[0] = core_random(broker);
		random[1] = core_random(broker);
		/* The shape of a UUIDv4, which is what services that check it expect. */
		snprintf(value, sizeof value, "%08" PRIx32 "-%04x-4%03x-%04x-%012" PRIx64, (uint32_t)(random[0] >> 32),
		    (unsigned)(random[0] >> 16 & 0xffff), (unsigned)(random[0] & 0xfff),
		    (unsigned)(0x8000 | (random[1] >> 48 & 0x3fff)), random[1] & UINT64_C(0xffffffffffff));
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	*ret_phase = plan->has_submit ? STORE_PHASE_SUBMIT : STORE_PHASE_POLL;
	*ret_idempotency = copy;
	return 0;
}
