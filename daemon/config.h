/* config.h - the configuration file: one table of keys, read all or nothing. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "daemon/config_credentials.h"
#include "daemon/networks.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_PATH_MAX 256

/* Counts are plain, sizes in bytes, times in microseconds. config_done() frees what it holds. */
struct config {
	uint64_t connections;           /* of all users together */
	uint64_t connections_per_uid;
	uint64_t calls_per_connection;  /* requests that await their reply */
	uint64_t futures_per_uid;
	uint64_t finished_per_uid;      /* 0: half of that; above this and the next, what is over is forgotten before its time */
	uint64_t results_per_uid;       /* bytes */
	uint64_t result_max;            /* bytes of a response body, so of a result */
	uint64_t requests;              /* to services, in flight */
	uint64_t requests_per_bucket;
	uint64_t long_polls;            /* the service holds them: they have slots of their own */
	uint64_t long_polls_per_bucket;
	uint64_t streams;               /* of events, open */
	uint64_t timeout_usec;          /* of one request to a service, unless the spec says another */
	char ca_file[CONFIG_PATH_MAX];  /* certificates that count; empty: the system's */
	struct networks allow;          /* addresses that the daemon of the machine may connect to, besides public ones */
	struct config_credentials *credentials;   /* NULL: none */
	uint64_t events;                /* rows of the event log */
	uint64_t ballast;               /* bytes set aside for a full disk */
};

/* Every key at its default. */
void config_defaults(struct config *ret);
void config_done(struct config *config);

/* One call for each thing that is wrong:
 * "futured.conf:3: limits.conections: no such key (did you mean connections?)". */
typedef void (*config_report_cb)(void *arg, const char *line);

/*
 * Read path over the defaults. Reports everything that is wrong with it, not only the first.
 *   may_be_missing   no such file is the same as an empty one
 *   machine          for the daemon of the machine: some values are refused there
 * Returns 0; -EINVAL when something was reported about the contents; -ENOMEM or the errno of opening
 * the file, reported too. *ret is untouched then.
 */
int config_load(const char *path, bool may_be_missing, bool machine, config_report_cb report, void *arg,
    struct config *ret);

/* Put in force what can change at run time: it moves from fresh, which is done with, to running. For each key that
 * cannot and that differs there is one report, with the value that stays in force. */
void config_merge(struct config *running, struct config *fresh, config_report_cb report, void *arg);

/* The table for people: section, key, default, range and meaning of each. */
void config_describe(FILE *to);

#endif
