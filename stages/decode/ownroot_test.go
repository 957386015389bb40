package decode

import (
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestOwnRootIsNoDetour(t *testing.T) {
	e := &entry{Process: pipeline.Process{VPID: 7}}
	for sentence, c := range map[string]struct{ path, want string }{
		"by the name self":               {"/proc/self/root/etc/passwd", "/etc/passwd"},
		"by the thread":                  {"/proc/thread-self/root/etc/passwd", "/etc/passwd"},
		"by the number":                  {"/proc/7/root/etc/passwd", "/etc/passwd"},
		"twice":                          {"/proc/self/root/proc/7/root/etc/passwd", "/etc/passwd"},
		"another process's root stays":   {"/proc/8/root/etc/passwd", "/proc/8/root/etc/passwd"},
		"what only looks like it stays":  {"/proc/self/rootkit", "/proc/self/rootkit"},
		"deeper in /proc/self it stays":  {"/proc/self/task/7/root/etc", "/proc/self/task/7/root/etc"},
		"what is not in /proc stays":     {"/x/proc/self/root/etc", "/x/proc/self/root/etc"},
		"a name like the number's stays": {"/proc/7x/root/etc", "/proc/7x/root/etc"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := withoutOwnRoot(c.path, e); got != c.want {
				t.Errorf("withoutOwnRoot(%q) = %q, want %q", c.path, got, c.want)
			}
		})
	}
}
