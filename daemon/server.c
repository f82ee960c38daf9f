/* server.c - the daemon as a whole: owns every part, runs the loop, stops in order. */
#include "daemon/server.h"

#include "daemon/broker/broker.h"
#include "daemon/clock_watch.h"
#include "daemon/config.h"
#include "daemon/host.h"
#include "daemon/ipc/ipc.h"
#include "daemon/log.h"
#include "daemon/networks.h"
#include "daemon/notify.h"
#include "daemon/profiles.h"
#include "daemon/remote/credentials.h"
#include "daemon/remote/http.h"
#include "daemon/remote/poller.h"
#include "daemon/status.h"
#include "db/store.h"

#include <config.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000)
/* Clients and commits get so long at the end. */
#define STOP_SECONDS 10
/* The clock of the broker goes on while the machine sleeps, that of the loop does not: so look now and then. */
#define NAP_SECONDS 30

#define USER_AGENT PACKAGE_NAME "/" PACKAGE_VERSION

/* Those of the command line, the user's, the system's, the installed ones, and the end. */
#define PROFILE_DIRS_MAX (PATHS_PROFILE_DIRS_MAX + 4)

struct server {
	const struct server_options *options;
	struct config config;
	struct event_base *base;
	struct event *on_term, *on_int, *on_hup;
	struct event *on_store;
	struct event *wake;                  /* only ends a turn's waiting */
	struct clock_watch *clock;
	struct http *http;
	struct credentials *credentials;
	struct poller *poller;
	struct store *store;
	struct broker *broker;
	struct ipc *ipc;
	struct status *status;
	bool disk_full;                      /* as last logged */
	bool stopping;
	uint64_t stop_by_usec;               /* when stopping */
	bool done;
	enum server_exit result;
};

/* --- what ipc gets of the rest --------------------------------------------------------------------------------- */

static void get_store_stats(void *self, struct store_stats *ret)
{
	store_stats(self, ret);
}

/* --- configuration ------------------------------------------------------------------------------------------ */

/* Below the limit of all, or it would never make room for new ones. */
static uint64_t finished_per_uid(const struct config *config)
{
	return config->finished_per_uid > 0 ? config->finished_per_uid : config->futures_per_uid / 2;
}

static struct broker_config broker_part(const struct config *config)
{
	return (struct broker_config){
		.requests_total = (unsigned)config->requests,
		.requests_bucket = (unsigned)config->requests_per_bucket,
		.long_polls_total = (unsigned)config->long_polls,
		.long_polls_bucket = (unsigned)config->long_polls_per_bucket,
		.futures_per_uid = config->futures_per_uid,
		.result_max = config->result_max,
		.finished_per_uid = finished_per_uid(config),
		.results_per_uid = config->results_per_uid,
	};
}

static struct ipc_config ipc_part(const struct config *config)
{
	return (struct ipc_config){
		.connections = config->connections,
		.connections_per_uid = config->connections_per_uid,
		.calls_per_connection = config->calls_per_connection,
		.futures_per_uid = config->futures_per_uid,
		.result_max = config->result_max,
	};
}

/* Users of the machine's daemon are not to reach what only the machine can. */
static bool vet_address(void *arg, const struct sockaddr *address)
{
	return networks_permit(arg, address);
}

/* The networks are the server's own: a new configuration counts at once. */
static struct http_config http_part(struct server *server)
{
	const struct config *config = &server->config;

	return (struct http_config){
		.body_max = config->result_max,
		.user_agent = USER_AGENT,
		.ca_file = config->ca_file[0] ? config->ca_file : NULL,
		.vet = server->options->paths.machine ? vet_address : NULL,
		.vet_arg = &server->config.allow,
	};
}

/* Where the values of credentials come from. */
static struct credentials_config credentials_part(const struct server *server)
{
	const struct config_credentials *configured = server->config.credentials;
	const struct paths *paths = &server->options->paths;

	return (struct credentials_config){
		.directory = paths->credentials[0] ? paths->credentials : NULL,
		.sources = configured ? configured->sources : NULL,
		.count = configured ? configured->count : 0,
		.commands = !paths->machine,
		.wall_ms = host.wall_ms,
	};
}

/* What the service side is told: at the start, and again when the configuration changes. dirs: room for all. */
static struct poller_config poller_part(const struct server *server, const struct config *config, const char **dirs)
{
	const struct paths *paths = &server->options->paths;
	size_t n = 0;

	for (size_t i = 0; i < server->options->n_profile_dirs; i++)
		dirs[n++] = server->options->profile_dirs[i];
	if (paths->profiles_user[0])
		dirs[n++] = paths->profiles_user;
	dirs[n++] = paths->profiles_system;
	dirs[n++] = paths->profiles_installed;
	dirs[n] = NULL;
	return (struct poller_config){
		.profile_dirs = dirs,
		.credentials = server->credentials,
		.streams_max = (unsigned)config->streams,
		.timeout_usec = config->timeout_usec,
		.body_max = config->result_max,
		.wall_ms = host.wall_ms,
	};
}

static void report_error(void *arg, const char *line)
{
	log_error("configuration: %s", line);
}

static void report_kept(void *arg, const char *line)
{
	log_warning("configuration: %s", line);
}

static int load_config(const struct server *server, struct config *ret)
{
	const struct server_options *options = server->options;

	if (options->paths.config[0] == '\0') {
		config_defaults(ret);
		return 0;
	}
	return config_load(options->paths.config, !options->config_given, options->paths.machine, report_error, NULL, ret);
}

static void reload(struct server *server)
{
	struct config fresh;

	notify_reloading();
	if (load_config(server, &fresh) < 0) {
		log_error("configuration: nothing of it was taken, the old one stays in force");
	} else {
		struct broker_config broker;
		struct ipc_config ipc;
		struct http_config http;
		struct credentials_config credentials;
		struct poller_config poller;
		const char *dirs[PROFILE_DIRS_MAX];

		config_merge(&server->config, &fresh, report_kept, NULL);
		broker = broker_part(&server->config);
		ipc = ipc_part(&server->config);
		http = http_part(server);
		credentials = credentials_part(server);
		broker_configure(server->broker, &broker);
		ipc_configure(server->ipc, &ipc);
		http_configure(server->http, &http);
		poller = poller_part(server, &server->config, dirs);
		if (credentials_configure(server->credentials, &credentials) < 0 ||
		    poller_configure(server->poller, &poller) < 0)
			log_warning("configuration: no memory for [remote], its old values stay in force");
		log_info("configuration: read again");
	}
	notify_send("READY=1");
}

/* --- events ------------------------------------------------------------------------------------------------- */

static void fail(struct server *server, enum server_exit result)
{
	server->result = result;
	server->done = true;
}

static void on_stop(evutil_socket_t signal_number, short events, void *arg)
{
	struct server *server = arg;

	if (server->stopping) {
		log_warning("stopping: asked again, waiting for nobody");
		server->done = true;
		return;
	}
	log_info("stopping: signal %d", (int)signal_number);
	notify_send("STOPPING=1");
	server->stopping = true;
	server->stop_by_usec = host.monotonic_usec(NULL) + STOP_SECONDS * SECOND;
	broker_stop(server->broker);
	ipc_stop(server->ipc);
}

static void on_reload(evutil_socket_t signal_number, short events, void *arg)
{
	struct server *server = arg;

	if (!server->stopping)
		reload(server);
}

/* Say it when the disk fills up, and when there is room again. */
static void watch_disk(struct server *server)
{
	struct store_stats stats;

	store_stats(server->store, &stats);
	if (stats.disk_full && !server->disk_full)
		log_warning("store: the disk is full: no new futures until there is room");
	else if (!stats.disk_full && server->disk_full)
		log_info("store: there is room on the disk again");
	server->disk_full = stats.disk_full;
}

static void on_store(evutil_socket_t fd, short events, void *arg)
{
	struct server *server = arg;

	if (store_dispatch(server->store) >= 0) {
		watch_disk(server);
		if (broker_lost(server->broker) && !server->stopping) {
			log_error("store: it had no memory for a change that was made already: starting over from the disk");
			fail(server, SERVER_STORE_LOST);
		}
		return;
	}
	/* Nobody can say whether the last commit is on the disk. Whoever waits for it gets no answer from us: after the
	 * restart the database itself decides. */
	log_error("store: %s: giving up", store_failure(server->store));
	fail(server, SERVER_STORE_LOST);
}

static void on_clock(void *arg)
{
	struct server *server = arg;

	broker_clock_set(server->broker);
}

static void on_wake(evutil_socket_t fd, short events, void *arg)
{
}

/* --- the loop ----------------------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void sleep_until(struct server *server, uint64_t due, uint64_t now)
{
	uint64_t nap = due > now ? earlier(due - now, NAP_SECONDS * SECOND) : 0;
	struct timeval wait = { .tv_sec = (time_t)(nap / SECOND), .tv_usec = (suseconds_t)(nap % SECOND) };

	if (due == UINT64_MAX)
		event_del(server->wake);
	else
		event_add(server->wake, &wait);
}

/* Whether everyone has his answer and everything is on the disk. */
static bool settled(const struct server *server)
{
	struct store_stats stats;

	store_stats(server->store, &stats);
	return stats.queued == 0 && broker_stopped(server->broker) && ipc_idle(server->ipc);
}

/* What follows every round of events: what became due, what is to be sent. */
static void turn(struct server *server)
{
	uint64_t due = broker_run(server->broker);
	uint64_t now;

	if (ipc_turn(server->ipc))
		due = 0;
	now = host.monotonic_usec(NULL);
	due = earlier(due, status_turn(server->status, now));
	if (server->stopping) {
		due = earlier(due, server->stop_by_usec);
		server->done = settled(server);
		if (!server->done && now >= server->stop_by_usec) {
			log_warning("stopping: not everyone was answered within %d s", STOP_SECONDS);
			server->done = true;
		}
	}
	sleep_until(server, due, now);
}

static void serve(struct server *server)
{
	turn(server);
	while (!server->done) {
		if (event_base_loop(server->base, EVLOOP_ONCE) < 0) {
			log_error("event loop: %s", strerror(errno));
			fail(server, SERVER_FAILED);
		} else if (!server->done) {
			turn(server);
		}
	}
}

/* --- start -------------------------------------------------------------------------------------------------- */

/* One descriptor for each connection and each request: take what the administrator allows. */
static void raise_descriptor_limit(const struct config *config)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("open files: %s", strerror(errno));
	if (limit.rlim_max < config->connections + config->requests + config->long_polls + config->streams)
		log_warning("open files: at most %" PRIu64 ", fewer than limits.connections and remote.requests, long_polls "
		    "and streams ask for", (uint64_t)limit.rlim_max);
}

static int start_events(struct server *server)
{
	signal(SIGPIPE, SIG_IGN);
	server->base = event_base_new();
	if (!server->base)
		return -ENOMEM;
	server->on_term = evsignal_new(server->base, SIGTERM, on_stop, server);
	server->on_int = evsignal_new(server->base, SIGINT, on_stop, server);
	server->on_hup = evsignal_new(server->base, SIGHUP, on_reload, server);
	server->wake = evtimer_new(server->base, on_wake, server);
	if (!server->on_term || !server->on_int || !server->on_hup || !server->wake)
		return -ENOMEM;
	if (event_add(server->on_term, NULL) | event_add(server->on_int, NULL) | event_add(server->on_hup, NULL))
		return -EIO;
	return clock_watch_new(server->base, on_clock, server, &server->clock);
}

/* The side that talks to services. */
static int start_remote(struct server *server)
{
	const char *dirs[PROFILE_DIRS_MAX];
	struct credentials_config credentials = credentials_part(server);
	struct http_config http = http_part(server);
	struct poller_config poller;

	server->http = http_new(server->base, &http);
	if (server->http)
		server->credentials = credentials_new(server->base, server->http, &credentials);
	if (server->credentials) {
		poller = poller_part(server, &server->config, dirs);
		server->poller = poller_new(server->http, &poller);
	}
	if (!server->poller) {
		log_error("cannot start: no memory for the service side");
		return -ENOMEM;
	}
	return 0;
}

/* Open the database and take over what is in it. */
static int start_broker(struct server *server)
{
	struct store_config config = {
		.dir = server->options->paths.state,
		.ballast_bytes = server->config.ballast,
		.events_max = server->config.events,
	};
	struct broker_config limits = broker_part(&server->config);
	struct broker_loader *loader = broker_loader_new();
	struct remote remote;
	struct error error;
	char text[256];
	int r;

	if (!loader) {
		log_error("cannot start: no memory");
		return -ENOMEM;
	}
	r = store_open(&config, broker_load_one, loader, &server->store, text);
	if (r < 0) {
		log_error("cannot start: store: %s", text);
		broker_loader_free(loader);
		return r;
	}
	poller_remote(server->poller, &remote);
	server->broker = broker_new(&limits, &host, &remote, server->store);
	if (!server->broker) {
		log_error("cannot start: no memory");
		broker_loader_free(loader);
		return -ENOMEM;
	}
	r = broker_adopt(server->broker, loader, &error);
	if (r < 0) {
		log_error("cannot start: %s", error.message);
		return r;
	}
	r = store_start(server->store);
	if (r < 0) {
		log_error("cannot start: store thread: %s", strerror(-r));
		return r;
	}
	server->on_store = event_new(server->base, store_fd(server->store), EV_READ | EV_PERSIST, on_store, server);
	return server->on_store && event_add(server->on_store, NULL) == 0 ? 0 : -ENOMEM;
}

/* Listen on what systemd passed, or on a path of our own. */
static int start_listening(struct server *server)
{
	struct listener_socket sockets[LISTENER_PASSED_MAX];
	char text[256];
	int count, r;

	count = r = listener_passed(sockets, text);
	if (count == 0) {
		r = listener_bind(server->options->paths.socket, &sockets[0], text);
		count = 1;
	}
	if (r < 0) {
		log_error("cannot start: %s", text);
		return r;
	}
	for (int i = 0; i < count; i++) {
		r = ipc_listen(server->ipc, &sockets[i]);
		if (r < 0) {
			listener_socket_done(&sockets[i]);
			return r;
		}
	}
	return 0;
}

static int start_ipc(struct server *server)
{
	uint8_t boot_id[16];
	struct ipc_setup setup = {
		.base = server->base,
		.broker = server->broker,
		.profiles = profiles_offer(server->poller),
		.store_stats = get_store_stats,
		.store = server->store,
		.config = ipc_part(&server->config),
		.epoch = store_epoch(server->store),
		.boot_id = boot_id,
	};

	host.random(NULL, boot_id, sizeof(boot_id));
	server->ipc = ipc_new(&setup);
	server->status = status_new(server->base, server->broker, server->store);
	if (!server->ipc || !server->status) {
		log_error("cannot start: no memory");
		return -ENOMEM;
	}
	return start_listening(server);
}

static int start(struct server *server)
{
	char text[256];
	int r;

	r = load_config(server, &server->config);
	if (r < 0)
		return -EINVAL;
	raise_descriptor_limit(&server->config);
	r = paths_prepare_state(server->options->paths.state, text);
	if (r < 0) {
		log_error("cannot start: %s", text);
		return r;
	}
	r = start_events(server);
	if (r < 0) {
		log_error("cannot start: event loop: %s", strerror(-r));
		return r;
	}
	r = start_remote(server);
	if (r == 0)
		r = start_broker(server);
	if (r == 0)
		r = start_ipc(server);
	return r;
}

/* --- end ------------------------------------------------------------------------------------------------------ */

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

/* Calls go first, so that nobody is told of what the store still finishes; then the store, which calls the broker. */
static void finish(struct server *server)
{
	ipc_free(server->ipc);
	status_free(server->status);
	free_event(server->on_store);
	store_close(server->store);
	broker_free(server->broker);
	poller_free(server->poller);
	credentials_free(server->credentials);
	http_free(server->http);
	free_event(server->on_term);
	free_event(server->on_int);
	free_event(server->on_hup);
	free_event(server->wake);
	clock_watch_free(server->clock);
	if (server->base)
		event_base_free(server->base);
	config_done(&server->config);
}

static enum server_exit why(int r)
{
	switch (r) {
	case -EBUSY:
	case -EADDRINUSE:
		return SERVER_TAKEN;
	case -EINVAL:
		return SERVER_USAGE;
	default:
		return SERVER_FAILED;
	}
}

enum server_exit server_run(const struct server_options *options)
{
	struct server server = { .options = options };
	int r;

	r = start(&server);
	if (r < 0) {
		finish(&server);
		return why(r);
	}
	log_info("%s %s: ready, state in %s", PACKAGE_NAME, PACKAGE_VERSION, options->paths.state);
	notify_send("READY=1");
	serve(&server);
	finish(&server);
	if (server.result == SERVER_STOPPED)
		log_info("stopped");
	return server.result;
}
