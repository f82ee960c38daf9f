/* handlers_profile.c - profile.list and profile.get. */
#include "daemon/ipc/context.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/session.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

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
