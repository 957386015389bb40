package history

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/tocsin-security/tocsin/store/sqlite"
)

// What a text in the file begins with. JSON, which is there as it is, begins with a bracket.
const (
	packedAlone byte = 1 // S2 follows
	packedLike  byte = 2 // the id of a sample, then S2 with that as its dictionary
)

const (
	// maxKinds is how many samples a generation has: each takes some 40 KB of memory.
	maxKinds = 64
	// maxSample is how long a text may be to become one.
	maxSample = 32 << 10
	// maxLike is how many texts are packed by one generation: its samples stay until the last of those has gone.
	maxLike = 20_000
	// maxRead is how many samples are kept for texts that are read.
	maxRead = 64
)

// samples pack texts: the alerts of a rule differ in little, and so one is kept whole, and of the others what differs.
// Generations follow each other: a row's text is packed by samples of the one that was the latest when it got its
// number, so that samples go when all rows before the next generation have.
type samples struct {
	// Of the file's one writer.
	generation int64 // the number of its first sample; 0: it has none
	latest     map[string]sample
	packed     int
	buf        []byte
	fresh      []any // parameters of samples that are not in the file yet

	mu     sync.Mutex // guards what follows
	lookup *sql.DB    // has a connection of its own: a search that holds one cannot wait for another
	read   map[int64]*s2.Dict
}

type sample struct {
	id   int64
	dict *s2.Dict
}

func (s *samples) open(path string) (err error) {
	s.latest, s.read = map[string]sample{}, map[int64]*s2.Dict{}
	s.lookup, err = sqlite.Readers(path, 1)
	return err
}

// written says that what is fresh has come to the file; until then it goes with each transaction.
func (s *samples) written() {
	s.fresh = nil
	if s.packed >= maxLike {
		clear(s.latest)
		s.generation, s.packed = 0, 0
	}
}

// pack packs a text of a kind, whose texts are like each other. Its row has to get its number later.
func (s *samples) pack(kind string, text []byte, newID func() int64) []byte {
	like, there := s.latest[kind]
	if !there {
		if len(text) > maxSample || len(text) < s2.MinDictSize || len(s.latest) >= maxKinds {
			return packAlone(text)
		}
		text := bytes.Clone(text) // the dictionary is that memory
		like = sample{newID(), s2.MakeDict(text, nil)}
		if s.generation == 0 {
			s.generation = like.id
		}
		s.latest[kind] = like
		s.fresh = append(s.fresh, like.id, s.generation, text)
	}
	s.packed++
	s.buf = like.dict.Encode(s.buf[:cap(s.buf)], text)
	packed := binary.AppendUvarint(append(make([]byte, 0, len(s.buf)+10), packedLike), uint64(like.id))
	return append(packed, s.buf...)
}

func packAlone(text []byte) []byte {
	packed := make([]byte, 1+s2.MaxEncodedLen(len(text)))
	packed[0] = packedAlone
	return packed[:1+len(s2.Encode(packed[1:], text))]
}

// unpackAlone is for what needs no sample; it may be part of what was packed.
func unpackAlone(packed []byte) (text []byte, err error) {
	if len(packed) == 0 || packed[0] != packedAlone { // an older tocsin wrote it
		return packed, nil
	}
	if text, err = s2.Decode(nil, packed[1:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	return text, nil
}

var (
	errPacked = errors.New("a text of the history cannot be unpacked")
	// errGone says that a sample is there no more, and so that the row is not either: who reads it began to before.
	errGone = errors.New("what it was packed by has gone")
)

// unpack is the text; that may be part of what was packed.
func (s *samples) unpack(ctx context.Context, packed []byte) (text []byte, err error) {
	if len(packed) == 0 {
		return packed, nil
	}
	if packed[0] != packedLike {
		return unpackAlone(packed)
	}
	id, n := binary.Uvarint(packed[1:])
	if n <= 0 {
		return nil, errPacked
	}
	dict, err := s.dict(ctx, int64(id))
	if err == nil {
		text, err = dict.Decode(nil, packed[1+n:])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	return text, nil
}

func (s *samples) dict(ctx context.Context, id int64) (*s2.Dict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.read[id]; d != nil {
		return d, nil
	}
	var text []byte
	err := s.lookup.QueryRowContext(ctx, "SELECT text FROM samples WHERE id = ?", id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("sample %d: %w", id, err)
	}
	d := s2.MakeDict(text, nil)
	if d == nil {
		return nil, fmt.Errorf("sample %d is too short", id)
	}
	if len(s.read) >= maxRead {
		clear(s.read)
	}
	s.read[id] = d
	return d, nil
}
