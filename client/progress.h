/* progress.h - handles that are followed by events: for their steps, or only for their end. */
#ifndef CLIENT_PROGRESS_H
#define CLIENT_PROGRESS_H

#include "client/conn.h"
#include "proto/id.h"

struct feed;
struct look;
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
	bool steps;                       /* the user wants to hear of what comes before the end */
	bool awaits_end;                  /* no request waits for its end: events tell of it */
	bool known;                       /* its state was asked for since it is followed */
	struct request *request;          /* future.get, unanswered */
	struct look *look;                /* or asked about together with others */
	size_t look_index;
	uint64_t seen;                    /* events up to this number are in here */
	char *text;                       /* the progress, JSON text, or NULL */
	char *trouble;                    /* the message of the request that failed last, or NULL */
	uint64_t attempts;                /* that failed in a row, then */
	struct due due;                   /* while callbacks are to be run for what a future.get brought: */
	unsigned news;                    /* which of them */
	unsigned there;                   /* and which, if they were not called yet: what there was, news or not */
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

/* Ask for everything as it is now, where no events tell. 0, -ENOMEM, -ENOBUFS. */
int progress_ask(struct progress *progress);

/* What was asked for is not to be relied upon. */
void progress_forget(struct progress *progress);

/* The future was looked at: state, or a negative number when that is not known. */
void progress_take_look(struct progress *progress, int state);

/* Hear of the end of f by events, where too many requests wait already. Takes it out of the queue it is in. 0, -ENOMEM. */
int progress_await_end(futured_future *f);

/* It cannot be followed. What waits for its end ends with error. */
void progress_fail(struct progress *progress, int error);

#endif
