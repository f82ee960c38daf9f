/* case_file.c - one judgement being made: what judge.c and ruling.c share. */
#include "daemon/remote/case_file.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void case_set_reason(struct case_file *file, enum outcome outcome, const char *format, ...)
{
	char line[sizeof(file->out->verdict.reason) * 2];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	file->out->verdict.outcome = outcome;
	text_line(line, file->out->verdict.reason, sizeof(file->out->verdict.reason));
}

int case_set_failure(struct case_file *file, const char *kind, const char *format, ...)
{
	struct judgement *out = file->out;
	char line[REMOTE_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	free(out->message);
	out->message = strdup(line);
	if (!out->message)
		return -ENOMEM;
	out->verdict.outcome = OUTCOME_FAILURE;
	out->verdict.failure = (struct failure){
		.kind = kind,
		.message = slice_from_str(out->message),
		.http_status = out->verdict.http_status,
	};
	return 0;
}

int case_set_unreadable(struct case_file *file)
{
	const struct json_fault *fault = &file->answer.fault;

	answer_is_json(&file->answer);
	if (file->input->step == STEP_SUBMIT && !file->input->repeatable)
		return case_set_failure(file, "invalid_response",
		    "the submit may have been accepted, but its answer is not JSON: %s at byte %zu", fault->what,
		    fault->at);
	case_set_reason(file, OUTCOME_RETRY, "response is not JSON: %s at byte %zu", fault->what, fault->at);
	return 0;
}

struct slice case_details(const struct case_file *file)
{
	struct slice body = answer_body(&file->answer);

	return body.len > 0 && body.len <= REMOTE_DETAILS_MAX ? body : (struct slice){ 0 };
}
