package sensor

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// counted is how many connects of a cgroup ended with errno.
func counted(t *testing.T, s *Sensor, group uint64, errno unix.Errno) (n uint64) {
	t.Helper()
	for _, c := range countsOf(t, s, group) {
		if c.Errno == uint32(errno) {
			n += c.Count
		}
	}
	return n
}

func countsOf(t *testing.T, s *Sensor, group uint64) []pipeline.Connects {
	t.Helper()
	counts, err := s.Connects()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(counts, func(c pipeline.Connects) bool { return c.Group != group })
}

// announcements are how often the records say of a cgroup that its connects are counted from now on.
func announcements(records []record, group uint64) (n int) {
	for _, r := range records {
		if r.is(pipeline.EventConnects) && r.call.Args[0] == group {
			n++
		}
	}
	return n
}

// Connects are counted however they are made, and reported only to those who want them.
func TestConnectsAreCountedWithoutEvents(t *testing.T) {
	for sentence, c := range map[string]struct {
		act   string
		errno unix.Errno
		want  []pipeline.EventType
	}{
		"a system call":                   {"sockets", 0, []pipeline.EventType{pipeline.EventSocket}},
		"a system call that a rule wants": {"sockets", 0, []pipeline.EventType{pipeline.EventConnect}},
		"io_uring":                        {"uring connect", 0, []pipeline.EventType{pipeline.EventSocket}},
		"io_uring, refused":               {"uring connect refused", unix.ECONNREFUSED, []pipeline.EventType{pipeline.EventSocket}},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := watchWith(t, counting(CountAlways), c.want)
			enter, group := ownCgroup(t)
			records := l.act(c.act, t.TempDir(), enter)
			if counted(t, l.Sensor, group, c.errno) == 0 {
				t.Error("nothing was counted")
			}
			reported := slices.ContainsFunc(records, func(r record) bool { return r.is(pipeline.EventConnect) })
			if wanted := c.want[0] == pipeline.EventConnect; wanted != reported {
				t.Errorf("connects are reported: %v, wanted: %v", reported, wanted)
			}
			// One for each kind of end: its row in the map is new.
			if n, want := announcements(records, group), len(countsOf(t, l.Sensor, group)); n != want {
				t.Errorf("announced %d times, want %d", n, want)
			}
		})
	}
}

func TestForgottenConnectsAreAnnouncedAnew(t *testing.T) {
	l := watchWith(t, counting(CountAlways), []pipeline.EventType{pipeline.EventSocket})
	enter, group := ownCgroup(t)
	for round := range 2 {
		if n := announcements(l.act("sockets", t.TempDir(), enter), group); n != 1 {
			t.Errorf("round %d: announced %d times, want once", round, n)
		}
		if n := announcements(l.act("sockets", t.TempDir(), enter), group); n != 0 {
			t.Errorf("round %d: announced %d times although it was before, want never", round, n)
		}
		if err := l.ForgetConnects(countsOf(t, l.Sensor, group)); err != nil {
			t.Fatal(err)
		}
		if counts := countsOf(t, l.Sensor, group); len(counts) != 0 {
			t.Errorf("round %d: counts %v, want none after they were forgotten", round, counts)
		}
	}
}

// By itself counting follows the rules: it costs nothing where none asks for connects.
func TestCountingFollowsTheRules(t *testing.T) {
	l := watchWith(t, counting(CountAuto), []pipeline.EventType{pipeline.EventSocket})
	enter, group := ownCgroup(t)
	l.act("sockets", t.TempDir(), enter)
	if n := counted(t, l.Sensor, group, 0); n != 0 || l.connectEnds != nil {
		t.Errorf("%d connects are counted, want none while nobody asks for them", n)
	}
	if err := l.SetWanted([]pipeline.EventType{pipeline.EventConnect}); err != nil {
		t.Fatal(err)
	}
	l.act("sockets", t.TempDir(), enter)
	if counted(t, l.Sensor, group, 0) == 0 {
		t.Error("no connect is counted, want some now that they are asked for")
	}
}

func counting(c Counting) Config {
	cfg := DefaultConfig()
	cfg.ConnectionMetrics = c
	return cfg
}
