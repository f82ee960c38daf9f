/* test_condition.c - every condition and every matcher. */
#include "tests/daemon/remote/judge_fixture.h"

#include <stdio.h>

static const struct {
	const char *when;
	int status;
	const char *body;
	bool holds;
} CONDITIONS[] = {
	/* status */
	{ "{}", 200, "", true },
	{ "{\"status\": 200}", 200, "", true },
	{ "{\"status\": 200}", 201, "", false },
	{ "{\"status\": [200, 410]}", 410, "", true },
	{ "{\"status\": \"4xx\"}", 410, "", true },
	{ "{\"status\": \"4xx\"}", 399, "", false },
	{ "{\"status\": \"4XX\"}", 499, "", true },
	{ "{\"status\": [\"2xx\", 404]}", 204, "", true },
	{ "{\"status\": [\"2xx\", 404]}", 404, "", true },
	{ "{\"status\": [\"2xx\", 404]}", 403, "", false },
	{ "{\"status\": []}", 200, "", false },
	/* empty */
	{ "{\"empty\": true}", 200, "", true },
	{ "{\"empty\": true}", 200, " ", false },
	{ "{\"empty\": false}", 200, " ", true },
	{ "{\"empty\": false}", 200, "", false },
	/* header */
	{ "{\"header\": {\"X-State\": \"done\"}}", 200, "", true },
	{ "{\"header\": {\"x-state\": \"done\"}}", 200, "", true },
	{ "{\"header\": {\"X-State\": \"Done\"}}", 200, "", false },
	{ "{\"header\": {\"X-State\": {\"equals\": \"Done\", \"ignore_case\": true}}}", 200, "", true },
	{ "{\"header\": {\"X-Count\": 12}}", 200, "", true },
	{ "{\"header\": {\"X-Count\": 13}}", 200, "", false },
	{ "{\"header\": {\"X-Count\": {\"gt\": 9}}}", 200, "", true },
	{ "{\"header\": {\"X-Count\": {\"lt\": 9}}}", 200, "", false },
	{ "{\"header\": {\"X-State\": {\"gt\": 0}}}", 200, "", false },
	{ "{\"header\": {\"X-State\": {\"exists\": true}}}", 200, "", true },
	{ "{\"header\": {\"X-Gone\": {\"exists\": false}}}", 200, "", true },
	{ "{\"header\": {\"X-Gone\": {\"exists\": true}}}", 200, "", false },
	{ "{\"header\": {\"X-State\": {\"prefix\": \"do\"}}}", 200, "", true },
	{ "{\"header\": {\"X-State\": [\"a\", \"done\"]}}", 200, "", true },
	{ "{\"header\": {\"X-State\": \"done\", \"X-Count\": 13}}", 200, "", false },
	/* body: scalars and their types */
	{ "{\"body\": {\"/a\": 1}}", 200, "{\"a\": 1}", true },
	{ "{\"body\": {\"/a\": 1}}", 200, "{\"a\": 1.0}", true },
	{ "{\"body\": {\"/a\": 1.5}}", 200, "{\"a\": 15e-1}", true },
	{ "{\"body\": {\"/a\": 1}}", 200, "{\"a\": \"1\"}", false },
	{ "{\"body\": {\"/a\": 1}}", 200, "{\"a\": true}", false },
	{ "{\"body\": {\"/a\": true}}", 200, "{\"a\": true}", true },
	{ "{\"body\": {\"/a\": true}}", 200, "{\"a\": \"true\"}", false },
	{ "{\"body\": {\"/a\": true}}", 200, "{}", false },
	{ "{\"body\": {\"/a\": null}}", 200, "{\"a\": null}", true },
	{ "{\"body\": {\"/a\": null}}", 200, "{}", false },
	{ "{\"body\": {\"/a\": \"x\"}}", 200, "{\"a\": \"\\u0078\"}", true },
	{ "{\"body\": {\"/a\": \"x\"}}", 200, "{\"a\": [\"x\"]}", false },
	{ "{\"body\": {\"\": \"x\"}}", 200, " \"x\" ", true },
	{ "{\"body\": {\"/a\": 9007199254740993}}", 200, "{\"a\": 9007199254740993}", true },
	{ "{\"body\": {\"/a\": 9007199254740993}}", 200, "{\"a\": 9007199254740992}", false },
	{ "{\"body\": {\"/a\": \"18446744073709551616\"}}", 200, "{\"a\": 18446744073709551616}", true },
	{ "{\"body\": {\"/a\": 1, \"/b\": 2}}", 200, "{\"a\": 1, \"b\": 2}", true },
	{ "{\"body\": {\"/a\": 1, \"/b\": 2}}", 200, "{\"a\": 1, \"b\": 3}", false },
	/* in */
	{ "{\"body\": {\"/a\": [\"x\", \"y\"]}}", 200, "{\"a\": \"y\"}", true },
	{ "{\"body\": {\"/a\": {\"in\": [\"x\", 2]}}}", 200, "{\"a\": 2}", true },
	{ "{\"body\": {\"/a\": {\"in\": [\"x\", 2]}}}", 200, "{\"a\": 3}", false },
	{ "{\"body\": {\"/a\": []}}", 200, "{\"a\": 3}", false },
	/* exists */
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"a\": false}", true },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"a\": {}}", true },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"a\": 1e999}", true },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"a\": null}", false },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"b\": 1}", false },
	{ "{\"body\": {\"/a\": {\"exists\": false}}}", 200, "{\"b\": 1}", true },
	{ "{\"body\": {\"/a\": {\"exists\": false}}}", 200, "{\"a\": null}", true },
	{ "{\"body\": {\"/a\": {\"exists\": false}}}", 200, "{\"a\": 0}", false },
	/* strings */
	{ "{\"body\": {\"/a\": {\"equals\": \"DONE\", \"ignore_case\": true}}}", 200, "{\"a\": \"done\"}", true },
	{ "{\"body\": {\"/a\": {\"in\": [\"X\", \"DONE\"], \"ignore_case\": true}}}", 200, "{\"a\": \"Done\"}", true },
	{ "{\"body\": {\"/a\": {\"prefix\": \"run\"}}}", 200, "{\"a\": \"running\"}", true },
	{ "{\"body\": {\"/a\": {\"prefix\": \"run\"}}}", 200, "{\"a\": \"ru\"}", false },
	{ "{\"body\": {\"/a\": {\"prefix\": \"RUN\", \"ignore_case\": true}}}", 200, "{\"a\": \"running\"}", true },
	{ "{\"body\": {\"/a\": {\"prefix\": \"1\"}}}", 200, "{\"a\": 12}", false },
	{ "{\"body\": {\"/a\": {\"contains\": \"nni\"}}}", 200, "{\"a\": \"running\"}", true },
	{ "{\"body\": {\"/a\": {\"contains\": \"NNI\"}}}", 200, "{\"a\": \"running\"}", false },
	{ "{\"body\": {\"/a\": {\"contains\": \"NING\", \"ignore_case\": true}}}", 200, "{\"a\": \"running\"}", true },
	/* numbers */
	{ "{\"body\": {\"/a\": {\"gt\": 3}}}", 200, "{\"a\": 4}", true },
	{ "{\"body\": {\"/a\": {\"gt\": 3}}}", 200, "{\"a\": 3}", false },
	{ "{\"body\": {\"/a\": {\"gt\": 3, \"lt\": 5}}}", 200, "{\"a\": 4.5}", true },
	{ "{\"body\": {\"/a\": {\"gt\": 3, \"lt\": 5}}}", 200, "{\"a\": 5}", false },
	{ "{\"body\": {\"/a\": {\"gt\": 3}}}", 200, "{\"a\": \"4\"}", false },
	{ "{\"body\": {\"/a\": {\"gt\": 3}}}", 200, "{\"a\": 1e400}", true },
	{ "{\"body\": {\"/a\": {\"lt\": 3}}}", 200, "{\"a\": -99999999999999999999999}", true },
	{ "{\"body\": {\"/a\": {\"gt\": 9007199254740992}}}", 200, "{\"a\": 9007199254740993}", true },
	{ "{\"body\": {\"/a\": {\"lt\": 3}}}", 200, "{}", false },
	/* any element */
	{ "{\"body\": {\"/c\": {\"any\": {\"/type\": \"Complete\", \"/status\": \"True\"}}}}", 200,
	  "{\"c\": [{\"type\": \"Failed\", \"status\": \"True\"}, {\"type\": \"Complete\", \"status\": \"True\"}]}",
	  true },
	{ "{\"body\": {\"/c\": {\"any\": {\"/type\": \"Complete\", \"/status\": \"True\"}}}}", 200,
	  "{\"c\": [{\"type\": \"Failed\", \"status\": \"True\"}, {\"type\": \"Complete\", \"status\": \"False\"}]}",
	  false },
	{ "{\"body\": {\"/c\": {\"any\": {\"\": 3}}}}", 200, "{\"c\": [1, 2, 3]}", true },
	{ "{\"body\": {\"/c\": {\"any\": {\"\": 3}}}}", 200, "{\"c\": {\"0\": 3}}", false },
	{ "{\"body\": {\"/c\": {\"any\": {\"\": 3}}}}", 200, "{\"c\": []}", false },
	{ "{\"body\": {\"\": {\"any\": {\"/x\": {\"any\": {\"\": 2}}}}}}", 200, "[{\"x\": [1]}, {\"x\": [1, 2]}]",
	  true },
	{ "{\"body\": {\"/a\": {\"contains\": \"x\"}}}", 200, "{\"a\": [\"y\", \"x\"]}", true },
	{ "{\"body\": {\"/a\": {\"contains\": \"x\"}}}", 200, "{\"a\": [\"xx\"]}", false },
	{ "{\"body\": {\"/a\": {\"contains\": \"X\", \"ignore_case\": true}}}", 200, "{\"a\": [\"x\"]}", true },
	{ "{\"body\": {\"/a\": {\"contains\": 2}}}", 200, "{\"a\": [1, 2.0]}", true },
	{ "{\"body\": {\"/a\": {\"contains\": 2}}}", 200, "{\"a\": [\"2\"]}", false },
	{ "{\"body\": {\"/a\": {\"contains\": null}}}", 200, "{\"a\": [null]}", true },
	{ "{\"body\": {\"/a\": {\"contains\": 4}}}", 200, "{\"a\": \"HTTP 404\"}", true },
	{ "{\"body\": {\"/a\": {\"contains\": 4}}}", 200, "{\"a\": 404}", false },
	/* every element */
	{ "{\"body\": {\"/t\": {\"all\": {\"/state\": \"done\"}}}}", 200, "{\"t\": [{\"state\": \"done\"}, "
	  "{\"state\": \"done\"}]}", true },
	{ "{\"body\": {\"/t\": {\"all\": {\"/state\": \"done\"}}}}", 200, "{\"t\": [{\"state\": \"done\"}, "
	  "{\"state\": \"run\"}]}", false },
	{ "{\"body\": {\"/t\": {\"all\": {\"/state\": \"done\"}}}}", 200, "{\"t\": []}", false },
	{ "{\"body\": {\"/t\": {\"all\": {\"/state\": \"done\"}}}}", 200, "{\"t\": {\"state\": \"done\"}}", false },
	{ "{\"body\": {\"/t\": {\"all\": {\"/state\": \"done\"}}}}", 200, "{}", false },
	{ "{\"body\": {\"/t\": {\"all\": {\"\": {\"gt\": 1}}}}}", 200, "{\"t\": [2, 3]}", true },
	{ "{\"body\": {\"/t\": {\"all\": {\"\": {\"all\": {\"\": 1}}}}}}", 200, "{\"t\": [[1], [1, 1]]}", true },
	{ "{\"body\": {\"/t\": {\"all\": {\"\": {\"all\": {\"\": 1}}}}}}", 200, "{\"t\": [[1], []]}", false },
	/* types */
	{ "{\"body\": {\"/a\": {\"type\": \"string\"}}}", 200, "{\"a\": \"x\"}", true },
	{ "{\"body\": {\"/a\": {\"type\": \"number\"}}}", 200, "{\"a\": 1e999}", true },
	{ "{\"body\": {\"/a\": {\"type\": \"number\"}}}", 200, "{\"a\": 0}", true },
	{ "{\"body\": {\"/a\": {\"type\": \"boolean\"}}}", 200, "{\"a\": false}", true },
	{ "{\"body\": {\"/a\": {\"type\": \"array\"}}}", 200, "{\"a\": [1]}", true },
	{ "{\"body\": {\"/a\": {\"type\": \"object\"}}}", 200, "{\"a\": {}}", true },
	{ "{\"body\": {\"/a\": {\"type\": \"null\"}}}", 200, "{\"a\": null}", true },
	{ "{\"body\": {\"/a\": {\"type\": \"null\"}}}", 200, "{}", false },
	{ "{\"body\": {\"/a\": {\"type\": \"string\"}}}", 200, "{\"a\": 1}", false },
	{ "{\"body\": {\"/a\": {\"type\": [\"string\", \"number\"]}}}", 200, "{\"a\": 1}", true },
	{ "{\"body\": {\"/a\": {\"type\": [\"string\", \"number\"]}}}", 200, "{\"a\": [1]}", false },
	{ "{\"header\": {\"X-Count\": {\"type\": \"string\"}}}", 200, "", true },
	/* what must not be */
	{ "{\"body\": {\"/a\": {\"not\": \"x\"}}}", 200, "{\"a\": \"y\"}", true },
	{ "{\"body\": {\"/a\": {\"not\": \"x\"}}}", 200, "{\"a\": \"x\"}", false },
	{ "{\"body\": {\"/a\": {\"not\": \"x\"}}}", 200, "{}", true },
	{ "{\"body\": {\"/a\": {\"not\": [\"x\", \"y\"]}}}", 200, "{\"a\": \"y\"}", false },
	{ "{\"body\": {\"/a\": {\"exists\": true, \"not\": {\"prefix\": \"run\"}}}}", 200, "{\"a\": \"done\"}", true },
	{ "{\"body\": {\"/a\": {\"exists\": true, \"not\": {\"prefix\": \"run\"}}}}", 200, "{\"a\": \"running\"}", false },
	{ "{\"body\": {\"/a\": {\"exists\": true, \"not\": {\"prefix\": \"run\"}}}}", 200, "{}", false },
	{ "{\"body\": {\"/a\": {\"not\": {\"not\": 1}}}}", 200, "{\"a\": 1}", true },
	{ "{\"header\": {\"X-State\": {\"not\": \"done\"}}}", 200, "", false },
	{ "{\"header\": {\"X-Gone\": {\"not\": \"done\"}}}", 200, "", true },
	/* the whole body as text */
	{ "{\"text\": \"done\"}", 200, " done\r\n", true },
	{ "{\"text\": \"done\"}", 200, "done.", false },
	{ "{\"text\": {\"equals\": \"Done\", \"ignore_case\": true}}", 200, "DONE", true },
	{ "{\"text\": [\"a\", \"b\"]}", 200, "b\n", true },
	{ "{\"text\": {\"prefix\": \"<job>\"}}", 200, "\n<job><state>run</state></job>", true },
	{ "{\"text\": {\"contains\": \"<state>run</state>\"}}", 200, "\n<job><state>run</state></job>", true },
	{ "{\"text\": {\"contains\": \"<STATE>RUN\", \"ignore_case\": true}}", 200, "\n<job><state>run</state></job>", true },
	{ "{\"text\": {\"contains\": \"<state>end\"}}", 200, "\n<job><state>run</state></job>", false },
	{ "{\"text\": {\"not\": {\"contains\": \"end\"}}}", 200, "x", true },
	{ "{\"text\": \"\\\"x\\\"\"}", 200, "\"x\"", true },
	{ "{\"text\": \"\"}", 200, "  ", true },
	{ "{\"text\": {\"gt\": 99}}", 200, "100\n", true },
	{ "{\"text\": 1, \"body\": {\"\": 1}}", 200, "1", true },
	/* any, all, not */
	{ "{\"any\": [{\"status\": 500}, {\"empty\": true}]}", 200, "", true },
	{ "{\"any\": [{\"status\": 500}, {\"empty\": true}]}", 200, "x", false },
	{ "{\"any\": []}", 200, "", false },
	{ "{\"all\": [{\"status\": 200}, {\"empty\": true}]}", 200, "", true },
	{ "{\"all\": [{\"status\": 200}, {\"empty\": true}]}", 201, "", false },
	{ "{\"all\": []}", 200, "", true },
	{ "{\"not\": {\"status\": 200}}", 201, "", true },
	{ "{\"not\": {\"status\": 200}}", 200, "", false },
	{ "{\"not\": {\"body\": {\"/a\": null}}}", 200, "{\"a\": 1}", true },
	{ "{\"status\": 200, \"not\": {\"any\": [{\"body\": {\"/a\": 1}}, {\"body\": {\"/a\": 2}}]}}", 200,
	  "{\"a\": 3}", true },
	{ "{\"status\": 200, \"not\": {\"any\": [{\"body\": {\"/a\": 1}}, {\"body\": {\"/a\": 2}}]}}", 200,
	  "{\"a\": 2}", false },
};

START_TEST(conditions)
{
	char text[1024];

	snprintf(text, sizeof(text), "[{\"when\": %s, \"then\": \"lost\"}]", CONDITIONS[_i].when);
	use_rules(text);
	add_header("X-State", "done");
	add_header("X-Count", "12");
	ck_assert_msg((judge_poll(CONDITIONS[_i].status, CONDITIONS[_i].body)->outcome == OUTCOME_LOST) ==
	    CONDITIONS[_i].holds, "%s of %d %s", CONDITIONS[_i].when, CONDITIONS[_i].status, CONDITIONS[_i].body);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("condition");

	tcase_add_loop_test(tcase, conditions, 0, sizeof(CONDITIONS) / sizeof(CONDITIONS[0]));
	return judge_run("condition", tcase);
}
