package bus

import (
	"os"
	"path/filepath"
	"testing"
)

// gone is a message that is no longer in its stream.
const gone = 99

func reopened(t *testing.T, dir string) *attempts {
	t.Helper()
	a, err := openAttempts(dir, func(_, seq uint64) bool { return seq != gone })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.close() })
	return a
}

// What was noted is there after a kill, which leaves the files as they are.
func TestAttemptsOutliveAKill(t *testing.T) {
	dir := t.TempDir()
	a := reopened(t, dir)
	for seq, past := range map[uint64]Past{1: {1, true}, 2: {3, false}, 3: {1, true}, gone: {1, true}} {
		if err := a.note(attemptKey{hashOf("notify.a"), seq}, past); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.note(attemptKey{hashOf("notify.b"), 1}, Past{7, true}); err != nil {
		t.Fatal(err)
	}
	if err := a.note(attemptKey{hashOf("notify.a"), 3}, Past{2, false}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, attemptsFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, text[:recordLen-1]...), 0o600); err != nil { // the kill cut the last one
		t.Fatal(err)
	}
	for range 2 {
		b := reopened(t, dir)
		for _, c := range []struct {
			topic string
			seq   uint64
			want  Past
		}{
			{"notify.a", 1, Past{1, true}}, {"notify.a", 2, Past{3, false}}, {"notify.a", 3, Past{2, false}},
			{"notify.b", 1, Past{7, true}}, {"notify.b", 2, Past{}}, {"notify.a", 4, Past{}}, {"notify.a", gone, Past{}},
		} {
			if got := b.past(attemptKey{hashOf(c.topic), c.seq}); got != c.want {
				t.Errorf("message %d of %s: %+v, want %+v", c.seq, c.topic, got, c.want)
			}
		}
	}
}

// A file that is begun anew keeps what is under way, and for a while what was acknowledged: a kill may bring that back.
func TestAttemptsAreBounded(t *testing.T) {
	dir := t.TempDir()
	a := reopened(t, dir)
	if err := a.note(attemptKey{hashOf("t"), 1}, Past{1, true}); err != nil {
		t.Fatal(err)
	}
	const many = 3 * maxAttemptsFile / recordLen
	for seq := uint64(2); seq < many; seq++ {
		if err := a.note(attemptKey{hashOf("t"), seq}, Past{1, true}); err != nil {
			t.Fatal(err)
		}
		a.forget(attemptKey{hashOf("t"), seq})
	}
	sum := int64(0)
	for _, name := range []string{attemptsFile, attemptsOldFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	if sum > 3*maxAttemptsFile {
		t.Errorf("the files have %d bytes", sum)
	}
	if n := len(a.by); n != 1 {
		t.Errorf("%d messages in memory, want the one that is under way", n)
	}
	b := reopened(t, dir)
	for _, seq := range []uint64{1, many - 1, many - 1000} {
		if got := b.past(attemptKey{hashOf("t"), seq}); got != (Past{1, true}) {
			t.Errorf("message %d: %+v, want it known", seq, got)
		}
	}
}
