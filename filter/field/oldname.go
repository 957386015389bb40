package field

import (
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// OldName is what a resolved path is called through the symbolic links that a merged /usr leaves behind:
// /bin/sh for /usr/bin/sh, /var/run/x for /run/x. It only has one where the event's process has those
// links, so no condition means more than it says on a system without them.
func OldName(v *View, path string) (string, bool) {
	links := v.Ev.Proc.Links
	if links == 0 {
		return "", false
	}
	const usr, run = "/usr", "/run"
	if rest, ok := strings.CutPrefix(path, usr); ok && links&pipeline.LinkUsr != 0 && isMerged(rest) {
		return rest, true
	}
	if rest, ok := strings.CutPrefix(path, run); ok && links&pipeline.LinkRun != 0 && (rest == "" || rest[0] == '/') {
		return v.Build(func(dst []byte) []byte { return append(append(dst, "/var"...), path...) }), true
	}
	return "", false
}

// isMerged reports whether a path is in one of the directories that were moved into /usr.
func isMerged(path string) bool {
	for _, dir := range [...]string{"/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32"} {
		if rest, ok := strings.CutPrefix(path, dir); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// resolved marks a field as one whose paths the kernel resolved.
func resolved(d Def) Def {
	d.Resolved = true
	return d
}
