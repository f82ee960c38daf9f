/* tree.h - copies of JSON values in which the strings are others. */
#ifndef REMOTE_TREE_H
#define REMOTE_TREE_H

#include "daemon/remote/place.h"

#include <jansson.h>

/* What stands for a string: a new reference to anything. 0, or a negative errno with error filled. */
typedef int (*tree_string_cb)(void *arg, const json_t *string, json_t **ret, struct error *error);

/* A copy of json in which each string, the value itself among them, is what string() gives for it. What is no array and no
 * object is shared. Ends with the first failure, and returns it; else ERROR_OUT_OF_MEMORY. */
int tree_copy(const json_t *json, tree_string_cb string, void *arg, json_t **ret, struct error *error);

#endif
