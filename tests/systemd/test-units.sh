#!/bin/sh
# The units are clean by systemd-analyze, with the daemon of this build in the place of the installed one.
set -u
builddir=$(pwd)
daemon=$builddir/futured
checks=0
failures=0

command -v systemd-analyze >/dev/null 2>&1 || { echo "systemd-analyze is not here"; exit 77; }
[ -x "$daemon" ] || { echo "$daemon is not built"; exit 1; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir -m 700 "$dir/run" "$dir/system" "$dir/user"
export XDG_RUNTIME_DIR="$dir/run"

# check WHAT COMMAND...: the command succeeds.
check() {
	checks=$((checks + 1))
	what=$1
	shift
	if ! "$@" >"$dir/out" 2>&1; then
		failures=$((failures + 1))
		echo "FAIL: $what"
		sed 's/^/    /' "$dir/out"
	fi
}

# silent COMMAND...: it succeeds and has nothing to say.
silent() {
	"$@" && [ ! -s "$dir/out" ]
}

for manager in system user; do
	cp "$srcdir/systemd/$manager/futured.socket" "$dir/$manager/"
	sed "s|^ExecStart=[^ ]*|ExecStart=$daemon|" "systemd/$manager/futured.service" >"$dir/$manager/futured.service"
	check "$manager: no place holder is left" \
		sh -c "! grep -E \"@[a-z]+@\" '$builddir/systemd/$manager/futured.service'"
	check "$manager: ExecStart is an absolute path to the daemon" \
		grep -Eq '^ExecStart=/.*/futured( |$)' "systemd/$manager/futured.service"
	check "$manager: the units verify without a word" \
		silent systemd-analyze "--$manager" verify --man=no \
		"$dir/$manager/futured.service" "$dir/$manager/futured.socket"
	check "$manager: users are not remapped (SO_PEERCRED)" \
		sh -c "! grep -q '^PrivateUsers=' '$dir/$manager/futured.service'"
	# The options of ExecStart are ones that the daemon knows.
	for option in $(sed -n 's/^ExecStart=//p' "$dir/$manager/futured.service" | grep -o -- ' --[a-z-]*'); do
		check "$manager: the daemon knows $option" sh -c "'$daemon' --help | grep -q -- '$option'"
	done
done
check "the socket is where clients look, everyone may connect" \
	sh -c "grep -q '^ListenStream=/run/futured/futured.sock$' '$dir/system/futured.socket' &&
		grep -q '^SocketMode=0666$' '$dir/system/futured.socket'"
check "the user's socket is the user's" \
	sh -c "grep -q '^ListenStream=%t/futured/futured.sock$' '$dir/user/futured.socket' &&
		grep -q '^SocketMode=0600$' '$dir/user/futured.socket'"
check "exposure of the system service is at most 1.5" \
	systemd-analyze security --offline=true --no-pager --threshold=15 "$dir/system/futured.service"
checks=$((checks + 1))
sed '/^SystemCallFilter=/d; /^CapabilityBoundingSet=/d; /^ProtectSystem=/d' "$dir/system/futured.service" \
	>"$dir/weak.service"
if systemd-analyze security --offline=true --no-pager --threshold=15 "$dir/weak.service" >/dev/null 2>&1; then
	failures=$((failures + 1))
	echo "FAIL: the threshold would not notice that the hardening is gone"
fi

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
