#!/usr/bin/env bash
# Installs from Debian what the tests and `make generate` use and this machine lacks: a pinned clang
# for the eBPF objects, real containers, a real Redis, a real Prometheus, an old kernel. Says nothing when all is there.
set -euo pipefail

declare -A package=(
	[clang-14]=clang-14
	[llvm-strip-14]=llvm-14
	[runc]=runc
	[containerd]=containerd
	[ctr]=containerd
	[podman]=podman
	[redis-server]=redis-server
	[gcc]=gcc
	[ip]=iproute2
	[prometheus]=prometheus
)
missing=()
for tool in "${!package[@]}"; do
	command -v "$tool" >/dev/null || missing+=("${package[$tool]}")
done
[ -e /usr/include/bpf/bpf_helpers.h ] || missing+=(libbpf-dev)
# busybox-static: the one file of the test containers' root.
dpkg -s busybox-static >/dev/null 2>&1 || missing+=(busybox-static)
# Debian 12's kernel, which a test boots in an emulator. It is unpacked, not installed.
kernel=/usr/local/lib/tocsin/vmlinuz-6.1
if [ "$(dpkg --print-architecture)" = amd64 ]; then
	command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
else
	kernel=/dev/null
fi
[ ${#missing[@]} -eq 0 ] && [ -e "$kernel" ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "setup: missing ${missing[*]} or $kernel: run this as root" >&2
	[ "${CI:-}" = true ] && exit 1
	exit 0 # the tests that need them say so and skip
fi
echo "setup: installing ${missing[*]:-a kernel}"
export DEBIAN_FRONTEND=noninteractive
# No service of these packages may start by itself: the tests start their own, on their own ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
[ ${#missing[@]} -eq 0 ] || apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if [ ! -e "$kernel" ]; then
	work=$(mktemp -d)
	name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-6\.1\.[^ ]*\)$/\1/p')
	if [ -n "$name" ]; then # Debian 12 has it
		(cd "$work" && apt-get download -qq "$name" 2>/dev/null && dpkg -x ./*.deb .)
		install -D -m 644 "$work"/boot/vmlinuz-* "$kernel"
	fi
	rm -r "$work"
fi
