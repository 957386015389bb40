package enrich

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// TestReplayEnrichesAsLive hands each event to a live Enricher and, after what that noted, to one of a
// replay, while the world changes.
func TestReplayEnrichesAsLive(t *testing.T) {
	w, a := newWorld(t)
	live := New(Config{}, "h", slog.New(slog.DiscardHandler))
	live.accounts = a
	replay := NewReplay("h", 0, slog.New(slog.DiscardHandler))
	var noted []string
	live.Note(func(text []byte) {
		noted = append(noted, string(text))
		if err := replay.Learn(text); err != nil {
			t.Fatal(err)
		}
	})
	at := int64(100e9)
	same := func(what string, p pipeline.Process, want string, frames int) {
		t.Helper()
		w.now = w.now.Add(2 * time.Second)
		at += 2e9
		noted = nil
		q := p
		live.Process(&pipeline.Event{Proc: &p, Time: at})
		replay.Process(&pipeline.Event{Proc: &q, Time: at})
		show := func(p pipeline.Process) string {
			return fmt.Sprint(p.User, " ", p.Group, " ", p.Login, " ", p.Container.Name, " ", p.Container.Complete, " ", p.Container.PodLabels)
		}
		if show(p) != show(q) || show(p) != want {
			t.Errorf("%s: live has %q, replay %q, want %q", what, show(p), show(q), want)
		}
		if len(noted) != frames {
			t.Errorf("%s: noted %d findings, want %d: %q", what, len(noted), frames, noted)
		}
	}
	host := pipeline.Process{PID: 1, EUID: 1000, GID: 50, LoginUID: 1000}
	same("a host process", host, "li staff li host true map[]", 1)
	same("a second one", host, "li staff li host true map[]", 0)

	w.process(7, 70, map[string]string{"etc/passwd": "app\xff\x00:x:1000:1000::/:\n"})
	inside := pipeline.Process{PID: 7, EUID: 1000, GID: 50, LoginUID: pipeline.UnsetUID, MntNS: 70, ExecNS: 70, ContainerID: "c"}
	same("a container nobody told of", inside, "app\uFFFD\x00 <NA> <NA>  false map[]", 2)
	live.learned.Put(container.Described{Container: &pipeline.Container{ID: "c", Name: "web", Complete: true, Labels: map[string]string{"a": "b"}}, Sandbox: "c"})
	same("once it is known", inside, "app\uFFFD\x00 <NA> <NA> web true map[a:b]", 1)
	w.write(7, "etc/passwd", "changed:x:1000:1000::/:\n")
	same("with another passwd", inside, "changed <NA> <NA> web true map[a:b]", 1)
	live.cache.forget("c")
	same("forgotten by its runtime", inside, "changed <NA> <NA>  false map[]", 1)
	clear(a.roots) // as if evicted, with nobody left to look through
	gone := inside
	gone.PID = 99
	same("with a root that is gone", gone, "<NA> <NA> <NA>  false map[]", 1)
}

// A replay has no machine: not even its own process's files are looked at.
func TestReplayNeverLooksAtThisMachine(t *testing.T) {
	e := NewReplay("h", 0, slog.New(slog.DiscardHandler))
	p := pipeline.Process{PID: 1, EUID: 1, GID: 1, LoginUID: 1} // daemon, on any Debian
	e.Process(&pipeline.Event{Type: pipeline.EventPivotRoot, Proc: &p})
	if got := []string{p.User, p.Group, p.Login}; slices.ContainsFunc(got, func(s string) bool { return s != unknown }) {
		t.Errorf("names = %q, want none that nobody told", got)
	}
	if len(e.accounts.entered) != 0 {
		t.Errorf("roots were entered: %v", e.accounts.entered)
	}
}

func TestLearnRefusesGarbage(t *testing.T) {
	e := NewReplay("h", 0, slog.New(slog.DiscardHandler))
	if err := e.Learn([]byte("{")); err == nil {
		t.Error("Learn of something else = nil")
	}
	for i := range maxLearnedRoots {
		if err := e.accounts.learn(&accountsFinding{MountNS: uint32(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Learn([]byte(`{"accounts":{"mnt_ns":4000000000}}`)); err == nil || !strings.Contains(err.Error(), "root file systems") {
		t.Errorf("Learn of one root too many = %v, want a refusal", err)
	}
}
