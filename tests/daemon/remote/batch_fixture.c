/* batch_fixture.c - a batch over loopback: its members, what the service answers, and what is told. */
#include "tests/daemon/remote/batch_fixture.h"

#include <stdio.h>
#include <string.h>

struct answer_of_service answers[MEMBERS_MAX];
size_t n_answers, count;
struct plan *plans[MEMBERS_MAX];
struct batch_member members[MEMBERS_MAX];
struct exchange *exchange;
struct told told[MEMBERS_MAX + 1];
unsigned calls;
void (*on_told)(size_t member);

static size_t answered;

void respond(struct evhttp_request *request)
{
	size_t i = answered < n_answers ? answered++ : n_answers - 1;

	if (answers[i].name)
		reply_header(request, answers[i].name, answers[i].value);
	reply(request, answers[i].status, answers[i].body);
}

void answer(int status, const char *body)
{
	answers[n_answers].status = status;
	answers[n_answers].body = body;
	n_answers++;
}

void batch_setup(void)
{
	loopback_setup();
	memset(answers, 0, sizeof(answers));
	memset(members, 0, sizeof(members));
	memset(plans, 0, sizeof(plans));
	memset(told, 0, sizeof(told));
	n_answers = answered = count = 0;
	calls = 0;
	on_told = NULL;
	on_request = respond;
}

void batch_teardown(void)
{
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		remote.plan_free(remote.self, plans[i]);
	loopback_teardown();
}

static void copy_slice(char *ret, size_t size, struct slice slice)
{
	snprintf(ret, size, "%.*s", (int)slice.len, slice.data ? slice.data : "");
}

static void done(void *arg, size_t member, const struct verdict *verdict)
{
	struct told *to = &told[member];

	ck_assert_uint_le(member, count);
	ck_assert_uint_eq(told[count].calls, 0);
	calls++;
	to->calls++;
	to->verdict = *verdict;
	copy_slice(to->result, sizeof(to->result), verdict->result);
	copy_slice(to->message, sizeof(to->message), verdict->failure.message);
	copy_slice(to->progress, sizeof(to->progress), verdict->progress);
	snprintf(to->captured, sizeof(to->captured), "%s", verdict->captured ? verdict->captured : "");
	snprintf(to->kind, sizeof(to->kind), "%s", verdict->failure.kind ? verdict->failure.kind : "");
	if (on_told)
		on_told(member);
}

void add(const char *spec, const char *job)
{
	char params[128] = "";

	if (job)
		snprintf(params, sizeof(params), "\"job\": %s", job);
	plans[count] = make_plan(spec, params);
	members[count].plan = plans[count];
	members[count].input = input_of(STEP_POLL);
	count++;
}

void add_numbers(const char *spec, size_t n)
{
	char job[8];

	for (size_t i = 0; i < n; i++) {
		snprintf(job, sizeof(job), "%zu", count + 1);
		add(spec, job);
	}
}

int try_start(struct error *error)
{
	memset(told, 0, sizeof(told));
	calls = answered = requests = 0;
	return remote.start_batch(remote.self, members, count, done, NULL, &exchange, error);
}

void start(void)
{
	struct error error = { 0 };

	ck_assert_msg(try_start(&error) == 0, "%s", error.message);
	ck_assert_uint_eq(calls, 0);
}

void finish(void)
{
	run_until(told[count].calls > 0);
	run_a_little();
	ck_assert_uint_eq(told[count].calls, 1);
}

void run(void)
{
	start();
	finish();
}

void check_all(enum outcome outcome)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(told[i].calls == 1 && told[i].verdict.outcome == outcome, "member %zu: %u times, last %d", i,
		    told[i].calls, told[i].verdict.outcome);
}
