#!/usr/bin/env bash
# Runs govulncheck. Its database lives on a host that closed networks do not reach: then this says so
# and succeeds, because nothing was found out either way. A finding fails.
set -uo pipefail

out=$(go tool govulncheck ./... 2>&1)
status=$?
if [ $status -ne 0 ] && grep -qiE 'fetching vulnerabilities|dial tcp|no such host|connection refused|proxyconnect|context deadline|Forbidden' <<<"$out"; then
	echo "vuln: the vulnerability database cannot be reached from here; not checked"
	exit 0
fi
echo "$out"
exit $status
