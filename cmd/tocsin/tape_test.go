package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor/capture"
)

func TestAClosedTapeTakesNothingMore(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "c"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := capture.NewWriter(file, capture.Header{})
	if err != nil {
		t.Fatal(err)
	}
	tp := &tape{file: file, w: w}
	if err := errors.Join(tp.sample(pipeline.Sample("a")), tp.close()); err != nil {
		t.Fatal(err)
	}
	tp.note(w.WriteLookup, []byte("late"))
	if err := tp.sample(pipeline.Sample("late")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("sample after close = %v, want %v", err, os.ErrClosed)
	}
}

// The first error of writing ends a recording; its file is not given an end mark.
func TestABrokenTapeStaysBroken(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w, err := capture.NewWriter(&skipped{full, 8}, capture.Header{})
	if err != nil {
		t.Fatal(err)
	}
	tp := &tape{file: full, w: w}
	for range 10_000 { // zstd writes when a block is full
		if err = tp.sample(make(pipeline.Sample, 1000)); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("writing to a full disk never failed")
	}
	if again := tp.sample(pipeline.Sample("a")); again == nil || again.Error() != err.Error() {
		t.Errorf("the next sample = %v, want the first error %v", again, err)
	}
	if err := tp.close(); err != nil {
		t.Errorf("close = %v", err)
	}
}

// skipped lets the first bytes pass that NewWriter writes.
type skipped struct {
	to *os.File
	n  int
}

func (s *skipped) Write(b []byte) (int, error) {
	if s.n >= len(b) {
		s.n -= len(b)
		return len(b), nil
	}
	return s.to.Write(b)
}
