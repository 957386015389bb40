#!/usr/bin/env bash
# What an event costs from the record to the last rule's verdict, on one core: two captures, one of file opens
# and one of mixed work, replayed under different numbers of rules. Root; a quiet machine.
#
# usage: replay.sh TOCSIN [RULES FILE…]   the files are one more set of rules, such as a vendor's
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tocsin=$(realpath "$1")
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
gcc -O2 -o "$dir/workload" "$here/../overhead/workload.c"
export WL_FILE=$dir/file
: >"$WL_FILE"

# record NAME WORK N WORK N …: a capture of the work.
record() {
	local file=$dir/$1.tocsin
	shift
	"$tocsin" record -o "$file" 2>"$dir/log" &
	local pid=$!
	until grep -q recording "$dir/log"; do sleep 0.1; done
	while [ $# -gt 0 ]; do
		"$dir/workload" "$1" "$2" >/dev/null
		shift 2
	done
	kill "$pid"
	wait "$pid"
}
record opens openat "${OPENS:-500000}"
record mixed openat 20000 forkexec 1000 connect 10000 openat 20000 forkexec 1000 connect 10000

# generated N: rules that match nothing; two fifths about opens, two about programs, one about connections.
generated() {
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) {
		if (i % 5 < 2) c = "evt.type in (open, openat, openat2) and fd.name startswith /gen/dir" i "/ and not proc.name in (a" i ", b" i ")"
		else if (i % 5 < 4) c = "evt.type in (execve, execveat) and proc.name = gen" i " and not proc.pname in (p" i ", q" i ")"
		else c = "evt.type = connect and fd.sport = " 10000 + i % 50000 " and proc.name = gen" i
		printf "- {rule: g%d, desc: d, condition: \"%s\", output: o, priority: INFO}\n", i, c
	} }'
}
# replay NAME RULES…: the figures of each capture.
replay() {
	local name=$1 files
	shift
	files=$(printf '"%s", ' "$@")
	printf 'rules: {files: [%s]}\nroute: {receiver: r}\nreceivers: [{name: r}]\n' "${files%, }" >"$dir/config.yaml"
	for capture in opens mixed; do
		printf '%-16s %-6s ' "$name" "$capture"
		GOMAXPROCS=1 "$tocsin" replay --config "$dir/config.yaml" "$dir/$capture.tocsin" 2>&1 >/dev/null | grep '^replay:'
	done
}
for n in 1 100 1000 10000; do
	generated "$n" >"$dir/generated.yaml"
	replay "$n generated" "$dir/generated.yaml"
done
if [ $# -gt 0 ]; then
	files=()
	for f in "$@"; do files+=("$(realpath "$f")"); done
	replay "given" "${files[@]}"
fi
