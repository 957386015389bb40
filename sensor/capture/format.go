package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// magic names the format and its version in the file's first bytes.
const magic = "tocsin1\n"

// Version is the format that Writer writes and Reader reads.
const Version = 2

// Kind says what a frame holds.
type Kind uint8

// Kinds of frame that Reader.Next returns.
const (
	kindHeader Kind = 1
	Processes  Kind = 2
	Sample     Kind = 3
	kindEnd    Kind = 4
	Lookup     Kind = 5
	Finding    Kind = 6
)

// String is the kind's name in messages.
func (k Kind) String() string {
	switch k {
	case kindHeader:
		return "header"
	case Processes:
		return "processes"
	case Sample:
		return "sample"
	case kindEnd:
		return "end"
	case Lookup:
		return "lookup"
	case Finding:
		return "finding"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// frameHeaderSize is a kind and a length.
const frameHeaderSize = 5

// Bounds of a frame's length: a foreign file must not make a reader allocate at will. The largest
// record is about 40 KiB, a process table entry about 1 KB of JSON and there are at most 262,144. A finding
// holds two account files of up to 1 MiB, each byte of which JSON may write as six.
const (
	maxHeader    = 64 << 10
	maxSample    = 1 << 20
	maxProcesses = 256 << 20
	maxFinding   = 16 << 20
)

func maxLength(k Kind) int {
	switch k {
	case kindHeader:
		return maxHeader
	case Processes:
		return maxProcesses
	case kindEnd:
		return 0
	case Lookup, Finding:
		return maxFinding
	default:
		return maxSample
	}
}

// Header says where and when a capture was made.
type Header struct {
	Version       int    `json:"version"` // set by NewWriter
	Arch          string `json:"arch"`    // GOARCH: system call numbers and byte order
	Hostname      string `json:"hostname"`
	KernelRelease string `json:"kernel_release"`

	// BootOffset is what to add to a record's CLOCK_BOOTTIME to get nanoseconds since the epoch.
	BootOffset int64 `json:"boot_offset_ns"`
}

// ErrNotCapture says that a file is not a capture, or one of another version.
var ErrNotCapture = errors.New("not a tocsin capture of version 2")

// TruncatedError says that a capture ends before its end mark: its writer was killed, or the file was
// cut. Every whole frame before that was returned.
type TruncatedError struct {
	Frames int   // frames read whole
	Err    error // io.ErrUnexpectedEOF
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("capture is cut after %d whole frames: %v", e.Frames, e.Err)
}

// Unwrap returns the cause.
func (e *TruncatedError) Unwrap() error { return e.Err }

func putFrameHeader(b *[frameHeaderSize]byte, k Kind, length int) {
	b[0] = byte(k)
	binary.LittleEndian.PutUint32(b[1:], uint32(length))
}

func parseFrameHeader(b *[frameHeaderSize]byte) (Kind, uint32) {
	return Kind(b[0]), binary.LittleEndian.Uint32(b[1:])
}
