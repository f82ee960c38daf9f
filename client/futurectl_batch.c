/* futurectl_batch.c - a future for each line of a file. */
#include "client/futurectl_creation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_WINDOW 1024     /* creations under way at one time */
#define BATCH_KEY_SIZE 512    /* longer than the daemon takes */

struct batch_item {
	futured_future *future;
	size_t line;
	int r;                     /* what futured_create() said */
};

struct batch {
	struct ctl *ctl;
	const char *name;
	FILE *file;
	char *text;                /* of one line: CTL_INPUT_MAX and a NUL */
	size_t line;
	struct batch_item items[BATCH_WINDOW];   /* a ring */
	size_t first;
	size_t n;
	int code;                  /* of the first that failed */
};

enum batch_line { BATCH_END, BATCH_BLANK, BATCH_TEXT, BATCH_TOO_LONG, BATCH_NO_TEXT };

/* The next line, without its end. */
static enum batch_line batch_read(struct batch *batch)
{
	enum batch_line kind = BATCH_BLANK;
	size_t len = 0;
	int byte = getc_unlocked(batch->file);

	if (byte == EOF)
		return BATCH_END;
	for (; byte != EOF && byte != '\n'; byte = getc_unlocked(batch->file)) {
		if (byte == '\0')
			kind = BATCH_NO_TEXT;
		else if (kind == BATCH_BLANK && !strchr(" \t\r", byte))
			kind = BATCH_TEXT;
		if (len == CTL_INPUT_MAX)
			kind = BATCH_TOO_LONG;
		else
			batch->text[len++] = (char)byte;
	}
	batch->text[len] = '\0';
	batch->line++;
	return kind;
}

static void batch_failed(struct batch *batch, int code)
{
	if (!batch->code)
		batch->code = code;
}

/* Wait for the creation that was begun first. False when there is no sense in going on. */
static bool batch_finish(struct batch *batch)
{
	struct batch_item *item = &batch->items[batch->first];
	char what[4096];
	int code;

	batch->first = (batch->first + 1) % BATCH_WINDOW;
	batch->n--;
	snprintf(what, sizeof(what), "%s:%zu", batch->name, item->line);
	code = creation_await(batch->ctl, what, item->line, item->r, item->future);
	batch_failed(batch, code);
	return code != CTL_UNREACHABLE;
}

/* Begin the creation that the line just read asks for. */
static void batch_begin(struct batch *batch, struct futured_create_options *options, const char *key)
{
	struct batch_item *item = &batch->items[(batch->first + batch->n++) % BATCH_WINDOW];
	char own_key[BATCH_KEY_SIZE];

	if (key) {
		snprintf(own_key, sizeof(own_key), "%s:%zu", key, batch->line);
		options->key = own_key;
	}
	item->line = batch->line;
	item->future = NULL;
	item->r = futured_create(batch->ctl->connection, options, NULL, NULL, &item->future);
	options->key = key;
}

static void batch_refuse(struct batch *batch, const char *problem)
{
	ctl_say("%s:%zu: %s", batch->name, batch->line, problem);
	batch_failed(batch, CTL_USAGE);
}

static void batch_run(struct batch *batch, struct futured_create_options *options, const char **part)
{
	const char *key = options->key;
	bool going = true;
	enum batch_line kind;

	*part = batch->text;
	while (going && (kind = batch_read(batch)) != BATCH_END) {
		if (kind == BATCH_TOO_LONG)
			batch_refuse(batch, "too long");
		else if (kind == BATCH_NO_TEXT)
			batch_refuse(batch, "not text");
		else if (kind == BATCH_TEXT)
			batch_begin(batch, options, key);
		if (batch->n == BATCH_WINDOW)
			going = batch_finish(batch);
	}
	if (going && ferror(batch->file)) {
		ctl_say("%s: %s", batch->name, strerror(errno));
		batch_failed(batch, CTL_USAGE);
	}
	while (going && batch->n > 0)
		going = batch_finish(batch);
	/* No daemon: what is left would wait for it in vain, one after the other. */
	for (; batch->n > 0; batch->n--) {
		futured_future_unref(batch->items[batch->first].future);
		batch->first = (batch->first + 1) % BATCH_WINDOW;
	}
}

int creation_batch(struct ctl *ctl, const char *name, struct futured_create_options *options, const char **part)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int code = CTL_USAGE;

	if (!batch)
		return ctl_fail(NULL, -ENOMEM, NULL);
	batch->ctl = ctl;
	batch->name = strcmp(name, "-") == 0 ? "standard input" : name;
	batch->file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	batch->text = malloc(CTL_INPUT_MAX + 1);
	if (!batch->file) {
		ctl_say("%s: %s", name, strerror(errno));
	} else if (!batch->text) {
		code = ctl_fail(NULL, -ENOMEM, NULL);
	} else {
		batch_run(batch, options, part);
		code = batch->code;
	}
	if (batch->file && batch->file != stdin)
		fclose(batch->file);
	free(batch->text);
	free(batch);
	return code;
}
