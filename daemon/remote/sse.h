/* sse.h - reads a stream of server-sent events (text/event-stream) as it comes, in pieces of any size. Pure. */
#ifndef REMOTE_SSE_H
#define REMOTE_SSE_H

#include "daemon/remote/text.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One event. Borrowed for the call of the callback. */
struct sse_event {
	struct slice type;             /* "message" unless the stream names it */
	struct slice id;               /* the last one of the stream so far; empty: none */
	struct slice data;             /* lines with a newline in between; not checked to be UTF-8 */
	bool cut;                      /* there was more data than REMOTE_EVENT_MAX: this is the beginning */
};

/* Negative stops the reading. */
typedef int (*sse_cb)(void *arg, const struct sse_event *event);

/* A stream being read. Its members are sse.c's own. */
struct sse {
	sse_cb event;
	void *arg;
	unsigned bom;                  /* bytes of the byte order mark that were passed over; 3: past it */
	bool after_cr;                 /* a newline now belongs to the line before */
	enum { SSE_NAME, SSE_COLON, SSE_VALUE } part;
	enum { SSE_UNKNOWN, SSE_DATA, SSE_EVENT, SSE_ID, SSE_RETRY } field;
	char name[8];
	size_t name_len;               /* of the field's whole name, which may be longer than what is kept */
	struct text value;             /* of any other field than data */
	bool value_cut;
	struct text data, type, id;
	bool cut;
	uint64_t retry_ms;
};

/*
 * The grammar and what it means are those of the HTML standard, 9.2.6; what is not finished by an empty line is not
 * an event. Memory is bounded: fields that futured has no use for and comments are not kept, a name or id longer than
 * REMOTE_EVENT_NAME_MAX counts as not given.
 */
void sse_init(struct sse *sse, sse_cb event, void *arg);
void sse_done(struct sse *sse);

/* Read the next bytes. 0; -ENOMEM; or the callback's negative value: then the stream is not to be read any further. */
int sse_feed(struct sse *sse, const void *data, size_t len);

/* How long the service wants a client to wait before it comes back after the stream broke; 0: it did not say. */
uint64_t sse_retry_ms(const struct sse *sse);

#endif
