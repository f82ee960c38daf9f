/* answer.c - a response as rules and captures see it. */
#include "daemon/remote/answer.h"

#include <string.h>

void answer_init(struct answer *answer, const struct http_response *response,
    const struct pointer_set *pointers)
{
	answer->response = response;
	answer->pointers = pointers;
	answer->body = ANSWER_UNREAD;
	answer->fault = (struct json_fault){ 0 };
}

struct slice answer_body(const struct answer *answer)
{
	if (answer->response->body_len == 0)
		return (struct slice){ "", 0 };
	return (struct slice){ answer->response->body, answer->response->body_len };
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice answer_text(const struct answer *answer)
{
	struct slice text = answer_body(answer);

	while (text.len > 0 && is_space(text.data[text.len - 1]))
		text.len--;
	while (text.len > 0 && is_space(text.data[0])) {
		text.data++;
		text.len--;
	}
	return text;
}

bool answer_is_json(struct answer *answer)
{
	if (answer->body == ANSWER_UNREAD) {
		if (json_scan(answer_body(answer), answer->pointers, answer->found, &answer->fault) == 0) {
			answer->body = ANSWER_JSON;
		} else {
			memset(answer->found, 0, sizeof(answer->found));
			answer->body = ANSWER_NOT_JSON;
		}
	}
	return answer->body == ANSWER_JSON;
}

const struct slice *answer_found(struct answer *answer)
{
	answer_is_json(answer);
	return answer->found;
}

bool answer_is_2xx(const struct answer *answer)
{
	return answer->response->status >= 200 && answer->response->status <= 299;
}
