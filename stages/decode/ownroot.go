package decode

import (
	"strconv"
	"strings"
)

// withoutOwnRoot is an absolute path without the detour through the process's own root in /proc, where
// /proc/self/root/etc/passwd is /etc/passwd. A call that succeeded on a file by its path says nothing else
// of where that led. Another process's root may be another place, and stays.
func withoutOwnRoot(path string, e *entry) string {
	for {
		rest, ok := strings.CutPrefix(path, "/proc/")
		if !ok {
			return path
		}
		who, _, ok := strings.Cut(rest, "/root/")
		if !ok || !isOwn(who, e.VPID) {
			return path
		}
		path = rest[len(who)+len("/root"):]
	}
}

// isOwn reports whether a directory of /proc is that of the process with this number in it.
func isOwn(dir string, pid int32) bool {
	if dir == "self" || dir == "thread-self" {
		return true
	}
	n, err := strconv.ParseInt(dir, 10, 32)
	return err == nil && int32(n) == pid
}
