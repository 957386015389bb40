package bus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// attempts remembers, over a kill, which messages' handlers have begun something that cannot be undone, and what is
// known to have come of it. The server counts deliveries, but a kill sets that back by what it had not written yet,
// and it counts those too that nobody began.
//
// Each change is a record, written (not synced) before anything else happens: that outlives a kill. The file is
// begun anew when it is long; of the one before, whose acknowledgements a kill might still undo, everything is kept.
type attempts struct {
	dir string

	mu   sync.Mutex // guards what follows
	file *os.File
	size int64               // of file
	most int64               // size at which it is begun anew
	by   map[attemptKey]Past // messages that are not acknowledged
}

// attemptKey is a hash of the stream's name, and the message's sequence in it.
type attemptKey struct{ stream, seq uint64 }

// Past is what is known of a message's earlier attempts.
type Past struct {
	Attempts uint32
	Unsure   bool // one of them may have succeeded: nobody learned what came of it
}

// A record is stream, sequence, attempts and whether it is unsure.
const recordLen = 8 + 8 + 4 + 1

// maxAttemptsFile is when the file is begun anew. Smaller forgets acknowledged messages sooner than a kill can bring
// them back (some 100 ms of them); larger takes longer to read at the start.
const maxAttemptsFile = 2 << 20

const (
	attemptsFile    = "attempts"
	attemptsOldFile = "attempts.old"
)

// openAttempts reads what an earlier process left in dir. there tells whether a message is still in its stream.
func openAttempts(dir string, there func(stream, seq uint64) bool) (*attempts, error) {
	a := &attempts{dir: dir, by: map[attemptKey]Past{}}
	for _, name := range []string{attemptsOldFile, attemptsFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read what was under way before: %w", err)
		}
		for ; len(text) >= recordLen; text = text[recordLen:] { // a record that is cut was not finished, nor what it is about begun
			key := attemptKey{binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:])}
			a.by[key] = Past{binary.LittleEndian.Uint32(text[16:]), text[20] != 0}
		}
	}
	maps.DeleteFunc(a.by, func(k attemptKey, _ Past) bool { return !there(k.stream, k.seq) })
	if err := a.renew(); err != nil {
		return nil, err
	}
	return a, nil
}

// renew begins the file anew with what it must still say. It needs a.mu, or to be alone.
func (a *attempts) renew() error {
	var records []byte
	for key, past := range a.by {
		records = appendRecord(records, key, past)
	}
	next, err := os.CreateTemp(a.dir, attemptsFile+".*.tmp")
	if err != nil {
		return fmt.Errorf("write what is under way: %w", err)
	}
	fail := func(err error) error {
		return errors.Join(fmt.Errorf("write what is under way: %w", err), next.Close(), os.Remove(next.Name()))
	}
	if _, err := next.Write(records); err != nil {
		return fail(err)
	}
	current := filepath.Join(a.dir, attemptsFile)
	if err := os.Rename(current, filepath.Join(a.dir, attemptsOldFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(err)
	}
	if err := os.Rename(next.Name(), current); err != nil {
		return fail(err)
	}
	if a.file != nil {
		a.file.Close() // all of it is written: there is nothing left that could fail
	}
	a.file, a.size = next, int64(len(records))
	a.most = max(maxAttemptsFile, 2*a.size)
	return nil
}

func appendRecord(b []byte, key attemptKey, past Past) []byte {
	b = binary.LittleEndian.AppendUint64(b, key.stream)
	b = binary.LittleEndian.AppendUint64(b, key.seq)
	b = binary.LittleEndian.AppendUint32(b, past.Attempts)
	if past.Unsure {
		return append(b, 1)
	}
	return append(b, 0)
}

func hashOf(stream string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, stream) // a hash cannot fail
	return h.Sum64()
}

func (a *attempts) past(key attemptKey) Past {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.by[key]
}

// note writes down what is known now.
func (a *attempts) note(key attemptKey, past Past) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by[key] = past
	n, err := a.file.Write(appendRecord(make([]byte, 0, recordLen), key, past))
	if err != nil && n > 0 { // a disk that is full: the next record must begin where this one did
		err = errors.Join(err, a.file.Truncate(a.size))
		_, seek := a.file.Seek(a.size, io.SeekStart)
		err = errors.Join(err, seek)
	}
	if err != nil {
		return fmt.Errorf("note that a message is under way: %w", err)
	}
	if a.size += int64(n); a.size > a.most {
		return a.renew()
	}
	return nil
}

// forget is for a message that is acknowledged. The files keep it for a while.
func (a *attempts) forget(key attemptKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.by, key)
}

func (a *attempts) close() error { return a.file.Close() }
