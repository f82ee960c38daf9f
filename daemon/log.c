/* log.c - one line per event on stderr, with a priority that the journal understands. */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024

static const struct {
	const char *name;
	int syslog;          /* the number that the journal reads between "<" and ">" */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static enum log_level current = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	current = level;
}

enum log_level log_get_level(void)
{
	return current;
}

int log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* $JOURNAL_STREAM names the journal's end of stderr; a redirected stderr is another file. */
static bool to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st) < 0)
		return false;
	return st.st_dev == device && st.st_ino == inode;
}

/* The journal stamps its lines itself; a terminal or a file gets UTC with milliseconds. */
static size_t write_lead(char *line, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	if (to_journal())
		return (size_t)snprintf(line, size, "<%d>", levels[level].syslog);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return len + (size_t)snprintf(line + len, size - len, ".%03ldZ %s: ", now.tv_nsec / 1000000,
	    levels[level].name);
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	size_t lead, len;
	ssize_t written;
	va_list args;
	int saved = errno, printed;

	if (level > current)
		return;
	lead = write_lead(line, sizeof(line), level);
	va_start(args, format);
	printed = vsnprintf(line + lead, sizeof(line) - lead - 1, format, args);
	va_end(args);
	if (printed < 0)
		goto out;
	len = lead + strlen(line + lead);
	/* A peer's newline must not start a line of its own, nor its escapes reach a terminal. */
	for (size_t i = lead; i < len; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len++] = '\n';
	/* One write a line, so that lines of several processes do not mix. Nowhere to report a failure. */
	do {
		written = write(STDERR_FILENO, line, len);
	} while (written < 0 && errno == EINTR);
out:
	errno = saved;
}
