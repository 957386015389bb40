package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/sqlite"
)

// file is history in an SQLite file of its own. One connection writes; what is read has others, and sees what was
// there when it began, so that a search holds nothing up.
type file struct {
	path    string
	maxAge  time.Duration
	maxSize int64
	log     *slog.Logger
	db      *sql.DB
	readers *sql.DB
	applied int64 // row of the journal up to which all was in the file when it was opened

	mu       sync.Mutex // one writer at a time; guards what follows
	accounts many       // reads accounts
	upsert   many       // into current
	occurred many       // into occurrences
	unneeded many       // deletes from there
	stepped  many       // into steps
	sampled  many       // into samples
	alive    many       // reads accounts with their alerts
	lastID   int64
	samples  samples
	block    block  // a buffer
	packed   []byte // of its text; another

	placesMu sync.RWMutex
	places   map[pipeline.Fingerprint]int64 // ids of accounts
}

var _ engine = (*file)(nil)

// schema. Numbers of occurrences and steps are the time at which they came, in ns, made unique: so age is a range
// of numbers. What is new is written behind what was there before, accounts too: rows in the order of fingerprints would
// be a page each. So where an account is, memory knows (some 40 bytes each). An account only names the row with its
// alert: an occurrence's, or one of its own, without a kind, where the latest of the alert is no occurrence.
const schema = `
	CREATE TABLE IF NOT EXISTS current (
		id          INTEGER PRIMARY KEY,
		fingerprint INTEGER NOT NULL,
		ends        INTEGER NOT NULL,
		body        INTEGER NOT NULL, -- id in occurrences
		state       BLOB NOT NULL
	);
	CREATE INDEX IF NOT EXISTS current_ends ON current (ends);
	CREATE TABLE IF NOT EXISTS occurrences (
		id          INTEGER PRIMARY KEY,
		at          INTEGER NOT NULL,
		fingerprint INTEGER NOT NULL,
		kind        TEXT NOT NULL,
		rule        TEXT NOT NULL,
		priority    INTEGER NOT NULL,
		alert       BLOB NOT NULL -- JSON, packed
	);
	CREATE INDEX IF NOT EXISTS occurrences_at ON occurrences (at, id) WHERE kind <> '';
	CREATE TABLE IF NOT EXISTS steps (
		id      INTEGER PRIMARY KEY,
		subject INTEGER NOT NULL,
		step    BLOB NOT NULL -- JSON, one or several, packed
	);
	CREATE INDEX IF NOT EXISTS steps_subject ON steps (subject, id);
	CREATE TABLE IF NOT EXISTS stepblocks (
		id       INTEGER PRIMARY KEY,
		subjects BLOB NOT NULL,
		steps    BLOB NOT NULL
	);
	CREATE TABLE IF NOT EXISTS samples (
		id         INTEGER PRIMARY KEY,
		generation INTEGER NOT NULL,
		text       BLOB NOT NULL -- what alerts and steps are packed by
	);
	CREATE INDEX IF NOT EXISTS samples_generation ON samples (generation);
	CREATE TABLE IF NOT EXISTS applied (number INTEGER NOT NULL); -- of the journal: rows up to it are in the file
	INSERT INTO applied SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM applied);
	PRAGMA user_version = 1;`

// OpenFile opens the history in the file at path. It always returns one: a damaged file is moved away, and when
// none can be opened the history is off, with the error. An event is live until resolve after its last occurrence.
func OpenFile(ctx context.Context, cfg Config, path string, resolve time.Duration, log *slog.Logger) (*History, error) {
	f, err := openFile(ctx, cfg, path)
	if isDamaged(err) {
		aside := path + ".damaged"
		log.Error("the history file is damaged; it is moved away and a new one begun", "file", path, "to", aside, "err", err)
		if err := moveAside(path, aside); err != nil {
			return newHistory(nil, resolve, log), err
		}
		f, err = openFile(ctx, cfg, path)
	}
	if err != nil {
		return newHistory(nil, resolve, log), err
	}
	f.log = log
	h := newHistory(f, resolve, log)
	if h.backlog, err = openBacklog(f, strings.TrimSuffix(path, filepath.Ext(path))); err != nil {
		return newHistory(nil, resolve, log), errors.Join(fmt.Errorf("open the history: %w", err), f.close())
	}
	return h, nil
}

func isDamaged(err error) bool {
	var code *driver.Error
	if !errors.As(err, &code) {
		return false
	}
	primary := code.Code() & 0xff // the rest are details of it
	return primary == sqlite3.SQLITE_CORRUPT || primary == sqlite3.SQLITE_NOTADB
}

func moveAside(path, aside string) error {
	for _, journal := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + journal); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("move the damaged history away: %w", err)
		}
	}
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("move the damaged history away: %w", err)
	}
	return nil
}

func openFile(ctx context.Context, cfg Config, path string) (*file, error) {
	if err := sqlite.Make(path); err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	f := &file{path: path, maxAge: time.Duration(cfg.MaxAge), maxSize: int64(cfg.MaxSize)}
	if err := f.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the history %s: %w", path, err), f.close())
	}
	return f, nil
}

func (f *file) open(ctx context.Context) (err error) {
	// Pages of 8 KB hold several alerts; the space of what is removed goes back to the disk in small steps.
	if f.db, err = sqlite.Writer(f.path, "page_size(8192)", "auto_vacuum(2)"); err != nil {
		return err
	}
	if _, err := f.db.ExecContext(ctx, schema); err != nil {
		return err
	}
	if f.readers, err = sqlite.Readers(f.path, readers); err != nil {
		return err
	}
	if err := f.samples.open(f.path); err != nil {
		return err
	}
	if err := f.load(ctx); err != nil {
		return err
	}
	return f.prepare(ctx)
}

// load learns where accounts are, and which numbers were given.
func (f *file) load(ctx context.Context) error {
	f.places = map[pipeline.Fingerprint]int64{}
	err := f.query(ctx, func(found *sql.Rows) error {
		var id, fp int64
		err := found.Scan(&id, &fp)
		f.places[pipeline.Fingerprint(fp)] = id
		return err
	}, "SELECT id, fingerprint FROM current")
	if err != nil {
		return err
	}
	if err := f.db.QueryRowContext(ctx, "SELECT number FROM applied").Scan(&f.applied); err != nil {
		return err
	}
	return f.db.QueryRowContext(ctx, `SELECT max(coalesce((SELECT max(id) FROM occurrences), 0),
		coalesce((SELECT max(id) FROM steps), 0), coalesce((SELECT max(id) FROM stepblocks), 0), coalesce((SELECT max(id) FROM current), 0), coalesce((SELECT max(id) FROM samples), 0))`).Scan(&f.lastID)
}

// readers is how many questions are answered at once; more wait for one of these.
const readers = 2

func (f *file) close() error {
	var errs []error
	for _, db := range []*sql.DB{f.readers, f.samples.lookup, f.db} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// newID is larger than all before, and the time where that goes. It needs mu.
func (f *file) newID(now time.Time) int64 {
	f.lastID = max(f.lastID+1, now.UnixNano())
	return f.lastID
}
