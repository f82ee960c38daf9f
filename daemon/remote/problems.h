/* problems.h - all complaints about one text, for those who want to see more than the first. */
#ifndef REMOTE_PROBLEMS_H
#define REMOTE_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

enum { PROBLEMS_MAX = 100 };

struct problem {
	char *place;                   /* "poll.rules[2].when"; "" for the whole text */
	char *message;                 /* one line */
	int line, column;              /* in the text, from 1; 0: not known */
};

/* Zero-initialise. */
struct problems {
	struct problem *items;
	size_t count;
	bool more;                     /* there were more than PROBLEMS_MAX */
};

/* Add one, unless it is there already. place may be NULL. 0 or -ENOMEM. */
int problems_add(struct problems *problems, const char *place, const char *message, int line, int column);

/* Is one of them at this place, or within it? */
bool problems_within(const struct problems *problems, const char *place);

void problems_done(struct problems *problems);

#endif
