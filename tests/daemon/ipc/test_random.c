/* test_random.c - random calls of clients that come and go: one answer to each, and nothing left behind. */
#include "tests/daemon/ipc/harness.h"
#include "tests/draw.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 40
#define STEPS 1000
#define CLIENTS 3
#define CALLS 1024               /* of one connection in its life, at most */
#define IDS 32
#define PROGRESS 60000

/* One connection and what it is owed. */
struct user {
	struct client client;
	bool open;
	uint32_t calls;
	bool owed[CALLS];
	bool creates[CALLS];
	uint64_t seq[CALLS];             /* the last one told, by subscription */
};

static struct harness harness;
static struct user users[CLIENTS];
static struct id ids[IDS];
static size_t n_ids;
static uint64_t seed;
static unsigned answers, events, errors;

static unsigned pick(unsigned count)
{
	return (unsigned)(draw(&seed) % count);
}

static void put_progress(void *arg, const struct id *id, struct verdict *verdict)
{
	static char progress[PROGRESS];

	if (verdict->outcome != OUTCOME_PENDING)
		return;
	memset(progress, (int)('1' + pick(9)), sizeof(progress));
	verdict->progress = (struct slice){ progress, sizeof(progress) };
}

/* --- what they ask for ------------------------------------------------------------------------------------------ */

static void pack_some_id(struct pack *pack)
{
	static const struct id unknown = { { 1 } };

	pack_id(pack, n_ids == 0 || pick(20) == 0 ? &unknown : &ids[pick((unsigned)n_ids)]);
}

static const char *some_script(void)
{
	static const char *const scripts[] = {
		"", "polls=3 progress", "polls=2 end=failure", "submit cancel polls=9 progress", "end=never",
		"submit lost=1 polls=1", "polls=1 ttl=5", "fail=1:4 deliver", "throttle=1:5", "invalid",
		"polling_timeout=5 end=never", "polls=40 polling=1/1/1"
	};

	return scripts[pick(sizeof(scripts) / sizeof(scripts[0]))];
}

static void pack_create(struct pack *pack)
{
	bool keyed = pick(4) == 0;

	pack_map(pack, 1 + keyed);
	pack_str(pack, "spec");
	pack_str(pack, some_script());
	if (!keyed)
		return;
	pack_str(pack, "key");
	pack_str(pack, pick(2) ? "one" : "another");
}

static void pack_one_id(struct pack *pack)
{
	pack_map(pack, 1);
	pack_str(pack, "id");
	pack_some_id(pack);
}

static void pack_extend(struct pack *pack)
{
	pack_map(pack, 2);
	pack_str(pack, "id");
	pack_some_id(pack);
	pack_str(pack, "timeout");
	pack_u64(pack, pick(100));
}

static void pack_wait(struct pack *pack)
{
	static const char *const modes[] = { "all_completed", "first_completed", "first_exception" };
	unsigned count = pick(5);

	pack_map(pack, 3);
	pack_str(pack, "ids");
	pack_array(pack, count);
	while (count-- > 0)
		pack_some_id(pack);
	pack_str(pack, "return_when");
	pack_str(pack, modes[pick(3)]);
	pack_str(pack, "timeout");
	if (pick(2))
		pack_u64(pack, pick(60));
	else
		pack_nil(pack);
}

static void pack_subscribe(struct pack *pack)
{
	bool since = pick(2);

	pack_map(pack, since);
	if (!since)
		return;
	pack_str(pack, "since");
	pack_u64(pack, pick((unsigned)harness_stats(&harness).seq + 2));
}

static void pack_unsubscribe(struct pack *pack)
{
	pack_map(pack, 1);
	pack_str(pack, "subscription");
	pack_u64(pack, 1 + pick(4));
}

static void pack_hello(struct pack *pack)
{
	pack_map(pack, 1);
	pack_str(pack, "errors");
	pack_str(pack, pick(2) ? "map" : "string");
}

static void pack_nothing(struct pack *pack)
{
	pack_map(pack, 0);
}

static const struct {
	const char *name;
	void (*pack)(struct pack *pack);
} methods[] = {
	{ "future.create", pack_create },
	{ "future.create", pack_create },
	{ "future.create", pack_create },
	{ "future.result", pack_one_id },
	{ "future.result", pack_one_id },
	{ "future.wait", pack_wait },
	{ "future.wait", pack_wait },
	{ "future.get", pack_one_id },
	{ "future.list", pack_nothing },
	{ "future.cancel", pack_one_id },
	{ "future.refresh", pack_one_id },
	{ "future.extend", pack_extend },
	{ "future.retry", pack_one_id },
	{ "future.forget", pack_one_id },
	{ "future.subscribe", pack_subscribe },
	{ "future.unsubscribe", pack_unsubscribe },
	{ "server.hello", pack_hello },
	{ "server.stats", pack_nothing },
};

static void ask(struct user *user)
{
	unsigned which = pick(sizeof(methods) / sizeof(methods[0]));
	struct pack pack;

	if (user->calls == CALLS)
		return;
	user->owed[user->calls] = true;
	user->creates[user->calls] = strcmp(methods[which].name, "future.create") == 0;
	pack_init(&pack, 65536);
	message_write_request(&pack, user->calls++, methods[which].name);
	methods[which].pack(&pack);
	client_send(&user->client, &pack);
}

/* --- what they are told ----------------------------------------------------------------------------------------- */

static void check_response(struct user *user, const msgpack_object_array *response)
{
	uint64_t call = response->ptr[1].via.u64;
	const char *text;
	struct id id;

	ck_assert_uint_lt(call, user->calls);
	ck_assert_msg(user->owed[call], "a second answer to call %u", (unsigned)call);
	user->owed[call] = false;
	answers++;
	errors += response->ptr[2].type != MSGPACK_OBJECT_NIL;
	if (!user->creates[call] || response->ptr[2].type != MSGPACK_OBJECT_NIL)
		return;
	text = get_text(&response->ptr[3], "id");
	ck_assert_int_eq(id_parse(text, strlen(text), &id), 0);
	ids[n_ids < IDS ? n_ids++ : pick(IDS)] = id;
}

static void check_event(struct user *user, const msgpack_object *event)
{
	uint64_t subscription = get_u64(event, "subscription"), seq = get_u64(event, "seq");

	ck_assert_uint_lt(subscription, CALLS);
	ck_assert_uint_gt(seq, user->seq[subscription]);
	user->seq[subscription] = seq;
	events++;
}

static void hear(struct user *user)
{
	const msgpack_object *message;

	while ((message = client_receive(&user->client))) {
		const msgpack_object_array *parts = &message->via.array;

		if (parts->ptr[0].via.u64 == 1)
			check_response(user, parts);
		else
			check_event(user, &parts->ptr[2].via.array.ptr[0]);
	}
	ck_assert(!user->client.closed);
}

/* --- what happens ----------------------------------------------------------------------------------------------- */

static void come_or_go(struct user *user)
{
	if (user->open) {
		client_close(&user->client);
	} else {
		memset(user, 0, sizeof(*user));
		client_open(&harness, &user->client);
	}
	user->open = !user->open;
	harness_turn(&harness);
}

static void commit_some(void)
{
	store_sim_commit(harness.sim->store, pick(4));
	store_dispatch(harness.sim->store);
	harness_turn(&harness);
}

static void step(void)
{
	struct user *user = &users[pick(CLIENTS)];
	unsigned what = pick(100);

	if (!user->open ? what < 20 : what < 2)
		come_or_go(user);
	else if (what < 50 && user->open)
		ask(user);
	else if (what < 60 && user->open)
		hear(user);
	else if (what < 80)
		commit_some();
	else if (what < 84)
		harness_commit(&harness);
	else if (what < 94)
		harness_run(&harness, pick(20) * SECOND);
	else if (what < 96)
		disk_set_full(harness.sim->disk, pick(4) == 0);
	else if (what < 97)
		store_sim_refuse(harness.sim->store, 1 + pick(3));
	else
		harness_turn(&harness);
}

/* The daemon stops: by then everyone has an answer. */
static void stop(void)
{
	broker_stop(harness.sim->broker);
	ipc_stop(harness.ipc);
	for (int i = 0; i < 40; i++) {
		harness_commit(&harness);
		for (int j = 0; j < CLIENTS; j++) {
			if (users[j].open)
				hear(&users[j]);
		}
	}
	ck_assert(ipc_idle(harness.ipc));
	for (int i = 0; i < CLIENTS; i++) {
		for (uint32_t call = 0; users[i].open && call < users[i].calls; call++)
			ck_assert_msg(!users[i].owed[call], "no answer to call %u", (unsigned)call);
	}
}

START_TEST(one_answer_each)
{
	seed = (uint64_t)_i;
	memset(users, 0, sizeof(users));
	n_ids = 0;
	harness_init(&harness);
	if (pick(2))
		service_on_answer(harness.sim->service, put_progress, NULL);
	for (int i = 0; i < STEPS; i++)
		step();
	stop();
	/* That it was worth it. */
	ck_assert_uint_gt(answers, 20);
	ck_assert_uint_gt(answers, errors);
	for (int i = 0; i < CLIENTS; i++) {
		if (users[i].open)
			client_close(&users[i].client);
	}
	harness_done(&harness);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("random");
	TCase *tcase = tcase_create("random");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, one_answer_each, 0, SEEDS);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
