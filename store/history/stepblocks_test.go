package history

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Steps are found whether they were written by a few or by many, in their order, over a restart, and none of others.
func TestStepsOfBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := openAt(t, path)
	random := rand.New(rand.NewPCG(1, 2))
	subjects := []uint64{0, 1, 1 << 32, 1<<32 + 1, ^uint64(0)} // the lower bits of some are the same
	for i := range uint64(50) {
		subjects = append(subjects, 7_000_000_000+i)
	}
	want := map[uint64][]pipeline.Step{}
	blocks := 0
	for n := range 40 {
		size := 1 + random.IntN(20)
		if n%2 == 0 {
			size, blocks = blockFrom+random.IntN(300), blocks+1
		}
		var lines []line
		for i := range size {
			subject := subjects[random.IntN(len(subjects))]
			s := pipeline.Step{At: t0.Add(time.Duration(n) * time.Second), Stage: "deliver", Verdict: "sent", Detail: fmt.Sprint(n, "-", i)}
			lines = append(lines, line{subject, s})
			want[subject] = append(want[subject], s)
		}
		if left := h.write(t.Context(), lines); len(left) != 0 || h.LostSteps() != 0 {
			t.Fatalf("%d steps lost", h.LostSteps())
		}
		if n == 20 {
			must(t, h.Close())
			h = openAt(t, path)
		}
	}
	defer func() { must(t, h.Close()) }()
	f := h.engine.(*file)
	var stored int
	must(t, f.db.QueryRow("SELECT count(*) FROM stepblocks").Scan(&stored))
	if stored != blocks {
		t.Errorf("%d blocks, want %d", stored, blocks)
	}
	for _, subject := range append(subjects, 12345) {
		for _, limit := range []int{1, 10, 10_000} {
			got, err := f.steps(t.Context(), subject, limit)
			must(t, err)
			all := want[subject]
			if diff := cmp.Diff(all[max(0, len(all)-limit):], got); diff != "" && len(all)+len(got) > 0 {
				t.Fatalf("the last %d steps of %d (-want +got):\n%s", limit, subject, diff)
			}
		}
	}
}

// Blocks go with what came when they did, a few at a time.
func TestBlocksAreTrimmed(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxAge = pipeline.Duration(time.Hour)
	h := openTestFile(t, cfg)
	f := h.engine.(*file)
	lines := make([]line, blockFrom)
	for i := range lines {
		lines[i] = line{uint64(i), pipeline.Step{At: t0, Stage: "deliver", Verdict: "sent"}}
	}
	const blocks = 3 * trimBlocks
	for range blocks {
		h.write(t.Context(), lines)
	}
	left := func() (n int) {
		must(t, f.db.QueryRow("SELECT count(*) FROM stepblocks").Scan(&n))
		return n
	}
	trimAll(t, h, time.Now())
	if n := left(); n != blocks {
		t.Errorf("%d of %d blocks are left though none is old", n, blocks)
	}
	more, err := h.engine.trim(t.Context(), time.Now().Add(2*time.Hour))
	must(t, err)
	if n := left(); n != blocks-trimBlocks || !more {
		t.Errorf("%d blocks are left after one step, more %v; want %d", n, more, blocks-trimBlocks)
	}
	trimAll(t, h, time.Now().Add(2*time.Hour))
	if n := left(); n != 0 {
		t.Errorf("%d blocks are left, want none", n)
	}
	f.maxSize = 1 << 10
	h.write(t.Context(), lines)
	trimAll(t, h, time.Now())
	if n := left(); n != 0 {
		t.Errorf("%d blocks are left in a file that is too large", n)
	}
}

// A block that is damaged is an error, not a crash.
func FuzzBlock(f *testing.F) {
	b, err := appendBlock(block{}, []line{{1, pipeline.Step{Verdict: "sent"}}, {2, pipeline.Step{Verdict: "dead"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.subjects, s2.Encode(nil, b.text), uint64(2))
	f.Fuzz(func(_ *testing.T, subjects, text []byte, subject uint64) {
		mayHave(subjects, subject)
		_, _ = stepsIn(text, subject)
	})
}
