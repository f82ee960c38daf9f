/* list.h - one answer about many operations: where its items are, which one is whose, and where the next page is. */
#ifndef REMOTE_LIST_H
#define REMOTE_LIST_H

#include "daemon/remote/capture.h"
#include "daemon/remote/json.h"
#include "daemon/remote/matcher.h"
#include "daemon/remote/place.h"
#include "daemon/remote/pointer.h"
#include "daemon/remote/rules.h"
#include "proto/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What becomes of a future that the list does not tell about. */
enum list_missing {
	LIST_MISSING_POLL,             /* it is asked about alone */
	LIST_MISSING_PENDING,
	LIST_MISSING_LOST
};

/* `polling.batch` but for its request. Texts are borrowed from the spec. */
struct list {
	struct pointer_set outer;      /* pointers into the answer: items, and those of more */
	size_t items;                  /* index in outer; leads to an array, or to an object whose names are the ids */
	struct pointer_set inner;      /* pointers into an item: id; empty when the names are the ids */
	const char *is;                /* template: the id of this future */
	size_t max;                    /* ids in one request; 0: they are not sent */
	const char *join;              /* {ids} is one text with this in between; NULL: {ids} is a list */
	struct captures *next;         /* one, named "page" or "url"; NULL: there is one page */
	bool has_more;
	struct matcher_map more;       /* of outer: there is a next page only when this holds */
	enum list_missing missing;
	struct rules *rules;           /* for items; NULL: those of poll */
};

/* Compile all but rules, which are the reader's of requests; borrows from json. What the template `is` names is added
 * to names. *ret NULL after a failure. */
int list_read(const json_t *json, json_t *names, struct list **ret, const struct place *place, struct error *error);
struct list *list_free(struct list *list);

/* id: the item's, as text. Negative stops the walk. */
typedef int (*list_cb)(void *arg, const char *id, struct slice item);

/* Where the next page is. Texts are the caller's to free; both NULL: this was the last one. */
struct list_next {
	char *page;                    /* value of {page} */
	char *url;                     /* or the URL itself, as it was given */
};

/*
 * Hand out each item of an answer that has an id, and say where the next page is. A list that is left out, or null, is
 * an empty one; but not where `missing` would then make everything lost.
 * 0; -EBADMSG with *fault: not JSON, or nothing that could be a list where `items` leads; -ENOMEM; or the callback's value.
 */
int list_walk(const struct list *list, const struct http_response *response, list_cb each, void *arg,
    struct list_next *ret_next, struct json_fault *fault);

#endif
