// Package journal is a log of rows in files of a folder: what a process keeps in memory, written down so that kill -9
// loses none of it. Its owner reads all rows at the start, appends one for each change, and says of which rows it still
// needs how much; rows go, the oldest first, when nothing of them is needed.
//
// A row is written when Append returns, with one write, and outlives the process from then on. Run brings it to the
// device within a second: a power cut loses what came later, never a part of a row. Long rows are packed: what rows hold
// is much alike, and to write it costs more than to pack it.
package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// segmentSize is when a file has enough and another is begun, unless configured. A file goes as a whole.
const segmentSize = 16 << 20

// Config is where a journal is and how much it may waste.
type Config struct {
	Dir string
	// Slack is how much may be dead beside as much as is alive before Stale has what lives in the oldest rows written
	// again; Step is about how much of that it gives at a time, which has to be more than a row adds. Both are in the unit
	// of Take and Release.
	Slack, Step int
	Segment     int64 // when a file has enough; default 16 MB
}

// Journal is safe for concurrent use, by one owner: it takes its rows before it appends further ones.
type Journal struct {
	cfg  Config
	lock *os.File

	mu       sync.Mutex // guards what follows
	closed   bool
	segments []*segment // the oldest first; the last is written to, unless it is sealed
	rows     []row      // the oldest first
	next     int64
	live     int // of all rows
	total    int
	torn     int64      // bytes that Open could not read
	packed   []byte     // a buffer, for what is written
	record   []byte     // another, for what is read
	stale    []byte     // another, of EachStale
	latest   unpacked   // the packed row of which a part was read last
	unsynced []*segment // written since they were brought to the device
	dead     []*segment // nothing of them is needed once what came later is on the device
}

// row is where a row is, and what of it is alive.
type row struct {
	number      int64
	seg         *segment
	off         int64 // of its text
	size        int
	whole       int // of the text when it is unpacked; 0: it is not packed
	live, total int
}

// Open opens the journal in a folder, making that (0700) if needed. No other process may have it open.
func Open(cfg Config) (*Journal, error) {
	if cfg.Segment == 0 {
		cfg.Segment = segmentSize
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of a journal: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(cfg.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		err = fmt.Errorf("open the journal %s: another tocsin is using it (give each its own data_dir): %w", cfg.Dir, err)
		return nil, errors.Join(err, lock.Close())
	}
	j := &Journal{cfg: cfg, lock: lock, next: 1}
	if err := j.openSegments(); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// Append writes a row and returns its number, which is larger than all before. On an error nothing is written. Rows of
// which nothing is alive go, the oldest first.
func (j *Journal) Append(text []byte) (number int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return 0, fmt.Errorf("write the journal %s: it is closed", j.cfg.Dir)
	}
	j.drop()
	seg, err := j.current()
	if err != nil {
		return 0, err
	}
	r := row{number: j.next, seg: seg}
	text, r.whole = j.pack(text)
	if err := seg.write(j.next, text, r.whole > 0); err != nil {
		return 0, fmt.Errorf("write the journal: %w", err)
	}
	r.off, r.size = seg.size-int64(len(text)), len(text)
	j.rows = append(j.rows, r)
	j.next++
	if !slices.Contains(j.unsynced, seg) {
		j.unsynced = append(j.unsynced, seg)
	}
	return j.next - 1, nil
}

// drop forgets the oldest rows as far as nothing of them is alive. It needs j.mu.
func (j *Journal) drop() {
	n := 0
	for n < len(j.rows) && j.rows[n].live == 0 {
		j.total -= j.rows[n].total
		n++
	}
	j.rows = j.rows[n:]
}

// retire finds files of which nothing is needed. It needs j.mu.
func (j *Journal) retire() {
	for len(j.segments) > 1 && (len(j.rows) == 0 || j.rows[0].seg != j.segments[0]) {
		j.dead = append(j.dead, j.segments[0])
		j.segments = j.segments[1:]
	}
}

// Take says that a part of a row is needed, and how large it is.
func (j *Journal) Take(number int64, size int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.find(number); r != nil {
		r.live += size
		r.total += size
		j.live += size
		j.total += size
	}
}

// Release says that a part of a row is needed no more; row 0 is none.
func (j *Journal) Release(number int64, size int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.find(number); r != nil {
		r.live -= size
		j.live -= size
	}
}

// find needs j.mu.
func (j *Journal) find(number int64) *row {
	if len(j.rows) == 0 || number < j.rows[0].number {
		return nil
	}
	// Without a gap, which a damaged file leaves, a row is where it is to be expected.
	if i := int(number - j.rows[0].number); i < len(j.rows) && j.rows[i].number == number {
		return &j.rows[i]
	}
	i, found := slices.BinarySearchFunc(j.rows, number, func(r row, n int64) int { return int(r.number - n) })
	if !found {
		return nil
	}
	return &j.rows[i]
}

// Stale are the oldest rows of which something is alive, when so much else is dead that what lives in them should be
// appended again, so that they can go.
func (j *Journal) Stale() (numbers []int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	left, size := j.total, 0
	for _, r := range j.rows {
		if left < 2*j.live+j.cfg.Slack || size >= j.cfg.Step {
			break
		}
		left -= r.total
		if r.live > 0 {
			numbers = append(numbers, r.number)
			size += r.live
		}
	}
	return numbers
}

// EachStale calls f with those rows, one after the other; each is f's until it returns. What fails does not end it. Of several
// callers each has to wait for the one before.
func (j *Journal) EachStale(f func(number int64, row []byte) error) (failed error) {
	for _, number := range j.Stale() {
		row, err := j.RowIn(j.stale, number)
		if err == nil {
			if cap(row) <= 2*j.cfg.Step {
				j.stale = row
			}
			if err = f(number, row); err != nil {
				err = fmt.Errorf("row %d: %w", number, err)
			}
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// Row returns a row.
func (j *Journal) Row(number int64) ([]byte, error) { return j.RowIn(nil, number) }

// RowIn is Row, in b if there is room.
func (j *Journal) RowIn(b []byte, number int64) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.find(number)
	if r == nil {
		return nil, fmt.Errorf("journal %s: there is no row %d", j.cfg.Dir, number)
	}
	return j.read(r, b)
}

// Part adds a part of a row to b.
func (j *Journal) Part(b []byte, number int64, off, size int) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.find(number)
	if r == nil || off < 0 || size < 0 || off+size > max(r.size, r.whole) {
		return b, fmt.Errorf("journal %s: there is no part %d+%d of row %d", j.cfg.Dir, off, size, number)
	}
	if r.whole > 0 {
		text, err := j.unpacked(r)
		if err != nil {
			return b, err
		}
		return append(b, text[off:off+size]...), nil
	}
	was := len(b)
	b = slices.Grow(b, size)[:was+size]
	if _, err := r.seg.file.ReadAt(b[was:], r.off+int64(off)); err != nil {
		return b[:was], fmt.Errorf("read the journal: %w", err)
	}
	return b, nil
}

// Close brings what was written to the device and closes the files.
func (j *Journal) Close() error {
	err := j.sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segments {
		err = errors.Join(err, s.file.Close())
	}
	j.closed, j.segments, j.rows = true, nil, nil
	return errors.Join(err, j.lock.Close())
}
