/* handlers_profile.c - profiles: which there are, and what is wrong with one, or what it makes of an answer. */
#include "daemon/ipc/context.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/json_text.h"
#include "daemon/ipc/session.h"
#include "proto/document.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLY_OVERHEAD 4096      /* bytes of a reply beyond the list's */

struct listing {
	struct pack profiles;
	uint32_t count;
};

static void on_each(void *arg, const char *name, const char *path, const char *help)
{
	struct listing *listing = arg;
	bool has_help = help && help[0];

	pack_map(&listing->profiles, has_help ? 3 : 2);
	pack_str(&listing->profiles, "name");
	pack_str(&listing->profiles, name);
	pack_str(&listing->profiles, "path");
	pack_str(&listing->profiles, path);
	if (has_help) {
		pack_str(&listing->profiles, "help");
		pack_str(&listing->profiles, help);
	}
	listing->count++;
}

int h_profile_list(struct call *call, const void *params, struct error *error)
{
	const struct ipc_profiles *profiles = &call->session->ipc->setup.profiles;
	struct listing listing = { .count = 0 };
	struct slice packed;
	struct pack pack;
	int r;

	pack_init(&listing.profiles, PROTO_MESSAGE_MAX - REPLY_OVERHEAD);
	r = profiles->each(profiles->self, on_each, &listing);
	if (r == 0)
		r = pack_finish(&listing.profiles, &packed);
	if (r == 0) {
		call_begin(call, &pack);
		pack_map(&pack, 1);
		pack_str(&pack, "profiles");
		pack_array(&pack, listing.count);
		pack_raw(&pack, packed);
		call_reply(call, &pack);
	} else if (r == -EMSGSIZE) {
		error_set(error, ERROR_TOO_LARGE, "the profiles do not fit into a message");
	} else {
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the profiles");
	}
	pack_done(&listing.profiles);
	return r;
}

int h_profile_get(struct call *call, const void *arg, struct error *error)
{
	const struct name_params *params = arg;
	const struct ipc_profiles *profiles = &call->session->ipc->setup.profiles;
	const char *text, *path;
	char name[NAME_MAX + 1];
	struct pack pack;
	int r;

	if (params->name.len > NAME_MAX)
		return error_set(error, ERROR_NOT_FOUND, "no profile has so long a name");
	snprintf(name, sizeof(name), "%.*s", (int)params->name.len, params->name.data);
	r = profiles->text(profiles->self, name, &text, &path, error);
	if (r < 0)
		return r;
	call_begin(call, &pack);
	pack_map(&pack, 3);
	pack_str(&pack, "name");
	pack_str(&pack, name);
	pack_str(&pack, "path");
	pack_str(&pack, path);
	pack_str(&pack, "text");
	pack_str(&pack, text);
	call_reply(call, &pack);
	return 0;
}

/* --- check and try ---------------------------------------------------------------------------------------- */

/* What is looked at; params is the caller's to free. */
static int read_source(const struct profile_params *params, struct ipc_profile_source *ret, struct error *error)
{
	if (!params->profile.data == !params->text.data)
		return error_set(error, ERROR_INVALID_ARGUMENT, "one of profile and text is required");
	*ret = (struct ipc_profile_source){ .profile = params->profile, .text = params->text };
	return json_text_from(params->params, "params", &ret->params, error);
}

/* A report is JSON text; it travels as a map. */
static void answer(struct call *call, const char *report)
{
	struct error error;
	struct pack pack;

	call_begin(call, &pack);
	if (document_pack(&pack, report) == -EINVAL) {
		pack_done(&pack);
		error_set(&error, ERROR_INTERNAL, "the report cannot be sent");
		call_fail(call, &error, NULL);
		return;
	}
	call_reply(call, &pack);
}

int h_profile_check(struct call *call, const void *arg, struct error *error)
{
	const struct ipc_profiles *profiles = &call->session->ipc->setup.profiles;
	struct ipc_profile_source source;
	char *report = NULL;
	int r = read_source(arg, &source, error);

	if (r < 0)
		return r;
	r = profiles->check(profiles->self, &source, &report, error);
	if (r == 0)
		answer(call, report);
	free((char *)(uintptr_t)source.params.data);
	free(report);
	return r;
}

static void on_report(void *arg, const char *report, const struct error *error)
{
	struct call *call = arg;

	call->trial = NULL;
	if (report)
		answer(call, report);
	else
		call_fail(call, error, NULL);
}

int h_profile_try(struct call *call, const void *arg, struct error *error)
{
	const struct ipc_profiles *profiles = &call->session->ipc->setup.profiles;
	struct ipc_profile_source source;
	const struct call *other;
	int r;

	LIST_FOREACH(other, &call->session->calls, link)
		if (other->trial)
			return error_set(error, ERROR_LIMIT, "a connection has one try at a time");
	r = read_source(arg, &source, error);
	if (r < 0)
		return r;
	r = profiles->try(profiles->self, &source, on_report, call, &call->trial, error);
	free((char *)(uintptr_t)source.params.data);
	return r;
}
