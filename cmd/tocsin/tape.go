package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor/capture"
)

// tape writes a capture of what a hot half takes: each record, and before it what was read of the machine
// to decode and enrich it. It is written by the hot half's goroutine, and may be closed by another while
// that one has not stopped in time.
type tape struct {
	file *os.File

	mu  sync.Mutex // guards what follows
	w   *capture.Writer
	err error // the first of writing: nothing is written after it
}

// newTape creates the file and begins it with the process table. The hot half must not have taken a record yet.
func newTape(name string, h *hot, host string) (*tape, error) {
	header, err := captureHeader(h, host)
	if err != nil {
		return nil, err
	}
	table, err := h.decoder.Snapshot()
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	t := &tape{file: file}
	if t.w, err = capture.NewWriter(file, header); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := t.w.WriteProcesses(table); err != nil {
		return nil, errors.Join(err, t.close())
	}
	h.decoder.Note(func(text []byte) { t.note(t.w.WriteLookup, text) })
	h.enricher.Note(func(text []byte) { t.note(t.w.WriteFinding, text) })
	return t, nil
}

func (t *tape) note(write func([]byte) error, text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = write(text)
	}
}

// sample writes the record that was just taken.
func (t *tape) sample(s pipeline.Sample) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.w.WriteSample(s)
	}
	return t.err
}

// close ends the file. After an error of writing the file stays as one that was cut.
func (t *tape) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	failed := t.err
	t.err = os.ErrClosed
	if failed != nil {
		return t.file.Close() // the error was told where it came up
	}
	return errors.Join(t.w.Close(), t.file.Close())
}

func captureHeader(h *hot, host string) (capture.Header, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return capture.Header{}, fmt.Errorf("ask for the kernel's name: %w", err)
	}
	return capture.Header{
		Arch: runtime.GOARCH, KernelRelease: unix.ByteSliceToString(uts.Release[:]),
		Hostname: host, BootOffset: h.decoder.BootOffset(),
	}, nil
}
