/* assembly.c - a group's result: the list of its members, whose results are read from the store one after the other. */
#include "daemon/broker/assembly.h"

#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Members that are written in one turn of the loop, of all groups together. */
#define TURN_MAX 1024
/* Groups that are worked at at once. */
#define AT_ONCE_MAX 256

struct assembly {
	struct assembly *next;
	struct broker *broker;
	struct future *group;           /* NULL: dropped while its read was under way */
	size_t at;                      /* the next member */
	size_t taken;                   /* bytes of results and messages */
	size_t reading;                 /* bytes that are being read; 0: none are */
	char *content_type;             /* of what is being read */
	char *text;
	size_t len, size;
	bool short_of_memory;           /* what is in text is of no use any more */
};

/* --- the text ------------------------------------------------------------------------------------------ */

static void put(struct assembly *assembly, const char *data, size_t len)
{
	size_t size = assembly->size ? assembly->size : 4096;
	char *text;

	while (size < assembly->len + len)
		size *= 2;
	if (size != assembly->size && !assembly->short_of_memory) {
		text = realloc(assembly->text, size);
		if (text) {
			assembly->broker->assemblies.bytes += size - assembly->size;
			assembly->text = text;
			assembly->size = size;
		} else {
			assembly->short_of_memory = true;
		}
	}
	if (assembly->short_of_memory)
		return;
	memcpy(assembly->text + assembly->len, data, len);
	assembly->len += len;
}

static void put_text(struct assembly *assembly, const char *text)
{
	put(assembly, text, strlen(text));
}

/* A JSON string of UTF-8 text. */
static void put_string(struct assembly *assembly, const char *text)
{
	char escaped[8];

	put_text(assembly, "\"");
	while (*text) {
		size_t plain = 0;

		while ((unsigned char)text[plain] >= ' ' && text[plain] != '"' && text[plain] != '\\')
			plain++;
		put(assembly, text, plain);
		text += plain;
		if (!*text)
			break;
		snprintf(escaped, sizeof escaped, *text < ' ' ? "\\u%04x" : "\\%c", (unsigned char)*text);
		put_text(assembly, escaped);
		text++;
	}
	put_text(assembly, "\"");
}

/* ,"key":"text"; nothing without a text. */
static void put_member(struct assembly *assembly, const char *key, const char *text)
{
	if (!text)
		return;
	put_text(assembly, ",\"");
	put_text(assembly, key);
	put_text(assembly, "\":");
	put_string(assembly, text);
}

static void put_number(struct assembly *assembly, const char *key, int64_t number)
{
	char text[64];

	snprintf(text, sizeof text, ",\"%s\":%" PRId64, key, number);
	put_text(assembly, text);
}

/* --- members ------------------------------------------------------------------------------------------- */

/* Whether so many bytes more may be taken; they are, then. */
static bool take(struct assembly *assembly, size_t bytes)
{
	if (bytes > ASSEMBLY_TOTAL_MAX - assembly->taken)
		return false;
	assembly->taken += bytes;
	return true;
}

static void put_error(struct assembly *assembly, const struct future_rec *rec)
{
	const char *message = rec->error_message;

	put_text(assembly, ",\"error\":{\"kind\":");
	put_string(assembly, rec->error_kind);
	put_member(assembly, "message", message && take(assembly, strlen(message)) ? message : NULL);
	put_member(assembly, "code", rec->error_code);
	if (rec->error_http_status)
		put_number(assembly, "http_status", rec->error_http_status);
	put_text(assembly, "}");
}

static void put_result(struct assembly *assembly, struct slice bytes)
{
	const struct remote *remote = &assembly->broker->remote;
	char *member;

	if (remote->embed(remote->self, assembly->content_type, bytes, &member) < 0) {
		assembly->short_of_memory = true;
		return;
	}
	put_text(assembly, ",");
	put_text(assembly, member);
	free(member);
}

static void end_member(struct assembly *assembly)
{
	put_text(assembly, "}");
	free(assembly->content_type);
	assembly->content_type = NULL;
	assembly->at++;
}

static void on_bytes(void *arg, int status, const void *data, size_t len);

/* The result of a member, unless it is too much; from the store if there is anything in it. */
static void read_result(struct assembly *assembly, const struct future *member)
{
	const struct future_rec *rec = &member->rec;
	size_t size = (size_t)rec->result_size;

	if (size > ASSEMBLY_RESULT_MAX || !take(assembly, size))
		return;
	if (rec->content_type) {
		assembly->content_type = strdup(rec->content_type);
		if (!assembly->content_type)
			assembly->short_of_memory = true;
	}
	if (size == 0) {
		put_result(assembly, slice_from_str(""));
	} else if (store_read_result(assembly->broker->store, member->id.bytes, 0, size, on_bytes, assembly) == 0) {
		assembly->reading = size;
		assembly->broker->assemblies.bytes += size;
	} else {
		assembly->short_of_memory = true;
	}
}

static void end_reading(struct assembly *assembly)
{
	assembly->broker->assemblies.bytes -= assembly->reading;
	assembly->reading = 0;
}

static void put_one(struct assembly *assembly)
{
	const struct id *id = &assembly->group->plan->of[assembly->at];
	const struct future *member = index_find(&assembly->broker->index, id);
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	put_text(assembly, assembly->at == 0 ? "{\"id\":" : ",{\"id\":");
	put_string(assembly, text);
	put_member(assembly, "state", member ? future_state_name(member->durable_state) : "forgotten");
	if (member && member->durable_state == STORE_SUCCEEDED && member->rec.result_size >= 0) {
		put_member(assembly, "content_type", member->rec.content_type);
		put_number(assembly, "size", member->rec.result_size);
		read_result(assembly, member);
	} else if (member && future_state_terminal(member->durable_state) && member->rec.error_kind) {
		put_error(assembly, &member->rec);
	}
	if (!assembly->reading)
		end_member(assembly);
}

/* --- one after the other ------------------------------------------------------------------------------- */

static void assembly_free(struct assembly *assembly)
{
	struct assemblies *all = &assembly->broker->assemblies;
	struct assembly *before = NULL;

	for (struct assembly *at = all->first; at != assembly; at = at->next)
		before = at;
	if (before)
		before->next = assembly->next;
	else
		all->first = assembly->next;
	if (all->last == assembly)
		all->last = before;
	if (assembly->group)
		assembly->group->assembly = NULL;
	all->bytes -= assembly->size;
	free(assembly->content_type);
	free(assembly->text);
	free(assembly);
}

/* Tried again from the start, in a second. */
static void give_up(struct assembly *assembly)
{
	struct future *group = assembly->group;

	assembly_free(assembly);
	drive_postpone(group);
}

static void on_bytes(void *arg, int status, const void *data, size_t len)
{
	struct assembly *assembly = arg;

	end_reading(assembly);
	if (!assembly->group) {
		assembly_free(assembly);
		return;
	}
	/* One that was forgotten meanwhile is listed as what it was, without a result. */
	if (status == 0)
		put_result(assembly, (struct slice){ .data = data, .len = len });
	else if (status != -ENOENT)
		assembly->short_of_memory = true;
	end_member(assembly);
}

void assembly_begin(struct future *group)
{
	struct broker *broker = group->broker;
	struct assembly *assembly;

	if (!group->assembly) {
		assembly = calloc(1, sizeof *assembly);
		if (!assembly) {
			drive_postpone(group);
			return;
		}
		assembly->broker = broker;
		assembly->group = group;
		group->assembly = assembly;
		if (broker->assemblies.last)
			broker->assemblies.last->next = assembly;
		else
			broker->assemblies.first = assembly;
		broker->assemblies.last = assembly;
	}
	/* Its deadline is still to be kept. */
	group->next_usec = SCHED_NEVER;
	drive_arm(group);
}

void assembly_drop(struct future *group)
{
	struct assembly *assembly = group->assembly;

	if (!assembly)
		return;
	group->assembly = NULL;
	assembly->group = NULL;
	if (!assembly->reading)
		assembly_free(assembly);
}

/* All members are in the text. */
static void finish(struct assembly *assembly)
{
	struct future *group = assembly->group;
	struct ending ending = { .state = STORE_SUCCEEDED, .content_type = slice_from_str("application/json") };
	struct future_rec draft;
	char *text;

	put_text(assembly, "]");
	if (assembly->short_of_memory) {
		give_up(assembly);
		return;
	}
	text = assembly->text;
	ending.result = (struct slice){ .data = text, .len = assembly->len };
	assembly->text = NULL;
	assembly_free(assembly);
	record_draft(group, &draft);
	if (drive_finish(group, &draft, &ending) < 0)
		drive_postpone(group);
	free(text);
}

/* Whether there is anything to do for it now: the first in line may always go on. */
static bool may_go_on(const struct assembly *assembly)
{
	const struct assemblies *all = &assembly->broker->assemblies;

	return !assembly->reading && (assembly == all->first || all->bytes < ASSEMBLY_TOTAL_MAX);
}

/* Write members of one, until something has to be read for it, or as many as may be: *left goes down. */
static void work(struct assembly *assembly, unsigned *left)
{
	if (assembly->len == 0)
		put_text(assembly, "[");
	while (assembly->at < assembly->group->plan->n_of) {
		if (*left == 0 || !may_go_on(assembly))
			return;
		if (assembly->short_of_memory) {
			give_up(assembly);
			return;
		}
		--*left;
		put_one(assembly);
	}
	finish(assembly);
}

void assemblies_due(struct broker *broker)
{
	struct assembly *assembly = broker->assemblies.first, *next;
	unsigned left = TURN_MAX;

	for (unsigned i = 0; assembly && i < AT_ONCE_MAX && left > 0 && !broker->stopping; i++, assembly = next) {
		next = assembly->next;
		if (may_go_on(assembly))
			work(assembly, &left);
	}
}

uint64_t assemblies_next(const struct broker *broker, uint64_t now_usec)
{
	const struct assembly *assembly = broker->assemblies.first;

	for (unsigned i = 0; assembly && i < AT_ONCE_MAX && !broker->stopping; i++, assembly = assembly->next)
		if (may_go_on(assembly))
			return now_usec;
	return SCHED_NEVER;
}
