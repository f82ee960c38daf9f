/* fuzz_texts.c - runs a fuzz target without libFuzzer: over text seeds, then over mutations that know JSON. */
#include "tests/proto/fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CASES_DEFAULT 20000
#define SEED_DEFAULT UINT64_C(20240229)
#define SEEDS_MAX 64
#define INPUT_MAX 8192

static struct text {
	char bytes[INPUT_MAX];
	size_t len;
} seeds[SEEDS_MAX], input;
static size_t n_seeds;

/* What JSON, templates and specs are made of. */
static const char *const tokens[] = {
	"{", "}", "[", "]", "\"", ":", ",", "\\", "\\u", "\\ud83d\\ude00", "null", "true", "-", "1e400",
	"18446744073709551616",
	"0", "{x}", "{+name}", "{{", "{credential}", "{idempotency}", "/", "~", "~0", "..", "//", "http://", "\"\"",
	"{}", "[]",
	"\xc3\xa9", "\xff", "\n---\n", "\"any\":", "\"not\":", "\"body\":", "\"poll\"", "\"rules\":\"poll\"",
	"\"then\":\"success\"",
	"\"result\":\"\"", "\"error\":\"/e\"", "\"capture\":{\"x\":{\"body\":\"\"}}", "\r\n", "%", "?", "#", "@",
	"\"all\":", "\"text\":", "\"type\":\"string\"", "\"in\":", "\"budget\":{\"times\":1},", "\"set\":{\"x\":1},",
	"\"fetch\"", "\"refresh_credential\"", "\"pending\"", "{\"header\":\"Location\"}", "{id}", "\"after\":\"/\",",
	"\"delay\":{\"body\":\"/d\"},", "\"when\":{},",
};

/* Say which input it was; only what is safe in a signal handler. */
static void on_abort(int signal_number)
{
	if (write(STDERR_FILENO, "failing input:\n", 15) < 0 || write(STDERR_FILENO, input.bytes, input.len) < 0)
		_exit(2);
	_exit(1);
}

static void load_seeds(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[1024];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && n_seeds < SEEDS_MAX && (file = fopen(path, "r"))) {
			seeds[n_seeds].len = fread(seeds[n_seeds].bytes, 1, INPUT_MAX, file);
			n_seeds++;
			fclose(file);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void insert(size_t at, const char *bytes, size_t n)
{
	if (n > INPUT_MAX - input.len)
		n = INPUT_MAX - input.len;
	memmove(input.bytes + at + n, input.bytes + at, input.len - at);
	memcpy(input.bytes + at, bytes, n);
	input.len += n;
}

static void cut(size_t at, size_t n)
{
	if (n > input.len - at)
		n = input.len - at;
	memmove(input.bytes + at, input.bytes + at + n, input.len - at - n);
	input.len -= n;
}

/* One random change. */
static void mutate(uint64_t *random)
{
	size_t at = fuzz_random(random) % (input.len + 1);
	const char *token = tokens[fuzz_random(random) % (sizeof(tokens) / sizeof(tokens[0]))];
	const struct text *other = &seeds[fuzz_random(random) % n_seeds];
	size_t from = fuzz_random(random) % (other->len + 1), n = fuzz_random(random) % 64;
	char copy[64];

	switch (fuzz_random(random) % 6) {
	case 0:
		insert(at, token, strlen(token));
		break;
	case 1:
		cut(at, 1 + fuzz_random(random) % 12);
		break;
	case 2:
		cut(at, strlen(token));
		insert(at, token, strlen(token));
		break;
	case 3:
		if (at < input.len)
			input.bytes[at] = (char)fuzz_random(random);
		break;
	case 4:
		n = n < input.len - at ? n : input.len - at;
		memcpy(copy, input.bytes + at, n);
		insert(fuzz_random(random) % (input.len + 1), copy, n);
		break;
	default:
		insert(at, other->bytes + from, n < other->len - from ? n : other->len - from);
		break;
	}
}

/* On a copy of exactly the input's size, so that a sanitizer sees a read behind it. */
static void run(void)
{
	uint8_t *copy = malloc(input.len ? input.len : 1);

	FUZZ_CHECK(copy != NULL);
	memcpy(copy, input.bytes, input.len);
	LLVMFuzzerTestOneInput(copy, input.len);
	free(copy);
}

int main(int argc, char **argv)
{
	uint64_t cases = argc > 1 ? strtoull(argv[1], NULL, 10) : CASES_DEFAULT;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : SEED_DEFAULT;

	signal(SIGABRT, on_abort);
	load_seeds(SEEDS);
	if (n_seeds == 0) {
		fprintf(stderr, "no seeds in %s\n", SEEDS);
		return 2;
	}
	for (size_t i = 0; i < n_seeds; i++) {
		input = seeds[i];
		run();
	}
	for (uint64_t n = 0; n < cases; n++) {
		/* Each case has a generator of its own: it does not depend on those before. */
		uint64_t random = (seed + n + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;

		input = seeds[fuzz_random(&random) % n_seeds];
		for (uint64_t changes = 1 + fuzz_random(&random) % 5; changes > 0; changes--)
			mutate(&random);
		run();
	}
	printf("%zu seeds, %llu mutations, seed %llu\n", n_seeds, (unsigned long long)cases, (unsigned long long)seed);
	return 0;
}
