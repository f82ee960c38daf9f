/* progress.h - what a handle hears of its future before that is over: state, progress, trouble. */
#ifndef CLIENT_PROGRESS_H
#define CLIENT_PROGRESS_H

#include "client/conn.h"
#include "proto/id.h"

struct feed;
struct progress_callback;

enum progress_place {
	PROGRESS_NOWHERE,    /* the id is not known yet, or there is nothing more to hear */
	PROGRESS_WAITING,    /* in conn->unfollowed */
	PROGRESS_FED         /* in a feed */
};

/* Made when a handle is followed first. */
struct progress {
	futured_future *future;
	TAILQ_ENTRY(progress) entry;      /* in conn->unfollowed */
	enum progress_place place;
	struct feed *feed;
	size_t feed_index;
	unsigned restarts;                /* feeds that ended under it */
	struct request *request;          /* future.get, unanswered */
	uint64_t seen;                    /* events up to this number are in here */
	char *text;                       /* the progress, JSON text, or NULL */
	char *trouble;                    /* the message of the request that failed last, or NULL */
	uint64_t attempts;                /* that failed in a row, then */
	struct due due;                   /* while callbacks are to be run for what a future.get brought */
	struct progress_callback *callbacks;   /* oldest first */
};

/* f has an id from now on. */
void progress_on_id(futured_future *f);

/* The connection object goes away. */
void progress_detach(futured_future *f);

/* The handle goes away. */
void progress_free(futured_future *f);

/* Take over what an event says, and call back. The callbacks may release anything. */
void progress_take_event(struct progress *progress, const struct futured_event *event);

/* Ask for the state as it is now, where no events tell. Best effort: without it the next event will. */
void progress_ask(struct progress *progress);

#endif
