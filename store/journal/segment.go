package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/s2"
	"golang.org/x/sys/unix"
)

// segment is a file of rows with consecutive numbers. Its name is the first of them.
type segment struct {
	first  int64
	file   *os.File
	size   int64
	sealed bool // nothing more goes into it
}

// A record is the length and the checksum of a row, both 4 bytes, and the row. The checksum is of its number, too. A row
// that is packed has the highest bit of both its length and, for the checksum, its number.
const (
	headerLen    = 8
	packedLength = 1 << 31
	packedNumber = -1 << 63
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func headerOf(number int64, text []byte, packed bool) []byte {
	length := uint32(len(text))
	if packed {
		length, number = length|packedLength, number|packedNumber
	}
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, headerLen), length)
	return binary.LittleEndian.AppendUint32(b, checksum(number, text))
}

// isRecord reports whether a row's header fits it.
func isRecord(header []byte, number int64, text []byte) bool {
	if isPacked(header) {
		number |= packedNumber
	}
	return binary.LittleEndian.Uint32(header[4:]) == checksum(number, text)
}

func isPacked(header []byte) bool { return binary.LittleEndian.Uint32(header)&packedLength != 0 }

func checksum(number int64, text []byte) uint32 {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(number))
	return crc32.Update(crc32.Checksum(n[:], castagnoli), castagnoli, text)
}

// suffix is that of the files.
const suffix = ".rows"

func (j *Journal) name(first int64) string {
	return filepath.Join(j.cfg.Dir, fmt.Sprintf("%016x%s", first, suffix))
}

// openSegments opens what is there and finds its rows.
func (j *Journal) openSegments() error {
	entries, err := os.ReadDir(j.cfg.Dir) // in the order of their names, which is that of their numbers
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	for _, e := range entries {
		hex, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		first, err := strconv.ParseInt(hex, 16, 64)
		if err != nil {
			return fmt.Errorf("open the journal: %s is no file of a journal: remove it", filepath.Join(j.cfg.Dir, e.Name()))
		}
		file, err := os.OpenFile(j.name(first), os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("open the journal: %w", err)
		}
		seg := &segment{first: first, file: file, sealed: true}
		j.segments = append(j.segments, seg)
		j.next = max(j.next, first)
		if err := j.scan(seg, nil); err != nil {
			return err
		}
		if seg.size == 0 { // the next file may be of its name
			j.segments = j.segments[:len(j.segments)-1]
			if err := errors.Join(file.Close(), os.Remove(j.name(first))); err != nil {
				return fmt.Errorf("open the journal: %w", err)
			}
		}
	}
	return nil
}

// scan finds a segment's rows, up to where it cannot be read: a power cut may have torn its end, which is nobody's.
// With f it calls that with each instead.
func (j *Journal) scan(seg *segment, f func(number int64, text []byte)) error {
	all, err := io.ReadAll(io.NewSectionReader(seg.file, 0, 1<<62))
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	number, off := seg.first, 0
	for off+headerLen <= len(all) {
		header := all[off : off+headerLen]
		size := int(binary.LittleEndian.Uint32(header) &^ packedLength)
		if size > len(all)-off-headerLen {
			break
		}
		text := all[off+headerLen : off+headerLen+size]
		if !isRecord(header, number, text) {
			break
		}
		off += headerLen
		r := row{number: number, seg: seg, off: int64(off), size: size}
		if isPacked(header) {
			if r.whole, err = s2.DecodedLen(text); err != nil {
				break
			}
		}
		if f == nil {
			j.rows = append(j.rows, r)
		} else if text, err = r.unpack(nil, text); err == nil {
			f(number, text)
		} else {
			break
		}
		off += size
		number++
	}
	if f == nil {
		seg.size = int64(off)
		j.next = max(j.next, number)
		j.torn += int64(len(all) - off)
	}
	return nil
}

// Each calls f with every row, in their order. The row is f's until it returns.
func (j *Journal) Each(f func(number int64, text []byte)) error {
	j.mu.Lock()
	segments := slices.Clone(j.segments)
	j.mu.Unlock()
	for _, seg := range segments {
		if err := j.scan(seg, f); err != nil {
			return err
		}
	}
	return nil
}

// current is the segment to write to. It needs j.mu.
func (j *Journal) current() (*segment, error) {
	if n := len(j.segments); n > 0 && !j.segments[n-1].sealed && j.segments[n-1].size < j.cfg.Segment {
		return j.segments[n-1], nil
	}
	file, err := os.OpenFile(j.name(j.next), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin a file of the journal: %w", err)
	}
	seg := &segment{first: j.next, file: file}
	j.segments = append(j.segments, seg)
	return seg, nil
}

// write adds a record, or nothing.
func (s *segment) write(number int64, text []byte, packed bool) error {
	rest := [][]byte{headerOf(number, text, packed), text}
	at := s.size
	for len(rest) > 0 {
		n, err := unix.Pwritev(int(s.file.Fd()), rest, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return s.undo(at > s.size, err)
		}
		at += int64(n)
		for len(rest) > 0 && n >= len(rest[0]) {
			n -= len(rest[0])
			rest = rest[1:]
		}
		if n > 0 { // less was written than asked for, as on a disk that is almost full
			rest[0] = rest[0][n:]
		}
	}
	s.size = at
	return nil
}

// undo takes back what was written of a record.
func (s *segment) undo(some bool, err error) error {
	if !some {
		return err
	}
	if cut := s.file.Truncate(s.size); cut != nil {
		s.sealed = true // what was written of the record ends the file
		err = errors.Join(err, cut)
	}
	return err
}

// read returns the text of a row, in b if there is room. It needs j.mu.
func (j *Journal) read(r *row, b []byte) ([]byte, error) {
	size := headerLen + r.size
	record := slices.Grow(j.record[:0], size)[:size]
	if size < keepFrom {
		j.record = record
	}
	if _, err := r.seg.file.ReadAt(record, r.off-headerLen); err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	text := record[headerLen:]
	if !isRecord(record, r.number, text) {
		return nil, fmt.Errorf("read the journal: row %d in %s is damaged", r.number, r.seg.file.Name())
	}
	return r.unpack(b, text)
}
