/* sim.c - the loop of a daemon whose time, disk, network and luck are numbers. */
#include "tests/sim/sim.h"

#include "tests/draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL_EPOCH_MS INT64_C(1700000000000)
#define TURNS_MAX 100000

static uint64_t on_monotonic(void *self)
{
	struct sim *sim = self;

	return sim->now_usec - sim->boot_usec + SECOND;
}

int64_t sim_wall_ms(const struct sim *sim)
{
	return WALL_EPOCH_MS + sim->wall_shift_ms + (int64_t)(sim->now_usec / 1000);
}

static int64_t on_wall(void *self)
{
	return sim_wall_ms(self);
}

static void on_random(void *self, void *ret, size_t len)
{
	struct sim *sim = self;
	unsigned char *bytes = ret;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(draw(&sim->random) >> 56);
}

static void violate(struct sim *sim, const char *what, const struct id *id)
{
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	if (!sim->violation[0])
		snprintf(sim->violation, sizeof(sim->violation), "%s: %s", text, what);
}

/* A submit must not be repeated blindly: what it takes to know of it comes first. */
static void check_submit(struct sim *sim, const struct plan *plan, const struct step_input *input,
    const struct disk_future *durable)
{
	if (plan->has_idempotency) {
		if (!durable->rec.idempotency || strcmp(durable->rec.idempotency, input->idempotency) != 0)
			violate(sim, "an idempotency value that is not durable", input->id);
	} else if (!plan->resubmit && durable->rec.phase != STORE_PHASE_SUBMITTING) {
		violate(sim, "a submit without a durable intent", input->id);
	}
}

/* What it comes after has succeeded by now, or did and was forgotten then. */
static void check_after(struct sim *sim, const struct disk_future *durable, const struct id *id)
{
	for (size_t i = 0; i < durable->rec.n_after; i++) {
		const struct disk_future *on = disk_find(sim->disk, durable->rec.after[i]);

		if (on && on->rec.state != STORE_SUCCEEDED)
			violate(sim, "a request for a future before its turn", id);
	}
}

/* What must be on the disk by the time a request leaves. */
static void on_request(void *arg, const struct plan *plan, const struct step_input *input)
{
	struct sim *sim = arg;
	const struct disk_future *durable = disk_find(sim->disk, input->id->bytes);

	if (!durable) {
		violate(sim, "a request for a future that is not durable", input->id);
		return;
	}
	if (input->step == STEP_ACK) {
		if (durable->rec.state < STORE_SUCCEEDED || durable->rec.phase != STORE_PHASE_ACK)
			violate(sim, "an end is acknowledged that is not durable", input->id);
		return;
	}
	if (durable->rec.held)
		violate(sim, "a request for a future that is held", input->id);
	check_after(sim, durable, input->id);
	if (durable->rec.state >= STORE_SUCCEEDED)
		violate(sim, "a request for a future that is over", input->id);
	if ((input->step == STEP_FETCH) != (durable->rec.phase == STORE_PHASE_FETCH))
		violate(sim, "a fetch that is not durable, or none where it is", input->id);
	if (input->step == STEP_SUBMIT)
		check_submit(sim, plan, input, durable);
}

/* A pause that is on the disk binds the next daemon. Places are named as their bucket, or that and its owner. */
static int expect_pause(void *arg, uint32_t uid, const char *bucket, int64_t until_ms)
{
	struct sim *sim = arg;
	uint64_t until = sim->now_usec + (uint64_t)(until_ms - sim_wall_ms(sim)) * 1000;
	char name[SCRIPT_TEXT];

	service_expect_pause(sim->service, bucket, until);
	snprintf(name, sizeof(name), "%s-%u", bucket, (unsigned)uid);
	service_expect_pause(sim->service, name, until);
	return 0;
}

static void boot(struct sim *sim)
{
	const struct broker_host host = {
		.self = sim, .monotonic_usec = on_monotonic, .wall_ms = on_wall, .random = on_random
	};
	struct broker_loader *loader = broker_loader_new();
	struct error error = { 0 };

	disk_each_pause(sim->disk, sim_wall_ms(sim), expect_pause, sim);
	if (!loader || store_sim_open(sim->disk, broker_load_one, loader, &sim->store) < 0)
		abort();
	sim->broker = broker_new(&sim->config, &host, service_remote(sim->service), sim->store);
	if (!sim->broker || broker_adopt(sim->broker, loader, &error) < 0)
		abort();
	sim->commit_at = UINT64_MAX;
	sim->turns = 0;
}

struct sim *sim_new_with_log(uint64_t seed, uint64_t events_max)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (!sim)
		abort();
	sim->random = seed;
	sim->config = (struct broker_config){
		.requests_total = 64, .requests_bucket = 8, .long_polls_total = 64, .long_polls_bucket = 8,
		.futures_per_uid = 10000, .finished_per_uid = UINT64_MAX, .results_per_uid = UINT64_MAX
	};
	sim->commit_usec = 1000;
	sim->disk = disk_new(events_max);
	sim->service = service_new(&sim->now_usec);
	service_expect_limits(sim->service, sim->config.requests_total, sim->config.requests_bucket);
	service_on_request(sim->service, on_request, sim);
	boot(sim);
	return sim;
}

struct sim *sim_new(uint64_t seed)
{
	return sim_new_with_log(seed, 1000000);
}

void sim_set_clock(struct sim *sim, int64_t by_ms)
{
	sim->wall_shift_ms += by_ms;
	broker_clock_set(sim->broker);
}

void sim_commit(struct sim *sim)
{
	while (store_sim_queued(sim->store) > 0 || store_sim_finished(sim->store) > 0) {
		store_sim_commit(sim->store, SIZE_MAX);
		store_dispatch(sim->store);
	}
	sim->commit_at = UINT64_MAX;
}

static void power_off(struct sim *sim)
{
	sim->crashing = true;
	store_sim_crash(sim->store);
	sim->broker = broker_free(sim->broker);
	sim->store = store_sim_free(sim->store);
	service_forget_client(sim->service);
	sim->crashing = false;
}

struct sim *sim_free(struct sim *sim)
{
	if (!sim)
		return NULL;
	sim_commit(sim);
	sim->broker = broker_free(sim->broker);
	sim->store = store_sim_free(sim->store);
	if (service_plans(sim->service) > 0) {
		fprintf(stderr, "%zu plans were not freed\n", service_plans(sim->service));
		abort();
	}
	service_free(sim->service);
	disk_free(sim->disk);
	free(sim);
	return NULL;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The broker's monotonic time as true time. */
static uint64_t true_time(const struct sim *sim, uint64_t monotonic)
{
	uint64_t offset = sim->boot_usec;

	if (monotonic > UINT64_MAX - offset)
		return UINT64_MAX;
	return monotonic + offset > SECOND ? monotonic + offset - SECOND : 0;
}

static void commit_due(struct sim *sim)
{
	size_t count = store_sim_queued(sim->store);

	if (sim->commit_random)
		count = 1 + draw(&sim->commit_random) % count;
	store_sim_commit(sim->store, count);
	store_dispatch(sim->store);
	sim->commit_at = UINT64_MAX;
}

static void pass_time(struct sim *sim, uint64_t to_usec)
{
	if (to_usec > sim->now_usec) {
		sim->now_usec = to_usec;
		sim->turns = 0;
	} else if (++sim->turns > TURNS_MAX) {
		fprintf(stderr, "the loop spins at %llu us\n", (unsigned long long)sim->now_usec);
		abort();
	}
}

bool sim_step(struct sim *sim, uint64_t until_usec)
{
	uint64_t next = true_time(sim, broker_run(sim->broker));

	if (sim->commit_at == UINT64_MAX && sim->commit_usec != UINT64_MAX && store_sim_queued(sim->store) > 0)
		sim->commit_at = sim->now_usec + sim->commit_usec;
	next = earliest(next, earliest(service_next(sim->service), sim->commit_at));
	if (next > until_usec) {
		pass_time(sim, until_usec);
		return false;
	}
	pass_time(sim, next);
	if (sim->commit_at <= sim->now_usec)
		commit_due(sim);
	else
		service_deliver(sim->service);
	return true;
}

void sim_run(struct sim *sim, uint64_t usec)
{
	uint64_t until = sim->now_usec + usec;

	while (sim_step(sim, until))
		;
}

void sim_crash(struct sim *sim, uint64_t down_usec)
{
	power_off(sim);
	sim->now_usec += down_usec;
	sim->boot_usec = sim->now_usec;
	boot(sim);
}

void sim_restart(struct sim *sim, uint64_t down_usec)
{
	broker_stop(sim->broker);
	while (!broker_stopped(sim->broker))
		sim_step(sim, sim->now_usec + 60 * SECOND);
	sim_commit(sim);
	sim->broker = broker_free(sim->broker);
	sim->store = store_sim_free(sim->store);
	service_forget_client(sim->service);
	sim->now_usec += down_usec;
	boot(sim);
}

const char *sim_violation(const struct sim *sim)
{
	return sim->violation[0] ? sim->violation : service_violation(sim->service);
}
