/* test_sim.c - random histories. Arguments: seeds; without, a fixed row of them. A failure names its seed last. */
#include "tests/draw.h"
#include "tests/sim/model.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTIONS 400
#define SEEDS_DEFAULT 30

struct history {
	struct sim *sim;
	struct model model;
	uint64_t random;
};

/* 0 .. n - 1 */
static unsigned below(struct history *h, unsigned n)
{
	return (unsigned)(draw(&h->random) % n);
}

static bool chance(struct history *h, unsigned percent)
{
	return below(h, 100) < percent;
}

static const char *pick(struct history *h, const char *const *list, unsigned count)
{
	return list[below(h, count)];
}
#define PICK(h, list) pick(h, list, sizeof(list) / sizeof((list)[0]))

static uid_t some_user(struct history *h)
{
	return 1000 + below(h, 3);
}

/* --- scripts ---------------------------------------------------------------------------------------- */

struct text {
	char bytes[512];
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text->len += (size_t)vsnprintf(text->bytes + text->len, sizeof(text->bytes) - text->len, format, args);
	va_end(args);
	ck_assert_uint_lt(text->len, sizeof(text->bytes));
}

static void add_submit(struct history *h, struct text *text)
{
	static const char *const kinds[] = { "", "", "idempotency ", "idempotency ", "resubmit " };

	add(text, "submit %s", PICK(h, kinds));
	if (chance(h, 20))
		add(text, "unsent=%u ", 1 + below(h, 3));
	if (chance(h, 10))
		add(text, "lost=%u ", 1 + below(h, 2));
	if (chance(h, 20))
		add(text, "busy=%u ", 1 + below(h, 3));
	if (chance(h, 10))
		add(text, "at_once ");
}

static void add_troubles(struct history *h, struct text *text)
{
	unsigned from = 1 + below(h, 10);

	if (chance(h, 30))
		add(text, "fail=%u:%u ", from, from + below(h, 8));
	if (chance(h, 20))
		add(text, "throttle=%u:%u ", 1 + below(h, 5), 1 + below(h, 600));
	if (chance(h, 10))
		add(text, "wait=%u ", 10 + below(h, 50));
	if (chance(h, 10))
		add(text, "delay=%u ", 10 + below(h, 50));
	if (chance(h, 10))
		add(text, "retry_timeout=%u ", 5 + below(h, 600));
	if (chance(h, 10))
		add(text, "polling_timeout=%u ", 5 + below(h, 3600));
	if (chance(h, 3))
		add(text, "hang ");
	if (chance(h, 2))
		add(text, "nostart ");
}

/* What comes after the end, and what makes it known sooner. */
static void add_steps(struct history *h, struct text *text)
{
	if (chance(h, 30))
		add(text, "fetch hops=%u fetch_pending=%u fetch_fail=%u ", below(h, 4), below(h, 3), below(h, 3));
	if (chance(h, 40))
		add(text, "ack ack_fail=%u ", chance(h, 40) ? below(h, 6) : 0);
	if (chance(h, 15))
		add(text, "long_poll hold=%u delay=0 ", below(h, 60));
	if (chance(h, 20)) {
		add(text, "events events_busy=%u ", below(h, 2));
		if (chance(h, 80))
			add(text, "wake=%u %s", 1 + below(h, 100), chance(h, 30) ? "tells " : "");
		if (chance(h, 50))
			add(text, "events_close=%u ", 1 + below(h, 300));
	}
}

static struct text some_script(struct history *h, uid_t uid)
{
	static const char *const ends[] = { "success", "success", "success", "failure", "cancelled", "lost", "never" };
	static const char *const pollings[] = { "1/300/2", "5/60/1.5", "30/600/2", "60/60/1" };
	static const char *const ttls[] = { "60", "3600", "604800", "none" };
	static const char *const latencies[] = { "0.001", "0.05", "1", "20" };
	struct text text = { .len = 0 };

	/* A bucket has one limit, whoever joins it; the service counts for each owner apart. */
	if (chance(h, 50))
		add(&text, "bucket=big place=big-%u ", (unsigned)uid);
	else
		add(&text, "bucket=small place=small-%u limit=2 ", (unsigned)uid);
	if (chance(h, 60))
		add_submit(h, &text);
	if (chance(h, 40))
		add(&text, "cancel %s", chance(h, 20) ? "deaf " : "");
	if (chance(h, 50))
		add(&text, "progress %s", chance(h, 10) ? "reset " : "");
	if (chance(h, 10))
		add(&text, "deliver ");
	if (chance(h, 70))
		add(&text, "jitter ");
	add_steps(h, &text);
	add_troubles(h, &text);
	add(&text, "polls=%u end=%s polling=%s ", below(h, 20), PICK(h, ends), PICK(h, pollings));
	add(&text, "ttl=%s latency=%s result=r%u", PICK(h, ttls), PICK(h, latencies), below(h, 1000));
	return text;
}

/* --- what happens ----------------------------------------------------------------------------------- */

/* One that is known to be there, or NULL. */
static struct known *some_future(struct history *h)
{
	for (int i = 0; i < 20 && h->model.count > 0; i++) {
		struct known *known = h->model.known[below(h, (unsigned)h->model.count)];

		if (known->acked && !known->forgotten)
			return known;
	}
	return NULL;
}

/* Some that the user owns; how many. */
static size_t some_of_user(struct history *h, uid_t uid, struct id *ids, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < 2 * most && count < most; i++) {
		struct known *known = some_future(h);

		if (known && known->uid == uid)
			ids[count++] = known->id;
	}
	return count;
}

/* What asks no service: a timer, or a group of some. */
static struct text some_local(struct history *h, uid_t uid)
{
	static const char *const untils[] = { "all", "all", "any", "first_exception" };
	struct text text = { .len = 0 };
	struct id ids[6];
	char name[ID_TEXT_LEN + 1];
	size_t count;

	if (chance(h, 30)) {
		add(&text, "kind=timer rings=%u ttl=3600", below(h, 5000));
		return text;
	}
	count = some_of_user(h, uid, ids, 1 + below(h, 6));
	add(&text, "kind=group until=%s ttl=3600", PICK(h, untils));
	for (size_t i = 0; i < count; i++) {
		id_format(&ids[i], name);
		add(&text, "%s%s", i ? "," : " of=", name);
	}
	return text;
}

static void do_create_local(struct history *h)
{
	uid_t uid = some_user(h);
	struct text script = some_local(h, uid);
	struct create_request request = client_request(script.bytes);

	client_create(h->sim, uid, &request, &model_call(&h->model, CALL_CREATE, uid)->answer);
}

static void do_create(struct history *h)
{
	struct id after[3];
	static const char *const keys[] = { "a", "b", "c" };
	uid_t uid = some_user(h);
	struct text script = some_script(h, uid);
	struct create_request request = client_request(script.bytes);
	struct call *call = model_call(&h->model, CALL_CREATE, uid);

	if (chance(h, 20)) {
		request.key = slice_from_str(PICK(h, keys));
		if (chance(h, 70))
			request.source.spec = slice_from_str(uid == 1000 ? "place=k0 polls=9" : "place=k1 polls=9 submit");
	}
	if (chance(h, 20)) {
		request.timeout_kind = CREATE_GIVEN;
		request.timeout_usec = below(h, 2000) * SECOND;
	}
	if (chance(h, 25)) {
		request.source.after = after;
		request.source.n_after = some_of_user(h, uid, after, 1 + below(h, 3));
	}
	if (chance(h, 10)) {
		request.source.has_delay = true;
		request.source.delay_usec = below(h, 8000) * SECOND;
	}
	client_create(h->sim, uid, &request, &call->answer);
}

static void do_wait(struct history *h)
{
	static const uint64_t timeouts[] = { UINT64_MAX, UINT64_MAX, 0, SECOND, HOUR };
	struct open_wait *wait = model_wait(&h->model);
	size_t wanted = 1 + below(h, 8);

	wait->mode = (enum wait_mode)below(h, 3);
	wait->timeout_usec = timeouts[below(h, 5)];
	while (wait->count < wanted) {
		struct known *known = some_future(h);

		if (!known)
			break;
		wait->ids[wait->count++] = known->id;
	}
	client_wait(h->sim, 0, wait->ids, wait->count, wait->mode, wait->timeout_usec, &wait->waiting);
	ck_assert(wait->waiting.code == ERROR_NONE || wait->waiting.code == ERROR_NOT_FOUND);
}

static void do_drop_wait(struct history *h)
{
	struct open_wait *wait = h->model.waits;

	if (!wait || !wait->waiting.wait)
		return;
	wait_free(wait->waiting.wait);
	h->model.waits = wait->next;
	free(wait);
}

static void do_cancel(struct history *h)
{
	struct known *known = some_future(h);

	if (!known)
		return;
	known->cancel_asked = true;
	client_cancel(h->sim, 0, &known->id, &model_call(&h->model, CALL_OTHER, 0)->answer);
}

static void do_forget(struct history *h)
{
	struct known *known = some_future(h);
	struct call *call;

	if (!known)
		return;
	call = model_call(&h->model, CALL_OTHER, 0);
	client_forget(h->sim, 0, &known->id, &call->answer);
	if (call->answer.code == ERROR_NONE)
		known->forget_asked = true;
}

static void do_extend(struct history *h)
{
	static const uint64_t timeouts[] = { 0, SECOND, 100 * SECOND, HOUR, UINT64_MAX };
	struct known *known = some_future(h);

	if (!known)
		return;
	known->deadline_given = true;
	client_extend(h->sim, 0, &known->id, timeouts[below(h, 5)], &model_call(&h->model, CALL_OTHER, 0)->answer);
}

static void do_retry(struct history *h)
{
	struct known *known = some_future(h);

	if (known)
		client_retry(h->sim, 0, &known->id, &model_call(&h->model, CALL_CREATE, known->uid)->answer);
}

static void do_small(struct history *h)
{
	struct known *known = some_future(h);

	if (!known)
		return;
	if (chance(h, 50))
		client_refresh(h->sim, 0, &known->id);
	else
		broker_delivered(h->sim->broker, &known->id);
}

static void do_reboot(struct history *h)
{
	static const uint64_t downs[] = { 0, SECOND, 60 * SECOND, 10 * HOUR };
	uint64_t down = downs[below(h, 4)];

	if (chance(h, 30)) {
		sim_restart(h->sim, down);
	} else {
		/* A part of what was queued may be durable without anybody knowing. */
		if (chance(h, 50))
			store_sim_commit(h->sim->store, below(h, 10));
		sim_crash(h->sim, down);
	}
	model_rebooted(&h->model);
}

static void do_weather(struct history *h)
{
	static const uint64_t commits[] = { 0, 1000, 1000, 100000, 5 * SECOND };

	switch (below(h, 5)) {
	case 0:
		h->sim->commit_usec = commits[below(h, 5)];
		h->sim->commit_random = chance(h, 50) ? draw(&h->random) : 0;
		break;
	case 1:
		service_set_down(h->sim->service, chance(h, 30));
		break;
	case 2:
		disk_set_full(h->sim->disk, chance(h, 30));
		break;
	case 3:
		store_sim_refuse(h->sim->store, below(h, 20));
		break;
	default:
		h->model.monitor.refuse = chance(h, 50);
		if (!h->model.monitor.refuse)
			subscription_resume(h->model.monitor.subscription);
	}
}

static const struct {
	unsigned weight;
	void (*act)(struct history *h);
} actions[] = {
	{ 27, do_create }, { 6, do_create_local }, { 12, do_wait },
	{ 3, do_drop_wait }, { 6, do_cancel }, { 6, do_forget }, { 3, do_extend },
	{ 5, do_retry }, { 10, do_small }, { 6, do_reboot }, { 16, do_weather }
};

static void act(struct history *h)
{
	unsigned place = below(h, 100);

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (place < actions[i].weight) {
			actions[i].act(h);
			return;
		}
		place -= actions[i].weight;
	}
}

/* Mostly a little, now and then long enough for everything to end. */
static void let_time_pass(struct history *h)
{
	static const uint64_t most[] = { 1, 2000, 2000, SECOND, SECOND, 60 * SECOND, 60 * SECOND, HOUR, 20 * HOUR };

	sim_run(h->sim, draw(&h->random) % most[below(h, sizeof(most) / sizeof(most[0]))]);
}

/* With all troubles over, everything that can end does. */
static void heal(struct history *h)
{
	service_set_down(h->sim->service, false);
	disk_set_full(h->sim->disk, false);
	store_sim_refuse(h->sim->store, 0);
	h->sim->commit_usec = 1000;
	h->sim->commit_random = 0;
	h->model.monitor.refuse = false;
	subscription_resume(h->model.monitor.subscription);
	sim_run(h->sim, 60 * HOUR);
	sim_commit(h->sim);
	sim_run(h->sim, 0);
	model_check_quiet(&h->model);
	for (size_t i = 0; i < h->model.count; i++) {
		struct known *known = h->model.known[i];

		if (known->forgotten || !known->script || model_may_hang(&h->model, known))
			continue;
		ck_assert_msg(known->over, "a future that does not end");
		model_check_acknowledged(&h->model, known);
	}
}

START_TEST(random_history)
{
	struct history h = { .sim = sim_new_with_log((uint64_t)_i, UINT64_MAX), .random = (uint64_t)_i };

	model_init(&h.model, h.sim);
	for (int i = 0; i < ACTIONS; i++) {
		act(&h);
		let_time_pass(&h);
		model_check(&h.model);
	}
	heal(&h);
	if (getenv("SIM_VERBOSE"))
		printf("seed %d: %llu hours, %zu futures, %llu ended, %llu events, %llu answers, %llu waits\n", _i,
		    (unsigned long long)(h.sim->now_usec / HOUR), h.model.count, (unsigned long long)h.model.ended,
		    (unsigned long long)h.model.events, (unsigned long long)h.model.answers,
		    (unsigned long long)h.model.waited);
	model_done(&h.model);
	h.sim = sim_free(h.sim);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("sim");
	TCase *tcase = tcase_create("seed");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	for (int i = 1; i < argc; i++) {
		int seed = atoi(argv[i]);

		tcase_add_loop_test(tcase, random_history, seed, seed + 1);
	}
	if (argc < 2)
		tcase_add_loop_test(tcase, random_history, 1, 1 + SEEDS_DEFAULT);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
