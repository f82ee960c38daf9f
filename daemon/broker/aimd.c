/* aimd.c - a limit that a service moves: halved when it refuses a request, one more after a round of good answers. */
#include "daemon/broker/aimd.h"

/* Refusals of one moment come in over some time: no more than one of them counts in so long. */
#define CUT_APART_USEC 1000000u

unsigned aimd_limit(const struct aimd *aimd, unsigned configured)
{
	return aimd->allowed && aimd->allowed < configured ? aimd->allowed : configured;
}

void aimd_fine(struct aimd *aimd, unsigned configured, uint64_t number)
{
	if (aimd->allowed == 0 || number <= aimd->cut_number)
		return;
	aimd->allowed = aimd_limit(aimd, configured);
	if (++aimd->fine < aimd->allowed)
		return;
	aimd->fine = 0;
	if (++aimd->allowed >= configured)
		aimd->allowed = 0;
}

void aimd_refused(struct aimd *aimd, unsigned configured, uint64_t number, uint64_t newest, uint64_t now_usec)
{
	unsigned half = aimd_limit(aimd, configured) / 2;

	if (aimd->cut_number && (number <= aimd->cut_number || now_usec < aimd->cut_usec + CUT_APART_USEC))
		return;
	aimd->allowed = half ? half : 1;
	aimd->fine = 0;
	aimd->cut_usec = now_usec;
	aimd->cut_number = newest;
}
