/* batch_case.c - the fixture of the tests of batches: a rig, its futures, and what the list says of them. */
#include "tests/daemon/broker/batch_case.h"

#include "tests/sim/must.h"

#include <string.h>

struct rig *rig;
struct id ids[10000];
enum outcome outcome;
struct id odd;
enum outcome odd_outcome;

void batch_setup(void)
{
	memset(ids, 0, sizeof ids);
	memset(&odd, 0, sizeof odd);
	outcome = OUTCOME_PENDING;
	rig = rig_new(1);
	rig->kinds[0].plan.batch = "list";
}

void batch_teardown(void)
{
	rig = rig_free(rig);
}

bool batch_is_odd(const struct id *id)
{
	return memcmp(id, &odd, sizeof odd) == 0;
}

void batch_say(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)of;
	verdict->outcome = batch_is_odd(id) ? odd_outcome : outcome;
	if (verdict->outcome == OUTCOME_SUCCESS)
		verdict->result = slice_from_str("done");
	if (verdict->outcome == OUTCOME_FAILURE)
		verdict->failure = (struct failure){ .kind = "remote", .message = slice_from_str("no") };
}

void batch_refuse(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)of;
	(void)id;
	*verdict = (struct verdict){
		.step = verdict->step, .outcome = OUTCOME_RETRY, .sent = true, .http_status = 500, .reason = "broken"
	};
}

enum store_state batch_state(const struct id *id)
{
	return rig_view(rig, id).state;
}

void batch_expect_all(size_t count, enum store_state expected)
{
	for (size_t i = 0; i < count; i++)
		must_say(batch_state(&ids[i]) == expected, "number %zu is %d", i, batch_state(&ids[i]));
}

size_t batch_members(unsigned request)
{
	must(request < rig->lists.count);
	return rig->lists.first[request].members;
}
