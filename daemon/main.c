/* main.c - the command line of futured. */
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/server.h"

#include <config.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options without a letter of their own. */
enum { OPTION_SOCKET = 256, OPTION_STATE_DIR, OPTION_CONFIG, OPTION_PROFILE_DIR, OPTION_LOG_LEVEL, OPTION_CHECK,
	OPTION_MACHINE };

static const struct {
	struct option getopt;
	const char *argument;
	const char *help;
} options[] = {
	{ { "socket", required_argument, NULL, OPTION_SOCKET }, "PATH",
	  "listen there, unless systemd passes a socket" },
	{ { "state-dir", required_argument, NULL, OPTION_STATE_DIR }, "DIR", "keep the database there" },
	{ { "config", required_argument, NULL, OPTION_CONFIG }, "FILE", "read this configuration; it must exist" },
	{ { "profile-dir", required_argument, NULL, OPTION_PROFILE_DIR }, "DIR",
	  "look for profiles there first; may be given more than once" },
	{ { "machine", no_argument, NULL, OPTION_MACHINE }, "",
	  "serve all users of the machine: connect to public addresses only, run no commands" },
	{ { "log-level", required_argument, NULL, OPTION_LOG_LEVEL }, "LEVEL",
	  "error, warning, info (default) or debug" },
	{ { "check-config", no_argument, NULL, OPTION_CHECK }, "", "check the configuration, say ok or what is wrong" },
	{ { "version", no_argument, NULL, 'V' }, "", "print the version" },
	{ { "help", no_argument, NULL, 'h' }, "", "print this" },
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

struct command_line {
	const char *socket, *state, *config;
	struct server_options server;
	bool check, machine;
};

static void print_help(void)
{
	char column[40];

	puts("Usage: futured [OPTION]...\n"
	     "Broker of futures: polls remote operations once for all local processes. Stays in the foreground.\n");
	for (size_t i = 0; i < N_OPTIONS; i++) {
		snprintf(column, sizeof(column), "--%s%s%s", options[i].getopt.name, options[i].argument[0] ? "=" : "",
		    options[i].argument);
		printf("  %-20s %s\n", column, options[i].help);
	}
	puts("\nWithout options the places are those of the user (the XDG directories), or, for root where no XDG\n"
	     "variable names them, those of the machine, with --machine. SIGHUP reads the configuration again, SIGTERM\n"
	     "stops.\n\n"
	     "Configuration (key, meaning, default and range):");
	config_describe(stdout);
	puts("\nExit status: 0 stopped, 1 could not start (or --check-config found something), 2 wrong usage or\n"
	     "configuration, 3 another daemon has the state directory or the socket, 4 the store failed while\n"
	     "running (a restart recovers).");
}

/* Take one option. Returns 0 to go on, 1 when all is said, -EINVAL after a message. */
static int take_option(struct command_line *line, int option)
{
	enum log_level level;

	switch (option) {
	case OPTION_SOCKET:
		line->socket = optarg;
		return 0;
	case OPTION_STATE_DIR:
		line->state = optarg;
		return 0;
	case OPTION_CONFIG:
		line->config = optarg;
		return 0;
	case OPTION_PROFILE_DIR:
		if (line->server.n_profile_dirs == PATHS_PROFILE_DIRS_MAX) {
			fprintf(stderr, "futured: --profile-dir: at most %d of them\n", PATHS_PROFILE_DIRS_MAX);
			return -EINVAL;
		}
		line->server.profile_dirs[line->server.n_profile_dirs++] = optarg;
		return 0;
	case OPTION_LOG_LEVEL:
		if (log_level_parse(optarg, &level) < 0) {
			fprintf(stderr, "futured: --log-level: \"%s\" is none of error, warning, info, debug\n",
			    optarg);
			return -EINVAL;
		}
		log_set_level(level);
		return 0;
	case OPTION_MACHINE:
		line->machine = true;
		return 0;
	case OPTION_CHECK:
		line->check = true;
		return 0;
	case 'V':
		puts(PACKAGE_STRING);
		return 1;
	case 'h':
		print_help();
		return 1;
	default:
		return -EINVAL;
	}
}

/* As take_option, for the whole command line. */
static int read_command_line(int argc, char **argv, struct command_line *line)
{
	struct option table[N_OPTIONS + 1] = { 0 };
	int option, r = 0;

	for (size_t i = 0; i < N_OPTIONS; i++)
		table[i] = options[i].getopt;
	while (r == 0 && (option = getopt_long(argc, argv, "hV", table, NULL)) != -1)
		r = take_option(line, option);
	if (r == 0 && optind < argc) {
		fprintf(stderr, "futured: what is \"%s\"?\n", argv[optind]);
		r = -EINVAL;
	}
	if (r < 0)
		fputs("Try 'futured --help'.\n", stderr);
	return r;
}

static void print_line(void *arg, const char *line)
{
	fprintf(stderr, "futured: %s\n", line);
}

static int check_config(const struct server_options *server)
{
	struct config config;

	if (server->paths.config[0]) {
		if (config_load(server->paths.config, !server->config_given, server->paths.machine, print_line, NULL,
		    &config) < 0)
			return 1;
		config_done(&config);
	}
	puts("ok");
	return 0;
}

int main(int argc, char **argv)
{
	static struct command_line line;
	char text[256];
	int r;

	r = read_command_line(argc, argv, &line);
	if (r != 0)
		return r > 0 ? 0 : SERVER_USAGE;
	line.server.config_given = line.config != NULL;
	r = paths_find(line.socket, line.state, line.config, &line.server.paths, text);
	if (r < 0) {
		fprintf(stderr, "futured: %s\n", text);
		return SERVER_USAGE;
	}
	line.server.paths.machine |= line.machine;
	return line.check ? check_config(&line.server) : (int)server_run(&line.server);
}
