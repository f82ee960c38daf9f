/* reach.h - finds rules that no answer can reach: mistakes of the one who wrote them. */
#ifndef REMOTE_REACH_H
#define REMOTE_REACH_H

#include "daemon/remote/place.h"
#include "daemon/remote/rules.h"

/*
 * Refuse a rule whose condition can never hold, or that never decides because of those before it:
 * "poll.rules[3]: can never be reached: poll.rules[1] holds for every such answer". What is refused is certain, but
 * not everything that could be refused is found. For new specs: those that are stored are taken as they are.
 *   place   of the list
 * 0, or fails through place_fail().
 */
int reach_check(const struct rules *rules, const struct place *place, struct error *error);

#endif
