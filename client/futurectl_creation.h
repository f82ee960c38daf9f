/* futurectl_creation.h - what the commands that create futures have in common. */
#ifndef FUTURECTL_CREATION_H
#define FUTURECTL_CREATION_H

#include "client/futurectl.h"

#define CREATION_PAIRS_MAX 64
#define CREATION_AFTER_MAX 4096

/* Zeroed, but for options. */
struct creation {
	struct futured_create_options options;
	const char *labels[2 * CREATION_PAIRS_MAX + 1];
	size_t n_labels;
	const char *after[CREATION_AFTER_MAX + 1];   /* as typed; creation_ready() puts the ids in their place */
	size_t n_after;
	char (*after_ids)[CTL_ID_SIZE];
	bool delayed;            /* --delay was given, be it 0 */
};

/* Rows of a table for ctl_option(), and what --help says about them. */
#define CREATION_OPTIONS \
	{ "key", required_argument, NULL, 'k' }, \
	{ "label", required_argument, NULL, 'L' }, \
	{ "timeout", required_argument, NULL, 't' }, \
	{ "ttl", required_argument, NULL, 'l' }, \
	{ "mode", required_argument, NULL, 'm' }, \
	{ "after", required_argument, NULL, 'a' }, \
	{ "start-at", required_argument, NULL, 'S' }, \
	{ "delay", required_argument, NULL, 'D' }
#define CREATION_HELP \
	"      --key KEY           the same key again gives the same future\n" \
	"      --label NAME=VALUE  for list, watch, pause and resume\n" \
	"      --timeout TIME      its deadline: seconds, or 10m, 2h, 7d; none: without\n" \
	"      --ttl TIME          how long it is kept after its end; none: for ever\n" \
	"      --mode MODE         who may see and change it: 0600, 0640, 0644, 0660, 0666\n" \
	"      --after ID          hold it until this one has succeeded; more than one: all of them\n" \
	"      --start-at WHEN     hold it until then: 18:30, '2026-01-31 18:30', with Z for UTC, @SECONDS\n" \
	"      --delay TIME        hold it for so long\n"

/* Take one of these options. 0, or the exit code after saying what is wrong. */
int creation_take(const struct ctl_command *command, struct creation *creation, int option, char *value);

/* Add NAME=VALUE, split in place, to a list with room for CREATION_PAIRS_MAX of them. As creation_take(). */
int creation_add_pair(const struct ctl_command *command, char *text, const char **pairs, size_t *n);

/* All options are taken: check them together, connect, and look up the ids. 0, or the exit code after saying why not. */
int creation_ready(struct ctl *ctl, const struct ctl_command *command, struct creation *creation);
void creation_done(struct creation *creation);

/* Wait until future, whose creation was begun with the result r, is durable, and print its id; line, if not 0, is shown
 * with it in JSON. Releases future. what names it where it is refused. 0, or the exit code after saying why not. */
int creation_await(struct ctl *ctl, const char *what, size_t line, int r, futured_future *future);

/* Create a future for each line of a file, which is put into *part, a member of options; many at a time. With a key, each
 * has the key "KEY:LINE". All are tried. 0, or the exit code of the first that could not be created, after saying why. */
int creation_batch(struct ctl *ctl, const char *name, struct futured_create_options *options, const char **part);

#endif
