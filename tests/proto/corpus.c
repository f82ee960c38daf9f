/* corpus.c - frames kept as hexadecimal text, one a file, for tests and fuzzers to read. */
#include "tests/proto/corpus.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 65536

static _Noreturn void die(const char *path, const char *why)
{
	fprintf(stderr, "%s: %s\n", path, why);
	exit(2);
}

static int is_hex_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".hex") == 0;
}

/* The digits of one line; returns the new number of digits in bytes. */
static size_t read_line(const char *path, const char *line, uint8_t *bytes, size_t digits)
{
	for (; *line && *line != '#'; line++) {
		const char one[] = { *line, '\0' };

		if (isspace((unsigned char)*line))
			continue;
		if (!isxdigit((unsigned char)*line))
			die(path, "not a hexadecimal digit");
		if (digits / 2 >= FRAME_MAX)
			die(path, "too long");
		bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | strtoul(one, NULL, 16));
		digits++;
	}
	return digits;
}

static void read_frame(const char *folder, const char *name, struct frame *ret)
{
	static const char reason[] = "# reason: ";
	static uint8_t bytes[FRAME_MAX];
	char path[1024], line[1024];
	size_t digits = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	file = fopen(path, "r");
	if (!file)
		die(path, "cannot be opened");
	memset(bytes, 0, sizeof(bytes));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, reason, sizeof(reason) - 1) == 0)
			snprintf(ret->reason, sizeof(ret->reason), "%.255s", line + sizeof(reason) - 1);
		digits = read_line(path, line, bytes, digits);
	}
	fclose(file);
	if (digits % 2)
		die(path, "an odd number of digits");
	ret->len = digits / 2;
	ret->bytes = malloc(ret->len ? ret->len : 1);
	if (!ret->bytes)
		die(path, "no memory");
	memcpy(ret->bytes, bytes, ret->len);
}

struct frame *corpus_read(const char *folder, size_t *ret_count)
{
	struct dirent **entries;
	struct frame *frames;
	int n = scandir(folder, &entries, is_hex_file, alphasort);

	if (n <= 0)
		die(folder, "no *.hex files");
	frames = calloc((size_t)n, sizeof(*frames));
	if (!frames)
		die(folder, "no memory");
	for (int i = 0; i < n; i++) {
		read_frame(folder, entries[i]->d_name, &frames[i]);
		free(entries[i]);
	}
	free(entries);
	*ret_count = (size_t)n;
	return frames;
}

void corpus_free(struct frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(frames[i].bytes);
	free(frames);
}
