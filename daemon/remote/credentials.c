/* credentials.c - the values of credentials, wherever they come from: one fetch at a time for each, however many ask. */
#include "config.h"

#include "daemon/remote/credentials.h"
#include "daemon/log.h"
#include "daemon/remote/command.h"
#include "daemon/remote/credential.h"
#include "daemon/remote/oauth2.h"
#include "daemon/remote/source.h"
#include "daemon/remote/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* A token is not given out so shortly before its end; one that does not last for twice as long, not in its second half. */
#define MARGIN_MS 15000

/* What a helper printed without saying how long it is good for. */
#define COMMAND_VALUE_MS 300000

/* After a failed fetch the next one waits. */
#define PAUSE_FIRST_MS 1000
#define PAUSE_MAX_MS 60000

/* A value that was refused sooner than this is counted; after so many in a row a new one has to reach an age, doubled
 * from PAUSE_FIRST_MS up to PAUSE_MAX_MS, before the next is fetched. */
#define QUICK_MS 60000
#define QUICK_MAX 3

TAILQ_HEAD(waits, credential_wait);

struct credential_wait {
	TAILQ_ENTRY(credential_wait) link;
	struct waits *list;
	credential_cb done;
	void *arg;
	char *rejected;
};

/* One [credential NAME] whose values are fetched. */
struct entry {
	LIST_ENTRY(entry) link;
	struct credentials *owner;
	struct source source;
	struct token token;            /* value NULL: none */
	int64_t fetched_at_ms;
	char *refresh;                 /* the refresh token in force, when it could not be written to its file */

	struct waits waits;            /* while a fetch is under way */
	struct oauth2 *oauth2;         /* one of these two, then */
	struct command *command;
	bool retired;                  /* no longer configured; gone when its fetch ends */

	struct error failure;          /* of the last fetch, when that failed */
	int64_t paused_at_ms;
	int64_t pause_ms;              /* no fetch before that is over; 0: the last one did not fail */
	unsigned quick;                /* values in a row that were refused soon */
};

LIST_HEAD(entries, entry);

struct credentials {
	struct event_base *base;
	struct http *http;
	char *directory;
	bool commands;
	int64_t (*wall_ms)(void *self);
	void *clock_self;
	struct entries entries;
	struct entries retired;
};

static int64_t now_ms(const struct credentials *credentials)
{
	return credentials->wall_ms(credentials->clock_self);
}

/* --- entries -------------------------------------------------------------------------------------- */

static struct entry *entry_free(struct entry *entry)
{
	if (!entry)
		return NULL;
	oauth2_abort(entry->oauth2);
	command_free(entry->command);
	source_done(&entry->source);
	token_done(&entry->token);
	credential_free(entry->refresh);
	free(entry);
	return NULL;
}

static int entry_new(struct credentials *owner, const struct credential_source *from, struct entry **ret)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry || source_copy(from, &entry->source) < 0) {
		free(entry);
		return -ENOMEM;
	}
	entry->owner = owner;
	entry->token.expires_at_ms = TOKEN_NO_EXPIRY;
	TAILQ_INIT(&entry->waits);
	*ret = entry;
	return 0;
}

static void entries_done(struct entries *entries)
{
	struct entry *entry;

	while ((entry = LIST_FIRST(entries))) {
		LIST_REMOVE(entry, link);
		entry_free(entry);
	}
}

static struct entry *find(const struct entries *entries, const char *name)
{
	struct entry *entry;

	LIST_FOREACH(entry, entries, link)
		if (strcmp(entry->source.is.name, name) == 0)
			return entry;
	return NULL;
}

static bool fetching(const struct entry *entry)
{
	return entry->oauth2 || entry->command;
}

/* --- values --------------------------------------------------------------------------------------- */

static void drop_token(struct entry *entry)
{
	token_done(&entry->token);
}

/* Whether there is a value that is good for a while yet. */
static bool fresh(const struct entry *entry, int64_t now)
{
	int64_t lifetime, margin;

	if (!entry->token.value)
		return false;
	if (entry->token.expires_at_ms == TOKEN_NO_EXPIRY)
		return true;
	lifetime = entry->token.expires_at_ms - entry->fetched_at_ms;
	margin = lifetime < 2 * MARGIN_MS ? lifetime / 2 : MARGIN_MS;
	return now < entry->token.expires_at_ms - margin;
}

/* Whether there is a value that is still good, perhaps not for long: better than none, when no other can be had. */
static bool usable(const struct entry *entry, int64_t now)
{
	return entry->token.value &&
	    (entry->token.expires_at_ms == TOKEN_NO_EXPIRY || now < entry->token.expires_at_ms);
}

/* Whether it is less than so long since. A wall clock that was set back does not make it longer. */
static bool within(int64_t now, int64_t since_ms, int64_t ms)
{
	return now >= since_ms && now - since_ms < ms;
}

/* A service refused the value that is at hand. It goes, unless one after the other is refused while it is new: one
 * service's no would be a request to the token endpoint each time, and others may still take the value. */
static bool reject(struct entry *entry, int64_t now)
{
	unsigned beyond = entry->quick < QUICK_MAX ? 0 : entry->quick - QUICK_MAX;
	int64_t age = beyond < 6 ? PAUSE_FIRST_MS << beyond : PAUSE_MAX_MS;

	if (entry->quick >= QUICK_MAX && within(now, entry->fetched_at_ms, age))
		return false;
	entry->quick = within(now, entry->fetched_at_ms, QUICK_MS) ? entry->quick + 1 : 0;
	drop_token(entry);
	return true;
}

static int only_rejected(const char *name, const char *why, struct error *error)
{
	error_set(error, ERROR_FAILED, "credential %s: the service refuses it, %s", name, why);
	return -EKEYREJECTED;
}

/* Tell all who wait, in order. They may ask again, and cancel others. */
static void tell(struct entry *entry, const char *value, const struct error *error)
{
	struct waits telling = TAILQ_HEAD_INITIALIZER(telling);
	struct credential_wait *wait;
	struct error rejected;

	TAILQ_CONCAT(&telling, &entry->waits, link);
	TAILQ_FOREACH(wait, &telling, link)
		wait->list = &telling;
	while ((wait = TAILQ_FIRST(&telling))) {
		TAILQ_REMOVE(&telling, wait, link);
		if (value && wait->rejected && strcmp(value, wait->rejected) == 0) {
			only_rejected(entry->source.is.name, "and a new one is the same", &rejected);
			wait->done(wait->arg, NULL, &rejected);
		} else {
			wait->done(wait->arg, value, error);
		}
		credential_free(wait->rejected);
		free(wait);
	}
}

/* --- the end of a fetch --------------------------------------------------------------------------- */

static void fetch_failed(struct entry *entry, const struct error *error, int64_t retry_after_ms)
{
	if (error->code == ERROR_PERMISSION_DENIED) {
		/* it is void; the file may have been exchanged meanwhile */
		credential_free(entry->refresh);
		entry->refresh = NULL;
	}
	entry->failure = *error;
	entry->failure.code = ERROR_FAILED;
	error_wrap(&entry->failure, "credential %s", entry->source.is.name);
	entry->pause_ms = entry->pause_ms ? entry->pause_ms * 2 : PAUSE_FIRST_MS;
	if (entry->pause_ms < retry_after_ms)
		entry->pause_ms = retry_after_ms;
	if (entry->pause_ms > PAUSE_MAX_MS)
		entry->pause_ms = PAUSE_MAX_MS;
	entry->paused_at_ms = now_ms(entry->owner);
	log_warning("%s; not tried again for %d s", entry->failure.message, (int)((entry->pause_ms + 999) / 1000));
}

/* A server that rotates refresh tokens has made the old one void: the new one must outlive us. It is written here
 * and now, not on the store's thread: some hundred bytes, once in the life of a token. */
static void keep_refresh(struct entry *entry, char *refresh)
{
	const struct credential_source *source = &entry->source.is;
	struct error error = { 0 };

	credential_free(entry->refresh);
	entry->refresh = NULL;
	if (!entry->owner->directory)
		error_set(&error, ERROR_FAILED, "there is no credentials directory");
	else if (credential_write(source->refresh_token, entry->owner->directory, refresh, &error) == 0)
		return;
	log_warning("credential %s: its new refresh token is kept until the daemon ends only: %s", source->name, error.message);
	entry->refresh = strdup(refresh);
}

static const struct error no_memory = { ERROR_OUT_OF_MEMORY, "no memory for a credential" };

static void fetch_ended(struct entry *entry, struct token *token, const struct error *error, int64_t retry_after_ms)
{
	bool at_hand = true;
	char *value = NULL;

	if (token) {
		drop_token(entry);
		entry->token = *token;
		*token = (struct token){ .expires_at_ms = TOKEN_NO_EXPIRY };
		entry->fetched_at_ms = now_ms(entry->owner);
		if (entry->token.refresh && entry->source.is.refresh_token)
			keep_refresh(entry, entry->token.refresh);
		credential_free(entry->token.refresh);
		entry->token.refresh = NULL;
		entry->pause_ms = 0;
		log_debug("credential %s: a new value", entry->source.is.name);
	} else {
		fetch_failed(entry, error, retry_after_ms);
		at_hand = usable(entry, now_ms(entry->owner));
	}
	/* the callbacks may drop the token */
	if (at_hand)
		value = strdup(entry->token.value);
	tell(entry, value, value || !at_hand ? &entry->failure : &no_memory);
	credential_free(value);
	if (entry->retired && !fetching(entry)) {
		LIST_REMOVE(entry, link);
		entry_free(entry);
	}
}

static void on_oauth2(void *arg, struct token *token, const struct error *error, uint64_t retry_after_usec)
{
	struct entry *entry = arg;

	entry->oauth2 = NULL;
	fetch_ended(entry, token, error, retry_after_usec / 1000 > PAUSE_MAX_MS ? PAUSE_MAX_MS :
	    (int64_t)(retry_after_usec / 1000));
}

static void on_command(void *arg, const char *output, size_t len, const struct error *error)
{
	struct token token = { .expires_at_ms = TOKEN_NO_EXPIRY };
	struct error failure = { 0 };
	struct entry *entry = arg;

	entry->command = NULL;
	if (!output)
		failure = *error;
	else if (token_read_command(output, len, &token, &failure) == 0 && token.expires_at_ms == TOKEN_NO_EXPIRY)
		token.expires_at_ms = now_ms(entry->owner) + COMMAND_VALUE_MS;
	if (token.value) {
		fetch_ended(entry, &token, NULL, 0);
	} else {
		error_wrap(&failure, "its command");
		fetch_ended(entry, NULL, &failure, 0);
	}
	token_done(&token);
}

/* --- asking --------------------------------------------------------------------------------------- */

static int start_fetch(struct entry *entry, struct error *error)
{
	struct credentials *owner = entry->owner;
	const struct credential_source *source = &entry->source.is;
	struct oauth2_input input = {
		.source = source, .directory = owner->directory, .refresh = entry->refresh,
		.wall_ms = owner->wall_ms, .clock_self = owner->clock_self,
	};
	int r;

	if (source->type == CREDENTIAL_OAUTH2)
		r = oauth2_start(owner->http, &input, on_oauth2, entry, &entry->oauth2, error);
	else if (owner->commands)
		r = command_start(owner->base, source->name, source->command, COMMAND_TIMEOUT_USEC, on_command, entry,
		    &entry->command, error);
	else
		r = error_set(error, ERROR_INVALID_SPEC, "the daemon of the machine runs no commands");
	if (r < 0)
		error_wrap(error, "credential %s", source->name);
	return r;
}

static int get_file(struct credentials *credentials, const char *name, const char *rejected, char **ret_value,
    struct error *error)
{
	char *value;
	int r;

	r = credential_read(name, credentials->directory, &value, error);
	if (r < 0)
		return r;
	if (rejected && strcmp(value, rejected) == 0) {
		credential_free(value);
		return only_rejected(name, "and its file has not changed", error);
	}
	*ret_value = value;
	return 1;
}

static int add_wait(struct entry *entry, const char *rejected, credential_cb done, void *arg,
    struct credential_wait **ret, struct error *error)
{
	struct credential_wait *wait = calloc(1, sizeof(*wait));

	if (wait && rejected)
		wait->rejected = strdup(rejected);
	if (!wait || (rejected && !wait->rejected)) {
		free(wait);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
	}
	wait->done = done;
	wait->arg = arg;
	wait->list = &entry->waits;
	TAILQ_INSERT_TAIL(&entry->waits, wait, link);
	*ret = wait;
	return 0;
}

int credentials_get(struct credentials *credentials, const char *name, const char *rejected, credential_cb done,
    void *arg, char **ret_value, struct credential_wait **ret_wait, struct error *error)
{
	struct entry *entry = find(&credentials->entries, name);
	int64_t now = now_ms(credentials);
	bool paused;
	int r = 0;

	if (!entry || entry->source.is.type == CREDENTIAL_FILE)
		return get_file(credentials, name, rejected, ret_value, error);
	if (rejected && entry->token.value && strcmp(entry->token.value, rejected) == 0 && !reject(entry, now))
		return only_rejected(name, "as it did those before it", error);
	paused = !fetching(entry) && within(now, entry->paused_at_ms, entry->pause_ms);
	if (fresh(entry, now) || (paused && usable(entry, now))) {
		char *value = strdup(entry->token.value);

		if (!value)
			return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
		*ret_value = value;
		return 1;
	}
	if (paused)
		return error_set(error, entry->failure.code, "%s", entry->failure.message);
	if (!fetching(entry))
		r = start_fetch(entry, error);
	return r < 0 ? r : add_wait(entry, rejected, done, arg, ret_wait, error);
}

void credentials_cancel(struct credential_wait *wait)
{
	TAILQ_REMOVE(wait->list, wait, link);
	credential_free(wait->rejected);
	free(wait);
}

bool credentials_allow(const struct credentials *credentials, const char *name, const char *origin, bool *ret_bound)
{
	const struct entry *entry = find(&credentials->entries, name);

	*ret_bound = entry && entry->source.is.origins;
	return !*ret_bound || source_names_origin(&entry->source, origin);
}

/* --- life ----------------------------------------------------------------------------------------- */

static int make_entries(struct credentials *credentials, const struct credentials_config *config, struct entries *ret)
{
	struct entry *entry;
	size_t i;

	for (i = 0; i < config->count; i++) {
		if (entry_new(credentials, &config->sources[i], &entry) < 0)
			return -ENOMEM;
		LIST_INSERT_HEAD(ret, entry, link);
	}
	return 0;
}

/* Put the old entry of the same source, with its token and those who wait for one, in the place of each new one. */
static void keep_unchanged(struct entries *fresh_ones, struct entries *old_ones)
{
	struct entry *entry, *next, *old;

	for (entry = LIST_FIRST(fresh_ones); entry; entry = next) {
		next = LIST_NEXT(entry, link);
		old = find(old_ones, entry->source.is.name);
		if (!old || !source_equal(&old->source, &entry->source))
			continue;
		LIST_REMOVE(old, link);
		LIST_INSERT_AFTER(entry, old, link);
		LIST_REMOVE(entry, link);
		entry_free(entry);
	}
}

int credentials_configure(struct credentials *credentials, const struct credentials_config *config)
{
	struct entries fresh_ones = LIST_HEAD_INITIALIZER(fresh_ones);
	char *directory = config->directory ? strdup(config->directory) : NULL;
	struct entry *entry;

	if ((config->directory && !directory) || make_entries(credentials, config, &fresh_ones) < 0) {
		free(directory);
		entries_done(&fresh_ones);
		return -ENOMEM;
	}
	keep_unchanged(&fresh_ones, &credentials->entries);
	while ((entry = LIST_FIRST(&credentials->entries))) {
		LIST_REMOVE(entry, link);
		entry->retired = true;
		if (fetching(entry))
			LIST_INSERT_HEAD(&credentials->retired, entry, link);
		else
			entry_free(entry);
	}
	while ((entry = LIST_FIRST(&fresh_ones))) {
		LIST_REMOVE(entry, link);
		LIST_INSERT_HEAD(&credentials->entries, entry, link);
	}
	free(credentials->directory);
	credentials->directory = directory;
	credentials->commands = config->commands;
	credentials->wall_ms = config->wall_ms;
	credentials->clock_self = config->clock_self;
	return 0;
}

struct credentials *credentials_new(struct event_base *base, struct http *http, const struct credentials_config *config)
{
	struct credentials *credentials = calloc(1, sizeof(*credentials));

	if (!credentials)
		return NULL;
	credentials->base = base;
	credentials->http = http;
	LIST_INIT(&credentials->entries);
	LIST_INIT(&credentials->retired);
	return credentials_configure(credentials, config) < 0 ? credentials_free(credentials) : credentials;
}

struct credentials *credentials_free(struct credentials *credentials)
{
	if (!credentials)
		return NULL;
	entries_done(&credentials->entries);
	entries_done(&credentials->retired);
	free(credentials->directory);
	free(credentials);
	return NULL;
}
