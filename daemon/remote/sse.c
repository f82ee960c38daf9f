/* sse.c - reads a stream of server-sent events (text/event-stream) as it comes, in pieces of any size. Pure. */
#include "daemon/remote/sse.h"
#include "daemon/remote/limits.h"

#include <errno.h>

static const unsigned char BOM[] = { 0xef, 0xbb, 0xbf };

void sse_init(struct sse *sse, sse_cb event, void *arg)
{
	*sse = (struct sse){
		.event = event,
		.arg = arg,
		.value = { .max = REMOTE_EVENT_NAME_MAX },
		.data = { .max = REMOTE_EVENT_MAX + 1 },   /* and the newline of the last line */
		.type = { .max = REMOTE_EVENT_NAME_MAX },
		.id = { .max = REMOTE_EVENT_NAME_MAX },
	};
}

void sse_done(struct sse *sse)
{
	text_done(&sse->value);
	text_done(&sse->data);
	text_done(&sse->type);
	text_done(&sse->id);
}

uint64_t sse_retry_ms(const struct sse *sse)
{
	return sse->retry_ms;
}

static struct slice slice_of(const struct text *text)
{
	return (struct slice){ text->data ? text->data : "", text->len };
}

/* As much of it as there is room for: however the stream is cut into pieces, the same is kept. */
static int append(struct text *text, const char *data, size_t len, bool *cut)
{
	size_t room = text->max - text->len;

	if (len > room)
		*cut = true;
	return text_append(text, data, len < room ? len : room);
}

/* An empty line: what was gathered is an event, unless it has no data. */
static int end_event(struct sse *sse)
{
	struct sse_event event = {
		.type = sse->type.len > 0 ? slice_of(&sse->type) : slice_from_str("message"),
		.id = slice_of(&sse->id),
		.data = slice_of(&sse->data),
		.cut = sse->cut,
	};
	int r = 0;

	if (event.data.len > 0) {
		/* each line of data brought a newline, the last one is not part of it; it had room beyond the limit */
		event.data.len--;
		r = sse->event(sse->arg, &event);
	}
	text_done(&sse->data);
	text_done(&sse->type);
	sse->cut = false;
	return r;
}

/* Digits only, or the field says nothing. */
static void read_retry(struct sse *sse)
{
	struct slice value = slice_of(&sse->value);
	uint64_t ms = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return;
		ms = ms > UINT64_MAX / 20 ? ms : ms * 10 + (uint64_t)(value.data[i] - '0');
	}
	if (value.len > 0)
		sse->retry_ms = ms;
}

static void move_text(struct text *from, struct text *to)
{
	text_done(to);
	*to = *from;
	*from = (struct text){ .max = to->max };
}

/* A field's value is complete. */
static int end_field(struct sse *sse)
{
	struct slice value = slice_of(&sse->value);

	switch (sse->field) {
	case SSE_DATA:
		return append(&sse->data, "\n", 1, &sse->cut);
	case SSE_EVENT:
		if (!sse->value_cut)
			move_text(&sse->value, &sse->type);
		break;
	case SSE_ID:
		if (!sse->value_cut && (value.len == 0 || !memchr(value.data, '\0', value.len)))
			move_text(&sse->value, &sse->id);
		break;
	case SSE_RETRY:
		read_retry(sse);
		break;
	case SSE_UNKNOWN:
		break;
	}
	return 0;
}

/* The name of a field is complete. */
static void end_name(struct sse *sse)
{
	static const char *const names[] = {
		[SSE_DATA] = "data",
		[SSE_EVENT] = "event",
		[SSE_ID] = "id",
		[SSE_RETRY] = "retry",
	};

	sse->field = SSE_UNKNOWN;
	for (unsigned i = SSE_DATA; i <= SSE_RETRY; i++)
		if (sse->name_len <= sizeof(sse->name) && slice_equals((struct slice){ sse->name, sse->name_len }, names[i]))
			sse->field = i;
}

static int end_line(struct sse *sse)
{
	int r = 0;

	if (sse->part == SSE_NAME && sse->name_len == 0) {
		r = end_event(sse);
	} else {
		if (sse->part == SSE_NAME)
			end_name(sse);
		r = end_field(sse);
	}
	sse->part = SSE_NAME;
	sse->name_len = 0;
	text_done(&sse->value);
	sse->value_cut = false;
	return r;
}

static void add_to_name(struct sse *sse, unsigned char byte)
{
	/* a line that begins with it is a comment: a field without a name, which nobody knows */
	if (byte == ':') {
		sse->part = SSE_COLON;
		end_name(sse);
		return;
	}
	if (sse->name_len < sizeof(sse->name))
		sse->name[sse->name_len] = (char)byte;
	if (sse->name_len <= sizeof(sse->name))
		sse->name_len++;
}

/* Part of a line, without its end. */
static int add_to_line(struct sse *sse, const unsigned char *data, size_t len)
{
	while (len > 0 && sse->part == SSE_NAME) {
		add_to_name(sse, *data);
		data++;
		len--;
	}
	if (len > 0 && sse->part == SSE_COLON) {
		sse->part = SSE_VALUE;
		if (*data == ' ') {
			data++;
			len--;
		}
	}
	if (sse->part != SSE_VALUE || sse->field == SSE_UNKNOWN)
		return 0;
	if (sse->field == SSE_DATA)
		return append(&sse->data, (const char *)data, len, &sse->cut);
	return append(&sse->value, (const char *)data, len, &sse->value_cut);
}

/* Pass over a byte order mark at the very beginning, which may come byte by byte. */
static int skip_bom(struct sse *sse, const unsigned char **at, const unsigned char *end)
{
	const unsigned seen = sse->bom;

	while (sse->bom < sizeof(BOM) && *at < end && **at == BOM[sse->bom]) {
		sse->bom++;
		(*at)++;
	}
	if (sse->bom == sizeof(BOM) || *at == end)
		return 0;
	/* it was none: what looked like one is text */
	*at -= sse->bom - seen;
	sse->bom = sizeof(BOM);
	return add_to_line(sse, BOM, seen);
}

int sse_feed(struct sse *sse, const void *data, size_t len)
{
	const unsigned char *at = data, *const end = at + len;
	int r = sse->bom < sizeof(BOM) ? skip_bom(sse, &at, end) : 0;

	while (r == 0 && at < end) {
		const unsigned char *stop = at;

		while (stop < end && *stop != '\r' && *stop != '\n')
			stop++;
		if (stop > at) {
			sse->after_cr = false;
			r = add_to_line(sse, at, (size_t)(stop - at));
		}
		at = stop;
		if (r < 0 || at == end)
			break;
		/* the end of a line is told at once, though the second half of it may be still to come */
		if (*at == '\r' || !sse->after_cr)
			r = end_line(sse);
		sse->after_cr = *at == '\r';
		at++;
	}
	return r;
}
