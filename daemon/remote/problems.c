/* problems.c - all complaints about one text, for those who want to see more than the first. */
#include "daemon/remote/problems.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool have(const struct problems *problems, const char *place, const char *message)
{
	for (size_t i = 0; i < problems->count; i++)
		if (strcmp(problems->items[i].place, place) == 0 && strcmp(problems->items[i].message, message) == 0)
			return true;
	return false;
}

int problems_add(struct problems *problems, const char *place, const char *message, int line, int column)
{
	struct problem one = { .line = line, .column = column };

	if (!place)
		place = "";
	if (have(problems, place, message))
		return 0;
	if (problems->count == PROBLEMS_MAX) {
		problems->more = true;
		return 0;
	}
	if (!problems->items)
		problems->items = calloc(PROBLEMS_MAX, sizeof(*problems->items));
	one.place = strdup(place);
	one.message = strdup(message);
	if (!problems->items || !one.place || !one.message) {
		free(one.place);
		free(one.message);
		return -ENOMEM;
	}
	problems->items[problems->count++] = one;
	return 0;
}

bool problems_within(const struct problems *problems, const char *place)
{
	size_t len = strlen(place);

	for (size_t i = 0; i < problems->count; i++) {
		const char *at = problems->items[i].place;

		if (strncmp(at, place, len) == 0 && (at[len] == '\0' || at[len] == '.' || at[len] == '['))
			return true;
	}
	return false;
}

void problems_done(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->items[i].place);
		free(problems->items[i].message);
	}
	free(problems->items);
	*problems = (struct problems){ 0 };
}
