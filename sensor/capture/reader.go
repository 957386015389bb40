package capture

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory a foreign file can make decompression use; Writer stays below it.
const maxWindow = 64 << 20

// Reader reads a capture. It is not safe for concurrent use.
type Reader struct {
	Header Header // as written

	z       *zstd.Decoder
	in      *bufio.Reader // of z, which is slow in small reads
	frames  int
	ended   bool
	header  [frameHeaderSize]byte
	payload []byte
}

// NewReader checks that r is a capture and reads its header. A file that is none of ours gives
// ErrNotCapture. Close the Reader when done; r stays the caller's.
func NewReader(r io.Reader) (*Reader, error) {
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(r, start); err != nil && !isEOF(err) {
		return nil, fmt.Errorf("read capture: %w", err)
	}
	if string(start) != magic {
		return nil, fmt.Errorf("read capture: it begins with %q: %w", start, ErrNotCapture)
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("start capture decompression: %w", err)
	}
	c := &Reader{z: z, in: bufio.NewReaderSize(z, 64<<10)}
	if err := c.readHeader(); err != nil {
		z.Close()
		return nil, err
	}
	return c, nil
}

func (c *Reader) readHeader() error {
	kind, payload, err := c.frame()
	if err != nil {
		return err
	}
	if kind != kindHeader {
		return fmt.Errorf("read capture: first frame is %s: %w", kind, ErrNotCapture)
	}
	if err := json.Unmarshal(payload, &c.Header); err != nil {
		return fmt.Errorf("read capture header: %w", err)
	}
	if c.Header.Version != Version {
		return fmt.Errorf("read capture: its header says version %d: %w", c.Header.Version, ErrNotCapture)
	}
	return nil
}

// Next returns the next frame that is not the format's own, valid until the call after. At the end it returns
// io.EOF; where the file is cut, a *TruncatedError. Kinds from later versions are skipped.
func (c *Reader) Next() (Kind, []byte, error) {
	for {
		if c.ended {
			return 0, nil, io.EOF
		}
		kind, payload, err := c.frame()
		switch {
		case err != nil:
			return 0, nil, err
		case kind == kindEnd:
			c.ended = true
		case kind == Processes || kind == Sample || kind == Lookup || kind == Finding:
			return kind, payload, nil
		}
	}
}

// Close frees the decompressor.
func (c *Reader) Close() error {
	c.z.Close()
	return nil
}

// frame reads one whole frame.
func (c *Reader) frame() (Kind, []byte, error) {
	if _, err := io.ReadFull(c.in, c.header[:]); err != nil {
		return 0, nil, c.failed(err)
	}
	kind, length := parseFrameHeader(&c.header)
	if kind == 0 { // never written; a few bytes of broken zstd can stand for millions of zeros
		return 0, nil, fmt.Errorf("read capture: frame %d has no kind", c.frames+1)
	}
	if limit := maxLength(kind); int64(length) > int64(limit) {
		return 0, nil, fmt.Errorf("read capture: frame %d (%s) claims %d bytes, over the limit of %d", c.frames+1, kind, length, limit)
	}
	if err := c.readPayload(int(length)); err != nil {
		return 0, nil, c.failed(err)
	}
	c.frames++
	return kind, c.payload, nil
}

// readPayload grows the buffer with what really comes, so that a claimed length alone costs little.
func (c *Reader) readPayload(length int) error {
	c.payload = c.payload[:0]
	for len(c.payload) < length {
		have, step := len(c.payload), min(length-len(c.payload), maxSample)
		c.payload = slices.Grow(c.payload, step)[:have+step]
		if _, err := io.ReadFull(c.in, c.payload[have:]); err != nil {
			return err
		}
	}
	return nil
}

// failed tells a file that is cut from one that is broken.
func (c *Reader) failed(err error) error {
	if isEOF(err) {
		return &TruncatedError{Frames: c.frames, Err: io.ErrUnexpectedEOF}
	}
	return fmt.Errorf("read capture after frame %d: %w", c.frames, err)
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
