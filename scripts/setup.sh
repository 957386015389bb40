#!/usr/bin/env bash
# Installs from Debian what the tests and `make generate` use and this machine lacks: a pinned clang
# for the eBPF objects, real containers, a real Redis. Says nothing when all is there.
set -euo pipefail

declare -A package=(
	[clang-14]=clang-14
	[llvm-strip-14]=llvm-14
	[runc]=runc
	[containerd]=containerd
	[ctr]=containerd
	[redis-server]=redis-server
	[gcc]=gcc
)
missing=()
for tool in "${!package[@]}"; do
	command -v "$tool" >/dev/null || missing+=("${package[$tool]}")
done
[ -e /usr/include/bpf/bpf_helpers.h ] || missing+=(libbpf-dev)
# busybox-static: the one file of the test containers' root.
dpkg -s busybox-static >/dev/null 2>&1 || missing+=(busybox-static)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "setup: missing ${missing[*]}: run 'apt-get install ${missing[*]}' as root" >&2
	[ "${CI:-}" = true ] && exit 1
	exit 0 # the tests that need them say so and skip
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# No service of these packages may start by itself: the tests start their own, on their own ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
