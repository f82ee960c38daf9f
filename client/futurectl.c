/* futurectl.c - the command line of futured: global options, the table of commands, help. */
#include "config.h"

#include "client/futurectl_creation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CTL_WORD_MAX 32
#define CTL_CLAIM_HELP \
	"      --claim CLAIM       what claim printed; or $FUTURED_CLAIM, which other users do not see\n"

static const struct ctl_command commands[] = {
	{ "create", "[PROFILE] [-p NAME=VALUE]... [--spec FILE] [options]", "create a future and print its id",
	  "Examples:\n"
	  "  futurectl create google-lro -p name=operations/123 --label team=vision\n"
	  "  futurectl create --spec job.json --key nightly --timeout 2h\n"
	  "  futurectl wait $(futurectl create --spec - < job.json)\n"
	  "  futurectl create --spec report.json --after 01987a3c-52f1 --start-at 18:30\n"
	  "  futurectl create --batch specs.jsonl --label run=7\n\n"
	  "Options:\n"
	  "  -p, --param NAME=VALUE  a value for the profile's parameter NAME\n"
	  "      --params JSON       all of them as one JSON object, where values are not text\n"
	  "      --spec FILE         a spec (JSON); - reads standard input. Its keys win over the profile's\n"
	  "      --batch FILE        a spec on each line: a future for each, in this order. Those that are refused are\n"
	  "                          named by their line; with --key each has the key KEY:LINE\n"
	  "      --params-batch FILE the same with params on each line, for a profile or --spec\n"
	  "      --polling JSON      how often to ask, over the spec's\n"
	  "      --retry JSON        what to do when asking fails, over the spec's\n"
	  CREATION_HELP,
	  ctl_create },
	{ "promise", "[--on-abandon fail|release] [options]", "create a future that a process completes",
	  "Examples:\n"
	  "  id=$(futurectl promise --label step=review)\n"
	  "  futurectl resolve $id --data '{\"approved\": true}' --type application/json\n\n"
	  "Options:\n"
	  "      --on-abandon WHAT   when its producer dies: fail (default), or release, for another to claim it\n"
	  CREATION_HELP,
	  ctl_promise },
	{ "timer", "TIME | WHEN [options]", "create a future that succeeds at a time",
	  "Examples:\n"
	  "  futurectl wait $(futurectl timer 90)\n"
	  "  futurectl timer '2026-01-31 18:30' --key end-of-month\n\n"
	  "Options:\n"
	  CREATION_HELP,
	  ctl_timer },
	{ "group", "[--until all|any|first-exception] ID... [options]", "create a future that is over when others are",
	  "Examples:\n"
	  "  futurectl result $(futurectl group 01987a3c-52f1 01987a3d-00aa)\n"
	  "  futurectl create --spec report.json --after $(futurectl group $ids)\n\n"
	  "Its result lists them with their results, in order. It lives in the daemon; for a list of ids in a file, see\n"
	  "save and open.\n\n"
	  "Options:\n"
	  "      --until WHEN        all are over (default); any: one is; first-exception: one has failed, or all are over\n"
	  CREATION_HELP,
	  ctl_group },
	{ "wait", "[--any | --first-exception] [--as-completed] [--timeout TIME] ID...", "wait until futures are over",
	  "Examples:\n"
	  "  futurectl wait 01987a3c-52f1-7c44-9d0e-3b1f6a2c8e57\n"
	  "  futurectl wait --any --timeout 10m 01987a3c-52f1 01987a3d-00aa\n"
	  "  futurectl wait --as-completed $ids | while read id; do futurectl result $id -o $id.json; done\n\n"
	  "Prints a line for each that is over, as it ends. Exits 0 when all succeeded, else as the first that\n"
	  "did not.\n\n"
	  "Options:\n"
	  "      --any               until one of them is over\n"
	  "      --first-exception   until one has failed, or all are over\n"
	  "      --as-completed      print the id alone of each that is over, as it ends, each once\n"
	  "  -t, --timeout TIME      not longer than this (exit 124); 0 looks once\n",
	  ctl_wait },
	{ "result", "[-o FILE] [--timeout TIME] ID", "wait for a future and print its result",
	  "Examples:\n"
	  "  futurectl result 01987a3c-52f1 > result.json\n"
	  "  futurectl result 01987a3c-52f1 -o model.bin --timeout 1h\n\n"
	  "The bytes come exactly as the service sent them.\n\n"
	  "Options:\n"
	  "  -o, --output FILE       write to FILE: all of it, or nothing; a pipe or a device is written into\n"
	  "  -t, --timeout TIME      wait not longer than this (exit 124); 0 looks once\n",
	  ctl_result },
	{ "get", "ID", "show one future", "Example:\n  futurectl get 01987a3c-52f1\n", ctl_get },
	{ "list", "[--state STATE] [--profile NAME] [--label NAME=VALUE]...", "list futures, oldest first",
	  "Examples:\n"
	  "  futurectl list --state running\n"
	  "  futurectl list --label team=vision --json | jq -r .id\n\n"
	  "Options:\n"
	  "      --state STATE       pending, running, succeeded, failed, cancelled\n"
	  "      --profile NAME      made from this profile\n"
	  "      --label NAME=VALUE  that have this label; more than one: all of them\n"
	  "  -n, --limit COUNT       not more than so many\n",
	  ctl_list },
	{ "watch", "[--since SEQ] [--label NAME=VALUE]... [ID...]", "print what happens to futures, as it happens",
	  "Examples:\n"
	  "  futurectl watch\n"
	  "  futurectl watch --since 0 --json\n"
	  "  futurectl watch --label team=vision\n\n"
	  "Options:\n"
	  "      --since SEQ         first what came after this sequence number; 0: all that is still known\n"
	  "      --label NAME=VALUE  those that have this label; more than one: all of them\n",
	  ctl_watch },
	{ "cancel", "ID...", "ask for the end of futures",
	  "Example:\n  futurectl cancel 01987a3c-52f1\n", ctl_cancel },
	{ "refresh", "ID...", "poll now instead of when it is due",
	  "Example:\n  futurectl refresh 01987a3c-52f1\n", ctl_refresh },
	{ "extend", "ID TIME", "move a future's deadline",
	  "Examples:\n  futurectl extend 01987a3c-52f1 3600\n  futurectl extend 01987a3c-52f1 none\n\n"
	  "TIME counts from now: seconds, or 10m, 2h, 7d; none takes the deadline away.\n",
	  ctl_extend },
	{ "retry", "ID", "take up a failed future's operation again, as a new future",
	  "Example:\n  futurectl wait $(futurectl retry 01987a3c-52f1)\n\nPrints the new future's id.\n", ctl_retry },
	{ "forget", "ID...", "remove futures that are over",
	  "Example:\n  futurectl forget 01987a3c-52f1\n", ctl_forget },
	{ "claim", "[--lease TIME] ID", "become the producer of a promise",
	  "Examples:\n"
	  "  FUTURED_CLAIM=$(futurectl claim --lease 5m 01987a3c-52f1) && export FUTURED_CLAIM\n"
	  "  futurectl claim 01987a3c-52f1 &\n\n"
	  "Prints the claim: from then on the promise is completed with it only. Without --lease it is held as long as\n"
	  "this program runs, which is until the promise is over (exit as of wait).\n\n"
	  "Options:\n"
	  "      --lease TIME        it must be renewed within this time\n",
	  ctl_claim },
	{ "renew", "--lease TIME [--claim CLAIM] ID", "keep a claim for longer",
	  "Example:\n"
	  "  futurectl renew --lease 5m 01987a3c-52f1\n\n"
	  "Options:\n"
	  "      --lease TIME        from now\n"
	  CTL_CLAIM_HELP,
	  ctl_renew },
	{ "progress", "[--claim CLAIM] ID JSON", "say how far a promise is",
	  "Example:\n"
	  "  futurectl progress 01987a3c-52f1 '{\"done\": 3, \"of\": 10}'\n\n"
	  "Options:\n"
	  CTL_CLAIM_HELP,
	  ctl_progress },
	{ "resolve", "[--claim CLAIM] [--type TYPE] [-d TEXT | -f FILE] ID", "complete a promise with its result",
	  "Examples:\n"
	  "  ./solve | futurectl resolve 01987a3c-52f1\n"
	  "  futurectl resolve 01987a3c-52f1 -f model.bin --type application/octet-stream\n"
	  "  futurectl resolve 01987a3c-52f1 -d '{\"approved\": true}' --type application/json\n\n"
	  "Options:\n"
	  "  -d, --data TEXT         the result is this text\n"
	  "  -f, --file FILE         the result is what is in FILE; without either, what comes from standard input\n"
	  "      --type TYPE         its media type\n"
	  CTL_CLAIM_HELP,
	  ctl_resolve },
	{ "reject", "[--claim CLAIM] [-m TEXT] [--code CODE] [--kind KIND] [-f FILE] ID", "fail a promise",
	  "Example:\n"
	  "  futurectl reject 01987a3c-52f1 -m 'no convergence' --code E7 -f trace.txt\n\n"
	  "Options:\n"
	  "  -m, --message TEXT      why, for people\n"
	  "      --code CODE         why, for programs\n"
	  "      --kind KIND         what kind of error, instead of \"rejected\"\n"
	  "  -f, --file FILE         details: what is in FILE\n"
	  CTL_CLAIM_HELP,
	  ctl_reject },
	{ "pause", "ID... | --label NAME=VALUE... | --origin URL", "send no more requests",
	  "Examples:\n"
	  "  futurectl pause 01987a3c-52f1\n"
	  "  futurectl pause --label team=vision\n"
	  "  futurectl pause --origin https://api.example.com\n\n"
	  "Futures wait in the state that they are in, until they are resumed; their deadlines still count. Prints how many\n"
	  "were paused.\n\n"
	  "Options:\n"
	  "      --label NAME=VALUE  those that have this label now; more than one: all of them\n"
	  "      --origin URL        all of yours at this service, also those that will be\n",
	  ctl_pause },
	{ "resume", "ID... | --label NAME=VALUE... | --origin URL", "send requests again",
	  "Examples:\n"
	  "  futurectl resume 01987a3c-52f1\n"
	  "  futurectl resume --origin https://api.example.com\n\n"
	  "Options:\n"
	  "      --label NAME=VALUE  as of pause\n"
	  "      --origin URL        as of pause; futures that are paused by themselves stay so\n",
	  ctl_resume },
	{ "pin", "ID...", "keep futures however old they are",
	  "Example:\n  futurectl pin 01987a3c-52f1\n", ctl_pin },
	{ "unpin", "ID...", "let go of pinned futures",
	  "Example:\n  futurectl unpin 01987a3c-52f1\n", ctl_unpin },
	{ "save", "[--single] FILE ID...", "write ids to a file, for another process to go on with",
	  "Example:\n"
	  "  futurectl save jobs.json $(futurectl create --batch specs.jsonl)\n\n"
	  "Options:\n"
	  "      --single            it stands for one thing, not for a list of one\n",
	  ctl_save },
	{ "open", "[--states] FILE", "print the ids in such a file",
	  "Examples:\n"
	  "  futurectl wait $(futurectl open jobs.json)\n"
	  "  futurectl open --states jobs.json\n\n"
	  "Options:\n"
	  "      --states            and what state each is in\n",
	  ctl_open },
	{ "profile", "check FILE | try FILE | show NAME | list  [-p NAME=VALUE]...", "for those who write profiles",
	  "Examples:\n"
	  "  futurectl profile check my-service.json\n"
	  "  futurectl profile try my-service.json -p job=123\n"
	  "  futurectl profile try google-lro -p name=operations/123\n\n"
	  "check prints all that is wrong with a profile or spec, each with its place (exit 1 if anything is).\n"
	  "try sends its poll once: what is sent, without secrets; what comes back; which rule decides, and why\n"
	  "those before it do not; what that would mean. Nothing is created. Exits 1 when there is no answer.\n"
	  "FILE is a file, - for standard input, or the name of a profile.\n\n"
	  "Options:\n"
	  "  -p, --param NAME=VALUE  a value for NAME; also for what the answer to a submit would give\n"
	  "      --params JSON       all of them as one JSON object, where values are not text\n",
	  ctl_profile },
	{ "profiles", "[NAME]", "list the profiles, or show one",
	  "Examples:\n  futurectl profiles\n  futurectl profiles google-lro\n", ctl_profiles },
	{ "stats", "", "show the daemon's counters", "Example:\n  futurectl stats --json | jq .futures\n", ctl_stats },
	{ NULL, NULL, NULL, NULL, NULL }
};

static void ctl_print_help(void)
{
	printf("Usage: futurectl [--socket PATH] [--json] COMMAND [ARGUMENTS]\n\nCommands:\n");
	for (const struct ctl_command *command = commands; command->name; command++)
		printf("  %-10s %s\n", command->name, command->summary);
	printf("\nOptions:\n"
	    "      --socket PATH  the daemon's socket; otherwise $FUTURED_SOCKET, the user's, the machine's\n"
	    "      --json         one JSON object on each line\n"
	    "  -h, --help         this text; after a command, that command's\n"
	    "      --version      print the version\n\n"
	    "An ID may be cut short to its first %d characters or more.\n"
	    "Exit codes: 0 succeeded, 1 failed, 2 usage, 3 cancelled, 4 not found, 5 not permitted, 6 no daemon,\n"
	    "7 key conflict, 75 try again, 124 the wait timed out, 130 interrupted.\n", CTL_PREFIX_MIN);
}

static unsigned ctl_min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Edit distance of two short words. */
static unsigned ctl_distance(const char *a, const char *b)
{
	unsigned row[CTL_WORD_MAX + 1];
	size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned corner = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 1; j <= len; j++) {
			unsigned above = row[j];

			row[j] = ctl_min3(above + 1, row[j - 1] + 1, corner + (a[i] != b[j - 1]));
			corner = above;
		}
	}
	return row[len];
}

static int ctl_unknown_command(const char *word)
{
	const char *nearest = NULL;
	unsigned least = 3;

	for (const struct ctl_command *command = commands; command->name && strlen(word) <= CTL_WORD_MAX; command++) {
		unsigned distance = ctl_distance(word, command->name);

		if (distance < least) {
			least = distance;
			nearest = command->name;
		}
	}
	if (nearest)
		ctl_say("unknown command \"%s\". Did you mean \"%s\"?", word, nearest);
	else
		ctl_say("unknown command \"%s\". Try 'futurectl --help'.", word);
	return CTL_USAGE;
}

static int ctl_run(struct ctl *ctl, int argc, char **argv)
{
	const struct ctl_command *command = commands;
	int code;

	while (command->name && strcmp(command->name, argv[0]) != 0)
		command++;
	if (!command->name)
		return ctl_unknown_command(argv[0]);
	optind = 0;
	code = command->run(ctl, command, argc, argv);
	return code == CTL_ANSWERED ? CTL_OK : code;
}

/* Nothing that is on its way needs to be undone: what the daemon has, it has. */
static void ctl_on_interrupt(int number)
{
	_exit(CTL_INTERRUPTED);
}

/* What was printed must have arrived. A reader that has gone away is no reason to complain. */
static int ctl_flush(int code)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) != 0 || failed) {
		if (errno != EPIPE)
			ctl_say("cannot write the output: %s", strerror(errno));
		return code ? code : CTL_FAILED;
	}
	return code;
}

/* The exit code, or -1 to go on with the command at argv[optind]. */
static int ctl_options(struct ctl *ctl, int argc, char **argv)
{
	int option;

	option = ctl_option(ctl, argc, argv, "+", NULL);
	if (option == CTL_OPTION_HELP)
		ctl_print_help();
	if (option != -1)
		return option == CTL_OPTION_HELP || option == CTL_OPTION_VERSION ? CTL_OK : CTL_USAGE;
	if (optind < argc)
		return -1;
	ctl_say("a command is missing. Try 'futurectl --help'.");
	return CTL_USAGE;
}

/* What whoever started us has closed stays without use: a connection that had its number would be printed into. */
static void ctl_keep_closed(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			_exit(CTL_FAILED);
	}
}

int main(int argc, char **argv)
{
	struct sigaction interrupt = { .sa_handler = ctl_on_interrupt }, before;
	struct ctl ctl = { 0 };
	int code;

	ctl_keep_closed();
	/* A shell that starts us behind its back has it ignored. */
	if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(SIGINT, &interrupt, NULL);
	code = ctl_options(&ctl, argc, argv);
	if (code < 0)
		code = ctl_run(&ctl, argc - optind, argv + optind);
	futured_unref(ctl.connection);
	return ctl_flush(code);
}
