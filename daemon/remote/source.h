/* source.h - where a credential comes from, as the configuration has it: copies, and the origins it is bound to. */
#ifndef REMOTE_SOURCE_H
#define REMOTE_SOURCE_H

#include "daemon/remote/credentials.h"

#include <stdbool.h>

/* A source with texts of its own; origins as http_origin() has them. */
struct source {
	struct credential_source is;
};

/* 0 or -ENOMEM. An origin that is no URL is one that nothing is sent to. */
int source_copy(const struct credential_source *from, struct source *ret);
void source_done(struct source *source);

bool source_equal(const struct source *a, const struct source *b);

/* origin: as http_origin() has it. */
bool source_names_origin(const struct source *source, const char *origin);

#endif
