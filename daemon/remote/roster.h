/* roster.h - the members of a batch, and which of them an item of the list is about. */
#ifndef REMOTE_ROSTER_H
#define REMOTE_ROSTER_H

#include "daemon/broker/remote.h"
#include "daemon/remote/plan.h"
#include "proto/id.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A future that the list is asked about. */
struct roster_member {
	const struct remote_plan *plan;    /* NULL: struck off, it was told or given up */
	char future[ID_TEXT_LEN + 1];      /* {id} */
	json_t *captured;
	json_t *budgets;
	json_t *id;                        /* at the service; NULL: not known yet */
	char *text;                        /* the same as items have it */
};

struct roster {
	size_t count;
	struct roster_member *members;     /* in the broker's order */
	size_t n_by_text;
	struct roster_member **by_text;    /* those with an id, in its order; several may have the same */
	size_t left;                       /* of those, not struck off yet */
};

/* Copies all but the plans. Those that are given up later may go then. -ENOMEM, or values that are no JSON; done after
 * a failure too. */
int roster_init(struct roster *roster, const struct batch_member *members, size_t count, struct error *error);
void roster_done(struct roster *roster);

/* Index in by_text of the first that has this id, or where it would be. */
size_t roster_find(const struct roster *roster, const char *text);

/* A member is not to be told any more. Again is harmless. */
void roster_strike(struct roster *roster, size_t i);

/* The value of {ids}: each once, as a list, or as one text with join in between. */
int roster_ids(const struct roster *roster, const char *join, json_t **ret, struct error *error);

#endif
