/* config.c - the configuration file: one table of keys, read all or nothing. */
#include "daemon/config.h"

#include "proto/error.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <ini.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_type {
	OPTION_COUNT,
	OPTION_BYTES,        /* a suffix K, M or G multiplies by 1024 and so on */
	OPTION_SECONDS,      /* decimals allowed; microseconds inside */
	OPTION_PATH,         /* of a file that can be read */
	OPTION_NETWORKS      /* "10.0.0.0/8 fd00::/8"; may be given more than once */
};

#define KEEP 0
#define RELOAD 1
#define SECOND UINT64_C(1000000)
#define MEBI UINT64_C(1048576)
#define GIBI (1024 * MEBI)

struct option {
	const char *section, *key;
	enum option_type type;
	size_t offset;               /* in struct config: of a uint64_t, a char[CONFIG_PATH_MAX], a struct networks */
	uint64_t min, max;           /* both allowed */
	uint64_t preset;
	int reloadable;              /* RELOAD: SIGHUP puts a new value in force */
	const char *help;
};

#define IN(member) offsetof(struct config, member)

static const struct option options[] = {
	{ "limits", "connections", OPTION_COUNT, IN(connections), 1, 1000000, 4096, RELOAD,
	  "open connections of all users" },
	{ "limits", "connections_per_uid", OPTION_COUNT, IN(connections_per_uid), 1, 1000000, 1024, RELOAD,
	  "open connections of one user" },
	{ "limits", "calls_per_connection", OPTION_COUNT, IN(calls_per_connection), 1, 1000000, 32768, RELOAD,
	  "requests of one connection that await their reply" },
	{ "limits", "futures_per_uid", OPTION_COUNT, IN(futures_per_uid), 1, 100000000, 100000, RELOAD,
	  "stored futures of one user" },
	{ "limits", "finished_per_uid", OPTION_COUNT, IN(finished_per_uid), 0, 100000000, 0, RELOAD,
	  "of these, kept though they are over (0: half of them); above it the oldest are forgotten" },
	{ "limits", "results_per_uid", OPTION_BYTES, IN(results_per_uid), MEBI, 1024 * GIBI, 4 * GIBI, RELOAD,
	  "bytes of their results that are kept; above it the oldest are forgotten" },
	{ "limits", "result_max", OPTION_BYTES, IN(result_max), 1024, 1024 * MEBI, 64 * MEBI, RELOAD,
	  "bytes of one result" },
	{ "remote", "requests", OPTION_COUNT, IN(requests), 1, 10000, 256, RELOAD,
	  "requests to services in flight" },
	{ "remote", "requests_per_bucket", OPTION_COUNT, IN(requests_per_bucket), 1, 10000, 16, RELOAD,
	  "of these, with one credential to one origin for one user" },
	{ "remote", "long_polls", OPTION_COUNT, IN(long_polls), 1, 10000, 512, RELOAD,
	  "requests in flight that services hold until there is news, besides the others" },
	{ "remote", "long_polls_per_bucket", OPTION_COUNT, IN(long_polls_per_bucket), 1, 10000, 64, RELOAD,
	  "of these, with one credential to one origin for one user" },
	{ "remote", "streams", OPTION_COUNT, IN(streams), 0, 10000, 128, RELOAD,
	  "streams of events open at a time" },
	{ "remote", "timeout", OPTION_SECONDS, IN(timeout_usec), SECOND / 1000, 86400 * SECOND, 30 * SECOND, RELOAD,
	  "seconds for one request, where the spec names none" },
	{ "remote", "ca_file", OPTION_PATH, IN(ca_file), 0, 0, 0, RELOAD,
	  "file of the certificates that count, in place of the system's" },
	{ "remote", "allow", OPTION_NETWORKS, IN(allow), 0, 0, 0, RELOAD,
	  "networks that the daemon of the machine may connect to, besides public addresses" },
	{ "store", "events", OPTION_COUNT, IN(events), 1000, 100000000, 100000, KEEP,
	  "rows of the event log, for subscribers that come back" },
	{ "store", "ballast", OPTION_BYTES, IN(ballast), 0, 1024 * MEBI, 16 * MEBI, KEEP,
	  "bytes set aside, released when the disk is full" },
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static void *place_of(const struct option *option, struct config *config)
{
	return (char *)config + option->offset;
}

static bool is_number(const struct option *option)
{
	return option->type != OPTION_PATH && option->type != OPTION_NETWORKS;
}

void config_defaults(struct config *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (is_number(&options[i]))
			*(uint64_t *)place_of(&options[i], ret) = options[i].preset;
}

void config_done(struct config *config)
{
	config->credentials = config_credentials_free(config->credentials);
}

/* The value as a configuration file would have it. */
static const char *format_value(const struct option *option, uint64_t value, char *buffer, size_t size)
{
	if (option->type == OPTION_SECONDS)
		snprintf(buffer, size, "%g", (double)value / SECOND);
	else if (option->type == OPTION_BYTES && value >= GIBI && value % GIBI == 0)
		snprintf(buffer, size, "%" PRIu64 "G", value / GIBI);
	else if (option->type == OPTION_BYTES && value >= MEBI && value % MEBI == 0)
		snprintf(buffer, size, "%" PRIu64 "M", value / MEBI);
	else if (option->type == OPTION_BYTES && value >= 1024 && value % 1024 == 0)
		snprintf(buffer, size, "%" PRIu64 "K", value / 1024);
	else
		snprintf(buffer, size, "%" PRIu64, value);
	return buffer;
}

/* A whole number with, for sizes, a suffix. */
static int parse_number(const struct option *option, const char *text, uint64_t *ret)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	char *end;
	uint64_t value;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (option->type == OPTION_BYTES && *end && (suffix = strchr(suffixes, toupper((unsigned char)*end)))) {
		unsigned shift = 10 * (unsigned)(suffix - suffixes + 1);

		if (value > UINT64_MAX >> shift)
			return -ERANGE;
		value <<= shift;
		end++;
	}
	if (*end)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int parse_seconds(const char *text, uint64_t *ret)
{
	double value;
	char *end;

	/* strtod would take "inf" and "0x1p3" too. */
	if (text[0] == '\0' || strspn(text, "0123456789.") != strlen(text))
		return -EINVAL;
	value = strtod(text, &end);
	if (*end)
		return -EINVAL;
	if (value > 1e12)
		return -ERANGE;
	*ret = (uint64_t)(value * SECOND + 0.5);
	return 0;
}

/* --- reading a file -------------------------------------------------------------------------------- */

struct loader {
	FILE *file;
	const char *path;
	unsigned line;               /* the one being read: inih's handler is not told */
	bool machine;
	bool seen[N_OPTIONS];
	unsigned problems;
	config_report_cb report;
	void *arg;
	struct config config;
};

__attribute__((format(printf, 2, 3)))
static void report(struct loader *loader, const char *format, ...)
{
	char message[400], line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (loader->line)
		snprintf(line, sizeof(line), "%s:%u: %s", loader->path, loader->line, message);
	else
		snprintf(line, sizeof(line), "%s: %s", loader->path, message);
	loader->problems++;
	loader->report(loader->arg, line);
}

static void report_section(struct loader *loader, const char *section)
{
	const char *names[N_OPTIONS + 2];
	const char *nearest;

	for (size_t i = 0; i < N_OPTIONS; i++)
		names[i] = options[i].section;
	names[N_OPTIONS] = "credential";
	names[N_OPTIONS + 1] = NULL;
	/* of those with a name the first word counts */
	nearest = error_nearest(section, strcspn(section, " "), names);
	if (section[0] == '\0')
		report(loader, "a key before the first [section]");
	else if (nearest)
		report(loader, "[%s]: no such section (did you mean [%s%s]?)", section, nearest,
		    nearest == names[N_OPTIONS] ? " NAME" : "");
	else
		report(loader, "[%s]: no such section", section);
}

static void report_key(struct loader *loader, const char *section, const char *key)
{
	const char *names[N_OPTIONS + 1];
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (strcmp(options[i].section, section) == 0)
			names[n++] = options[i].key;
	}
	names[n] = NULL;
	if (n == 0) {
		report_section(loader, section);
		return;
	}
	nearest = error_nearest(key, strlen(key), names);
	if (nearest)
		report(loader, "%s.%s: no such key (did you mean %s?)", section, key, nearest);
	else
		report(loader, "%s.%s: no such key", section, key);
}

static void take_path(struct loader *loader, const struct option *option, const char *text)
{
	char *place = place_of(option, &loader->config);

	if (text[0] != '/')
		report(loader, "%s.%s: not an absolute path", option->section, option->key);
	else if (strlen(text) >= CONFIG_PATH_MAX)
		report(loader, "%s.%s: longer than %d bytes", option->section, option->key, CONFIG_PATH_MAX - 1);
	else if (access(text, R_OK) < 0)
		report(loader, "%s.%s: %s: %s", option->section, option->key, text, strerror(errno));
	else
		memcpy(place, text, strlen(text) + 1);
}

static void take_networks(struct loader *loader, const struct option *option, const char *text)
{
	struct networks *networks = place_of(option, &loader->config);
	char copy[CONFIG_PATH_MAX], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		if (networks->count == NETWORKS_MAX) {
			report(loader, "%s.%s: more than %d networks", option->section, option->key, NETWORKS_MAX);
			return;
		}
		if (network_parse(word, &networks->list[networks->count]) < 0)
			report(loader, "%s.%s: \"%s\" is not a network (ADDRESS/BITS, the other bits 0)", option->section,
			    option->key, word);
		else
			networks->count++;
	}
}

static void take_number(struct loader *loader, const struct option *option, const char *text)
{
	char low[32], high[32];
	uint64_t value = 0;
	int r;

	r = option->type == OPTION_SECONDS ? parse_seconds(text, &value) : parse_number(option, text, &value);
	if (r == -EINVAL) {
		report(loader, "%s.%s: \"%s\" is not a %s", option->section, option->key, text,
		    option->type == OPTION_BYTES ? "size (a number, with K, M or G)" :
		    option->type == OPTION_SECONDS ? "number of seconds" : "number");
		return;
	}
	if (r < 0 || value < option->min || value > option->max) {
		report(loader, "%s.%s: %s is out of range (%s to %s)", option->section, option->key, text,
		    format_value(option, option->min, low, sizeof(low)),
		    format_value(option, option->max, high, sizeof(high)));
		return;
	}
	*(uint64_t *)place_of(option, &loader->config) = value;
}

/* A key of [credential NAME]. */
static void take_credential(struct loader *loader, const char *name, const char *key, const char *text)
{
	char problem[CONFIG_PROBLEM_MAX];

	if (!loader->config.credentials)
		loader->config.credentials = config_credentials_new();
	if (!loader->config.credentials)
		report(loader, "out of memory");
	else if (config_credentials_take(loader->config.credentials, name, loader->line, key, text, problem) < 0)
		report(loader, "%s", problem);
}

static void check_credentials(struct loader *loader)
{
	const struct config_credentials *credentials = loader->config.credentials;
	char problem[CONFIG_PROBLEM_MAX];

	for (size_t i = 0; credentials && i < credentials->count; i++) {
		loader->line = credentials->lines[i];
		if (config_credentials_check(credentials, i, loader->machine, problem) < 0)
			report(loader, "%s", problem);
	}
}

static int on_pair(void *arg, const char *section, const char *key, const char *text)
{
	const char *credential = config_credentials_section(section);
	struct loader *loader = arg;

	if (credential) {
		take_credential(loader, credential, key, text);
		return 1;
	}
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (strcmp(options[i].section, section) != 0 || strcmp(options[i].key, key) != 0)
			continue;
		if (options[i].type == OPTION_NETWORKS)
			take_networks(loader, &options[i], text);
		else if (loader->seen[i])
			report(loader, "%s.%s: given a second time", section, key);
		else if (options[i].type == OPTION_PATH)
			take_path(loader, &options[i], text);
		else
			take_number(loader, &options[i], text);
		loader->seen[i] = true;
		return 1;
	}
	report_key(loader, section, key);
	return 1;
}

/* fgets that counts lines. inih would read the rest of a line that is too long as one of its own. */
static char *read_line(char *buffer, int size, void *arg)
{
	struct loader *loader = arg;
	int c;

	if (!fgets(buffer, size, loader->file))
		return NULL;
	loader->line++;
	if (!strchr(buffer, '\n') && !feof(loader->file)) {
		report(loader, "line too long (at most %d bytes)", size - 2);
		do {
			c = getc(loader->file);
		} while (c != '\n' && c != EOF);
	}
	return buffer;
}

int config_load(const char *path, bool may_be_missing, bool machine, config_report_cb on_problem, void *arg,
    struct config *ret)
{
	struct loader loader = { .path = path, .machine = machine, .report = on_problem, .arg = arg };
	int r;

	config_defaults(&loader.config);
	loader.file = fopen(path, "re");
	if (!loader.file && errno == ENOENT && may_be_missing)
		goto done;
	if (!loader.file) {
		r = -errno;
		report(&loader, "%s", strerror(-r));
		return r;
	}
	r = ini_parse_stream(read_line, &loader, on_pair, &loader);
	if (r > 0) {
		loader.line = (unsigned)r;
		report(&loader, "neither \"key = value\" nor \"[section]\"");
	} else if (r < 0 || ferror(loader.file)) {
		loader.line = 0;
		report(&loader, "cannot be read");
	}
	fclose(loader.file);
	check_credentials(&loader);
	if (loader.problems) {
		config_done(&loader.config);
		return -EINVAL;
	}
done:
	*ret = loader.config;
	return 0;
}

void config_merge(struct config *running, struct config *fresh, config_report_cb on_kept, void *arg)
{
	char line[256], text[32];

	for (size_t i = 0; i < N_OPTIONS; i++) {
		uint64_t *to, was;

		if (options[i].reloadable)
			continue;
		/* those that are not reloadable are numbers */
		to = place_of(&options[i], fresh);
		was = *(uint64_t *)place_of(&options[i], running);
		if (*to == was)
			continue;
		snprintf(line, sizeof(line), "%s.%s stays %s until the daemon is restarted", options[i].section,
		    options[i].key, format_value(&options[i], was, text, sizeof(text)));
		on_kept(arg, line);
		*to = was;
	}
	config_done(running);
	*running = *fresh;
	fresh->credentials = NULL;
}

void config_describe(FILE *to)
{
	char low[32], high[32], preset[32];
	const char *section = "";

	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option *option = &options[i];

		if (strcmp(section, option->section) != 0)
			fprintf(to, "  [%s]\n", section = option->section);
		if (!is_number(option))
			fprintf(to, "  %-22s %s (none)\n", option->key, option->help);
		else
			fprintf(to, "  %-22s %s (%s; %s to %s%s)\n", option->key, option->help,
			    format_value(option, option->preset, preset, sizeof(preset)),
			    format_value(option, option->min, low, sizeof(low)),
			    format_value(option, option->max, high, sizeof(high)),
			    option->reloadable ? "" : "; needs a restart");
	}
	config_credentials_describe(to);
}
