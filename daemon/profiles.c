/* profiles.c - what ipc offers of the profiles, done by the service side. */
#include "daemon/profiles.h"
#include "daemon/remote/examine.h"
#include "daemon/remote/profile.h"
#include "daemon/remote/try.h"

static int each(void *self, ipc_profile_cb each_one, void *arg)
{
	return profile_each(poller_profiles(self), each_one, arg);
}

static int text(void *self, const char *name, const char **ret_text, const char **ret_path, struct error *error)
{
	return profile_text(poller_profiles(self), name, ret_text, ret_path, error);
}

static struct profile_source source_of(const struct ipc_profile_source *source)
{
	return (struct profile_source){ .profile = source->profile, .text = source->text, .params = source->params };
}

static int check(void *self, const struct ipc_profile_source *from, char **ret_report, struct error *error)
{
	const struct profile_source source = source_of(from);

	return examine_report(poller_profiles(self), &source, ret_report, error);
}

static int try(void *self, const struct ipc_profile_source *from, ipc_report_cb done, void *arg, void **ret_trial,
    struct error *error)
{
	const struct profile_source source = source_of(from);
	struct trial *trial;
	int r = poller_try(self, &source, done, arg, &trial, error);

	if (r == 0)
		*ret_trial = trial;
	return r;
}

static void abort_trial(void *self, void *trial)
{
	trial_abort(trial);
}

struct ipc_profiles profiles_offer(struct poller *poller)
{
	return (struct ipc_profiles){
		.self = poller,
		.each = each,
		.text = text,
		.check = check,
		.try = try,
		.abort = abort_trial,
	};
}
