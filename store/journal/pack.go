package journal

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

const (
	// packFrom is how long a row is at least that is packed: shorter ones are little but what is new in them.
	packFrom = 8 << 10
	// keepFrom is how long a buffer is at least that is not kept.
	keepFrom = 4 << 20
)

// unpacked is a row that was packed. Its parts are mostly read one after the other.
type unpacked struct {
	number int64
	text   []byte
}

// pack returns what is to be written of a row's text, and if that is packed its length before. It needs j.mu, and what it
// returns is good until it is called again.
func (j *Journal) pack(text []byte) (written []byte, whole int) {
	if len(text) < packFrom {
		return text, 0
	}
	packed := s2.Encode(j.packed[:cap(j.packed)], text)
	j.packed = nil
	if cap(packed) < keepFrom {
		j.packed = packed
	}
	if len(packed) >= len(text) {
		return text, 0
	}
	return packed, len(text)
}

// unpack returns a copy of the text of a row as it was given to Append, in b if there is room.
func (r *row) unpack(b, written []byte) ([]byte, error) {
	if r.whole == 0 {
		return append(b[:0], written...), nil
	}
	text, err := s2.Decode(b[:cap(b)], written)
	if err != nil {
		return nil, fmt.Errorf("read the journal: row %d in %s cannot be unpacked: %w", r.number, r.seg.file.Name(), err)
	}
	return text, nil
}

// unpacked returns the text of a packed row, until it is called again. It needs j.mu.
func (j *Journal) unpacked(r *row) ([]byte, error) {
	if j.latest.number == r.number {
		return j.latest.text, nil
	}
	buf := j.latest.text
	j.latest = unpacked{}
	text, err := j.read(r, buf)
	if err == nil && len(text) < keepFrom {
		j.latest = unpacked{r.number, text}
	}
	return text, err
}
