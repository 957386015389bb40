package sensor

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// counted is how many connects ended with errno, in all groups.
func counted(t *testing.T, s *Sensor, errno unix.Errno) (n uint64) {
	t.Helper()
	counts, err := s.Connects()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		if c.Errno == uint32(errno) {
			n += c.Count
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
			before := counted(t, l.Sensor, c.errno)
			reported := 0
			for _, r := range l.act(c.act, t.TempDir()) {
				if pipeline.EventType(r.Type) == pipeline.EventConnect {
					reported++
				}
			}
			if n := counted(t, l.Sensor, c.errno) - before; n == 0 {
				t.Error("nothing was counted")
			}
			if wanted := c.want[0] == pipeline.EventConnect; wanted != (reported > 0) {
				t.Errorf("%d connects reported, wanted: %v", reported, wanted)
			}
		})
	}
}

func TestForgottenConnectsAreAnnouncedAnew(t *testing.T) {
	l := watchWith(t, counting(CountAlways), []pipeline.EventType{pipeline.EventSocket})
	// Another process of the group can come first after a count was forgotten: then it is the one announced.
	const tries, want = 100, 2
	times := 0
	for range tries {
		counts, err := l.Connects()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.ForgetConnects(counts); err != nil {
			t.Fatal(err)
		}
		announced := 0
		for _, r := range l.act("sockets", t.TempDir()) {
			if pipeline.EventType(r.Type) == pipeline.EventConnects {
				announced++
			}
		}
		if announced > 1 {
			t.Fatalf("announced %d times, want once", announced)
		}
		if times += announced; times == want {
			return
		}
	}
	t.Errorf("announced %d times in %d tries that forgot the counts before, want %d", times, tries, want)
}

// By itself counting follows the rules: it costs nothing where none asks for connects.
func TestCountingFollowsTheRules(t *testing.T) {
	l := watchWith(t, counting(CountAuto), []pipeline.EventType{pipeline.EventSocket})
	l.act("sockets", t.TempDir())
	if n := counted(t, l.Sensor, 0); n != 0 || l.connectEnds != nil {
		t.Errorf("%d connects are counted, want none while nobody asks for them", n)
	}
	if err := l.SetWanted([]pipeline.EventType{pipeline.EventConnect}); err != nil {
		t.Fatal(err)
	}
	l.act("sockets", t.TempDir())
	if counted(t, l.Sensor, 0) == 0 {
		t.Error("no connect is counted, want some now that they are asked for")
	}
}

func counting(c Counting) Config {
	cfg := DefaultConfig()
	cfg.ConnectionMetrics = c
	return cfg
}
