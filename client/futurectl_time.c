/* futurectl_time.c - times as people write them. */
#include "config.h"

#include "client/futurectl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIME_SPAN_MAX 3153600000.0   /* seconds: what the daemon takes */

bool ctl_parse_span(const char *text, bool none_allowed, uint64_t *ret)
{
	static const struct { const char *name; double seconds; } units[] = {
		{ "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
	};
	double seconds;
	char *end;

	if (none_allowed && strcmp(text, "none") == 0) {
		*ret = FUTURED_TIME_NONE;
		return true;
	}
	seconds = strtod(text, &end);
	if (end == text)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		seconds *= units[i].seconds;
		if (!(seconds >= 0 && seconds <= TIME_SPAN_MAX))
			return false;
		*ret = (uint64_t)(seconds * 1e6);
		return true;
	}
	return false;
}

/* "@1769884200", with a fraction if need be. */
static bool time_parse_epoch(const char *text, uint64_t *ret)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds > 0 && seconds <= 4 * TIME_SPAN_MAX))
		return false;
	*ret = (uint64_t)(seconds * 1000);
	return true;
}

/* HH:MM, HH:MM:SS, and what follows them: nothing, Z, or an offset such as +01:00. */
static bool time_parse_clock(const char *text, struct tm *tm, bool *ret_zoned)
{
	const char *end = strptime(text, "%H:%M", tm);

	if (end && *end == ':')
		end = strptime(end, ":%S", tm);
	if (!end)
		return false;
	*ret_zoned = *end != '\0';
	if (*end == '\0')
		return true;
	if (strcmp(end, "Z") == 0) {
		tm->tm_gmtoff = 0;
		return true;
	}
	end = strptime(end, "%z", tm);
	return end && *end == '\0';
}

/* The time of day that comes next. */
static bool time_parse_next(const char *text, uint64_t *ret)
{
	time_t now = time(NULL), then;
	struct tm tm, today;
	bool zoned;

	localtime_r(&now, &today);
	tm = today;
	tm.tm_sec = 0;
	if (!time_parse_clock(text, &tm, &zoned) || zoned)
		return false;
	tm.tm_isdst = -1;
	then = mktime(&tm);
	if (then <= now) {
		tm.tm_mday = today.tm_mday + 1;
		tm.tm_isdst = -1;
		then = mktime(&tm);
	}
	*ret = (uint64_t)then * 1000;
	return then > 0;
}

bool ctl_parse_time(const char *text, uint64_t *ret)
{
	struct tm tm = { .tm_mday = 0 };
	bool zoned = false;
	const char *rest;
	long offset;
	int day;
	time_t then;

	if (*text == '@')
		return time_parse_epoch(text + 1, ret);
	rest = strptime(text, "%Y-%m-%d", &tm);
	if (!rest)
		return time_parse_next(text, ret);
	if (*rest && ((*rest != 'T' && *rest != ' ') || !time_parse_clock(rest + 1, &tm, &zoned)))
		return false;
	day = tm.tm_mday;
	offset = zoned ? tm.tm_gmtoff : 0;
	tm.tm_isdst = -1;
	then = zoned ? timegm(&tm) : mktime(&tm);
	/* 31 February is none. */
	if (tm.tm_mday != day || then - offset <= 0)
		return false;
	*ret = (uint64_t)(then - offset) * 1000;
	return true;
}

void ctl_format_time(json_int_t ms, char ret[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm local;

	localtime_r(&seconds, &local);
	if (strftime(ret, 32, "%Y-%m-%d %H:%M:%S", &local) == 0)
		snprintf(ret, 32, "%lld", (long long)ms);
}
