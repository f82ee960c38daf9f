/* handlers_profile.c - profile.list and profile.get. */
#include "daemon/ipc/context.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/session.h"

#include <errno.h>
#include <stdlib.h>

struct listing {
	struct pack profiles;
	uint32_t count;
};

static bool on_each(void *arg, const char *name, const char *path, const char *help)
{
	struct listing *listing = arg;

	pack_map(&listing->profiles, help ? 3 : 2);
	pack_str(&listing->profiles, "name");
	pack_str(&listing->profiles, name);
	pack_str(&listing->profiles, "path");
	pack_str(&listing->profiles, path);
	if (help) {
		pack_str(&listing->profiles, "help");
		pack_str(&listing->profiles, help);
	}
	listing->count++;
	return pack_finish(&listing->profiles, NULL) == 0;
}

int h_profile_list(struct call *call, const void *params, struct error *error)
{
	const struct ipc_profiles *profiles = &call->session->ipc->setup.profiles;
	struct listing listing = { .count = 0 };
	struct slice packed;
	struct pack pack;
	int r;

	pack_init(&listing.profiles, PROTO_MESSAGE_MAX - 4096);
	r = profiles->list(profiles->self, on_each, &listing, error);
	if (r == 0) {
		r = pack_finish(&listing.profiles, &packed);
		if (r < 0)
			error_set(error, r == -ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_TOO_LARGE, "the profiles do not fit");
	}
	if (r == 0) {
		call_begin(call, &pack);
		pack_map(&pack, 1);
		pack_str(&pack, "profiles");
		pack_array(&pack, listing.count);
		pack_raw(&pack, packed);
		call_reply(call, &pack);
	}
	pack_done(&listing.profiles);
	return r;
}

int h_profile_get(struct call *call, const void *arg, struct error *error)
{
	const struct name_params *params = arg;
	const struct ipc_profiles *profiles = &call->session->ipc->setup.profiles;
	char *text, *path;
	struct pack pack;
	int r;

	r = profiles->get(profiles->self, params->name, &text, &path, error);
	if (r < 0)
		return r;
	call_begin(call, &pack);
	pack_map(&pack, 3);
	pack_str(&pack, "name");
	pack_slice(&pack, params->name);
	pack_str(&pack, "path");
	pack_str(&pack, path);
	pack_str(&pack, "text");
	pack_str(&pack, text);
	free(text);
	free(path);
	call_reply(call, &pack);
	return 0;
}
