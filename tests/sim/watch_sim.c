/* watch_sim.c - streams of events of the simulated service: they wake, tell, lie and close as their script says. */
#include "tests/sim/service_core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int service_watch(void *self, const struct plan *plan, const struct step_input *input, watch_cb event, void *arg,
    struct watch **ret, struct error *error)
{
	const struct script *script = (const struct script *)plan;
	struct service *service = self;
	struct asked *asked = service_note(service, input->id);
	struct watch *watch;

	if (!plan->has_events || input->step != STEP_EVENTS)
		service_violate(service, "a stream of events of a plan without one");
	if (asked->watching)
		service_violate(service, "two streams of events for one future");
	/* A new client does not know when the one before asked; one with full jitter may have no luck. */
	if (asked->watches > 0 && asked->watch_client == service->clients && !script->jitter &&
	    *service->now_usec - asked->last_watch_usec < plan->retry.initial_usec)
		service_violate(service, "streams of events in a hot loop");
	asked->last_watch_usec = *service->now_usec;
	asked->watch_client = service->clients;
	if (service->down || asked->watches++ < script->events_busy) {
		error_set(error, ERROR_LIMIT, "too many streams");
		return -EBUSY;
	}
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		abort();
	asked->watching = true;
	watch->service = service;
	watch->script = script;
	watch->asked = asked;
	watch->event = event;
	watch->arg = arg;
	watch->due_usec = *service->now_usec + script->wake_usec;
	watch->close_usec = script->events_close_usec ? *service->now_usec + script->events_close_usec : UINT64_MAX;
	watch->next = service->watches;
	service->watches = watch;
	*ret = watch;
	return 0;
}

void service_unwatch(void *self, struct watch *watch)
{
	struct service *service = self;
	struct watch **at = &service->watches;

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	watch->asked->watching = false;
	free(watch);
}

static uint64_t due_of(const struct watch *watch)
{
	uint64_t wake = watch->script->wake_usec ? watch->due_usec : UINT64_MAX;

	return wake < watch->close_usec ? wake : watch->close_usec;
}

uint64_t service_watches_next(const struct service *service)
{
	uint64_t next = UINT64_MAX;

	for (const struct watch *watch = service->watches; watch; watch = watch->next)
		next = due_of(watch) < next ? due_of(watch) : next;
	return next;
}

bool service_watches_deliver(struct service *service)
{
	struct watch *watch = service->watches;
	char text[32];

	while (watch && due_of(watch) > *service->now_usec)
		watch = watch->next;
	if (!watch)
		return false;
	if (watch->close_usec <= *service->now_usec) {
		watch_cb event = watch->event;
		void *arg = watch->arg;

		service_unwatch(service, watch);
		event(arg, WATCH_CLOSED, (struct slice){ 0 });
		return true;
	}
	watch->due_usec = *service->now_usec + watch->script->wake_usec;
	if (!watch->script->tells) {
		watch->event(watch->arg, WATCH_WAKE, (struct slice){ 0 });
		return true;
	}
	snprintf(text, sizeof(text), "{\"told\":%u}", ++watch->told);
	watch->event(watch->arg, WATCH_PROGRESS, slice_from_str(text));
	return true;
}

void service_watches_forget(struct service *service)
{
	while (service->watches)
		service_unwatch(service, service->watches);
}
