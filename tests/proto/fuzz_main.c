/*
 * fuzz_main.c - runs a fuzz target without libFuzzer: over the corpus, then over mutations of it.
 *
 *   fuzz_scan [-n CASES] [-s SEED] [FOLDER...]   the same numbers give the same cases
 *   fuzz_scan -x FOLDER                          write the corpus as binary files, for libFuzzer
 */
#include "tests/proto/corpus.h"
#include "tests/proto/fuzz.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CASES_DEFAULT 200000
#define SEED_DEFAULT UINT64_C(20240229)
#define FOLDERS_MAX 8
#define INPUT_MAX 4096

struct seeds {
	struct frame *frames[FOLDERS_MAX];
	size_t counts[FOLDERS_MAX];
	size_t n_folders;
};

struct input {
	uint8_t bytes[INPUT_MAX];
	size_t len;
};

/* Leading bytes and lengths where something changes. */
static const uint8_t edges[] = {
	0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x92, 0x94, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2,
	0xc3, 0xc4, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcc, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb, 0xdc,
	0xdd, 0xde, 0xdf, 0xe0, 0xff,
};

/* What runs now, so that a crash can be told. */
static struct input input;
static uint64_t running;

/* Say which input it was; only what is safe in a signal handler. */
static void on_abort(int signal_number)
{
	static const char digits[] = "0123456789abcdef";
	char line[2 * INPUT_MAX + 1];

	for (size_t i = 0; i < input.len; i++) {
		line[2 * i] = digits[input.bytes[i] >> 4];
		line[2 * i + 1] = digits[input.bytes[i] & 0x0f];
	}
	line[2 * input.len] = '\n';
	if (write(STDERR_FILENO, "failing input: ", 15) < 0 || write(STDERR_FILENO, line, 2 * input.len + 1) < 0)
		_exit(2);
	_exit(1);
}

static const struct frame *seed_pick(const struct seeds *seeds, uint64_t *random)
{
	size_t folder = fuzz_random(random) % seeds->n_folders;

	return &seeds->frames[folder][fuzz_random(random) % seeds->counts[folder]];
}

/* Make room for n bytes at at, or less where the input is full; returns how many. */
static size_t input_open(size_t at, size_t n)
{
	if (n > INPUT_MAX - input.len)
		n = INPUT_MAX - input.len;
	memmove(input.bytes + at + n, input.bytes + at, input.len - at);
	input.len += n;
	return n;
}

static void input_insert(size_t at, const uint8_t *bytes, size_t n)
{
	n = input_open(at, n);
	memcpy(input.bytes + at, bytes, n);
}

static void input_remove(size_t at, size_t n)
{
	if (n > input.len - at)
		n = input.len - at;
	memmove(input.bytes + at, input.bytes + at + n, input.len - at - n);
	input.len -= n;
}

/* One random change. */
static void mutate(const struct seeds *seeds, uint64_t *random)
{
	size_t at = fuzz_random(random) % (input.len + 1);
	uint8_t edge = edges[fuzz_random(random) % sizeof(edges)];
	uint8_t copy[16];
	const struct frame *other;
	size_t from, n;

	switch (fuzz_random(random) % 8) {
	case 0:
		if (at < input.len)
			input.bytes[at] ^= (uint8_t)(1u << fuzz_random(random) % 8);
		break;
	case 1:
	case 2:
		if (at < input.len)
			input.bytes[at] = edge;
		break;
	case 3:
		if (at < input.len)
			input.bytes[at] = (uint8_t)fuzz_random(random);
		break;
	case 4:
		input_insert(at, &edge, 1);
		break;
	case 5:
		input_remove(at, 1 + fuzz_random(random) % 4);
		break;
	case 6:
		n = input.len - at < sizeof(copy) ? input.len - at : sizeof(copy);
		memcpy(copy, input.bytes + at, n);
		input_insert(fuzz_random(random) % (input.len + 1), copy, n);
		break;
	default:
		other = seed_pick(seeds, random);
		from = fuzz_random(random) % (other->len + 1);
		input_insert(at, other->bytes + from, fuzz_random(random) % (other->len - from + 1));
		break;
	}
}

/* Run the target on a copy of exactly the input's size, so that a sanitizer sees a read behind it. */
static void run_input(void)
{
	uint8_t *copy = malloc(input.len ? input.len : 1);

	FUZZ_CHECK(copy != NULL);
	memcpy(copy, input.bytes, input.len);
	LLVMFuzzerTestOneInput(copy, input.len);
	free(copy);
	running++;
}

static void load_frame(const struct frame *frame)
{
	input.len = frame->len < INPUT_MAX ? frame->len : INPUT_MAX;
	memcpy(input.bytes, frame->bytes, input.len);
}

/* Write each frame into folder as its bytes. */
static int export_seeds(const struct seeds *seeds, const char *folder)
{
	for (size_t i = 0; i < seeds->n_folders; i++) {
		for (size_t j = 0; j < seeds->counts[i]; j++) {
			const struct frame *frame = &seeds->frames[i][j];
			char path[1024];
			FILE *file;

			snprintf(path, sizeof(path), "%s/%zu_%s", folder, i, frame->name);
			file = fopen(path, "w");
			if (!file || fwrite(frame->bytes, 1, frame->len, file) != frame->len || fclose(file) != 0) {
				perror(path);
				return EXIT_FAILURE;
			}
		}
	}
	return EXIT_SUCCESS;
}

static void run_all(const struct seeds *seeds, uint64_t seed, uint64_t cases)
{
	for (size_t i = 0; i < seeds->n_folders; i++) {
		for (size_t j = 0; j < seeds->counts[i]; j++) {
			load_frame(&seeds->frames[i][j]);
			run_input();
		}
	}
	for (uint64_t n = 0; n < cases; n++) {
		/* Each case has a generator of its own: it does not depend on those before. */
		uint64_t random = (seed + n + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;

		load_frame(seed_pick(seeds, &random));
		for (uint64_t changes = 1 + fuzz_random(&random) % 6; changes > 0; changes--)
			mutate(seeds, &random);
		run_input();
	}
	printf("%" PRIu64 " inputs, seed %" PRIu64 "\n", running, seed);
}

int main(int argc, char **argv)
{
	uint64_t cases = CASES_DEFAULT, seed = SEED_DEFAULT;
	const char *export_folder = NULL;
	struct seeds seeds = { 0 };
	int option, r = EXIT_SUCCESS;

	while ((option = getopt(argc, argv, "n:s:x:")) != -1) {
		if (option == 'n')
			cases = strtoull(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (option == 'x')
			export_folder = optarg;
		else
			return 2;
	}
	signal(SIGABRT, on_abort);
	for (int i = optind; i < argc && seeds.n_folders < FOLDERS_MAX; i++, seeds.n_folders++)
		seeds.frames[seeds.n_folders] = corpus_read(argv[i], &seeds.counts[seeds.n_folders]);
	if (seeds.n_folders == 0) {
		seeds.frames[0] = corpus_read(CORPUS_DIR "/scan", &seeds.counts[0]);
		seeds.frames[1] = corpus_read(CORPUS_DIR "/message", &seeds.counts[1]);
		seeds.n_folders = 2;
	}
	if (export_folder)
		r = export_seeds(&seeds, export_folder);
	else
		run_all(&seeds, seed, cases);
	for (size_t i = 0; i < seeds.n_folders; i++)
		corpus_free(seeds.frames[i], seeds.counts[i]);
	return r;
}
