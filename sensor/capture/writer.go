package capture

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Writer writes a capture. It is not safe for concurrent use. Close it, or the file counts as cut and
// lacks the last zstd block, about 100 KB of frames.
type Writer struct {
	z *zstd.Encoder
	// header is a field so that the encoder's interface does not move it to the heap once a frame.
	header [frameHeaderSize]byte
}

// NewWriter starts a capture on w, which stays the caller's to close.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Version = Version
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write capture header: %w", err)
	}
	if _, err := io.WriteString(w, magic); err != nil {
		return nil, fmt.Errorf("write capture header: %w", err)
	}
	// One worker: recording must not take the CPUs from what is recorded.
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("start capture compression: %w", err)
	}
	c := &Writer{z: z}
	if err := c.frame(kindHeader, text); err != nil {
		return nil, err
	}
	return c, nil
}

// WriteProcesses writes the process table that the samples after it build on.
func (c *Writer) WriteProcesses(table []byte) error { return c.frame(Processes, table) }

// WriteLookup writes what decode read of the machine for the sample that is written next.
func (c *Writer) WriteLookup(text []byte) error { return c.frame(Lookup, text) }

// WriteFinding writes what enrich found out at the sample that is written next.
func (c *Writer) WriteFinding(text []byte) error { return c.frame(Finding, text) }

// WriteSample writes one record; it keeps nothing of s.
func (c *Writer) WriteSample(s pipeline.Sample) error { return c.frame(Sample, s) }

// Close writes the end mark and what is still buffered.
func (c *Writer) Close() error {
	if err := c.frame(kindEnd, nil); err != nil {
		return err
	}
	if err := c.z.Close(); err != nil {
		return fmt.Errorf("end capture: %w", err)
	}
	return nil
}

func (c *Writer) frame(k Kind, payload []byte) error {
	if limit := maxLength(k); len(payload) > limit {
		return fmt.Errorf("write capture: %s of %d bytes is over the limit of %d", k, len(payload), limit)
	}
	putFrameHeader(&c.header, k, len(payload))
	if _, err := c.z.Write(c.header[:]); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	if _, err := c.z.Write(payload); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}
