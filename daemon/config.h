/* config.h - the configuration file: one table of keys, read all or nothing. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Counts are plain, sizes in bytes, times in microseconds. */
struct config {
	uint64_t connections;           /* of all users together */
	uint64_t connections_per_uid;
	uint64_t calls_per_connection;  /* requests that await their reply */
	uint64_t futures_per_uid;
	uint64_t result_max;            /* bytes of a response body, so of a result */
	uint64_t requests;              /* to services, in flight */
	uint64_t requests_per_bucket;
	uint64_t timeout_usec;          /* of one request to a service, unless the spec says another */
	uint64_t events;                /* rows of the event log */
	uint64_t ballast;               /* bytes set aside for a full disk */
};

/* Every key at its default. */
void config_defaults(struct config *ret);

/* One call for each thing that is wrong:
 * "futured.conf:3: limits.conections: no such key (did you mean connections?)". */
typedef void (*config_report_cb)(void *arg, const char *line);

/*
 * Read path over the defaults. Reports everything that is wrong with it, not only the first.
 *   may_be_missing   no such file is the same as an empty one
 * Returns 0; -EINVAL when something was reported about the contents; -ENOMEM or the errno of opening
 * the file, reported too. *ret is untouched then.
 */
int config_load(const char *path, bool may_be_missing, config_report_cb report, void *arg, struct config *ret);

/* What cannot change at run time and differs between the two: one report for each key, with the value
 * that stays in force; merged then has what can change from fresh, the rest from running. */
void config_merge(const struct config *running, const struct config *fresh, config_report_cb report, void *arg,
    struct config *ret_merged);

/* The table for people: section, key, default, range and meaning of each. */
void config_describe(FILE *to);

#endif
