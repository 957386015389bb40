package geoip

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/tocsin-security/tocsin/pipeline"
)

// lookEvery is how often the files are looked at: seldom enough not to be noticed, and a database that is
// new every few days is in use within the minute.
const lookEvery = 30 * time.Second

// slots is how many addresses are remembered with their place. A node talks to fewer; on one
// that is scanned the addresses push each other out, which costs a lookup (a microsecond or two) each.
const (
	slotBits = 12
	slots    = 1 << slotBits
)

// Databases are the files of the configuration. It is safe for concurrent use.
type Databases struct {
	log     *slog.Logger
	current atomic.Pointer[generation]

	mu    sync.Mutex // guards files, and who changes current
	files []*file
}

var _ pipeline.Places = (*Databases)(nil)

// generation is what is open at one time, with the answers it gave. It has no files when nothing is known.
type generation struct {
	files   []*file
	readers []*maxminddb.Reader // beside files
	cache   [slots]atomic.Pointer[answer]
}

// answer is what is known of an address; place is nil when that is nothing.
type answer struct {
	addr  netip.Addr
	place *pipeline.Place
}

// New returns Databases that know nothing until Use.
func New(log *slog.Logger) *Databases {
	d := &Databases{log: log}
	d.current.Store(&generation{})
	return d
}

// Use exchanges the files for those of a configuration. What is open already and still named stays open.
func (d *Databases) Use(cfg Config) {
	d.mu.Lock()
	var files []*file
	for _, path := range cfg.Files() {
		i := slices.IndexFunc(d.files, func(f *file) bool { return f.path == path })
		switch {
		case slices.ContainsFunc(files, func(f *file) bool { return f.path == path }): // named twice
		case i >= 0:
			files = append(files, d.files[i])
		default:
			files = append(files, &file{path: path})
		}
	}
	changed := !slices.Equal(files, d.files)
	d.files = files
	d.mu.Unlock()
	d.look(changed)
}

// Run looks at the files again and again until ctx ends. The error is always nil.
func (d *Databases) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.look(false)
		}
	}
}

// look opens what is new, and begins a generation if there is anything, or changed says so.
func (d *Databases) look(changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		another, err := f.refresh()
		switch {
		case err != nil && f.reader != nil:
			d.log.Warn("the address database cannot be read, the one of before stays in use", "err", err, "built", f.reader.Metadata.BuildTime().UTC())
		case err != nil:
			d.log.Error("the address database cannot be read: alerts say nothing of places by it, and rules that need it are blind", "err", err)
		case another:
			changed = true
			d.log.Info("address database in use", "file", f.path, "type", f.reader.Metadata.DatabaseType, "built", f.reader.Metadata.BuildTime().UTC())
		}
	}
	if !changed {
		return
	}
	next := &generation{}
	for _, f := range d.files {
		if f.reader != nil {
			next.files = append(next.files, f)
			next.readers = append(next.readers, f.reader)
		}
	}
	d.current.Store(next)
}

// Place is where an address is; nil: not known. An address that is asked again allocates nothing.
func (d *Databases) Place(addr netip.Addr) *pipeline.Place {
	g := d.current.Load()
	if len(g.files) == 0 {
		return nil
	}
	if addr = addr.Unmap().WithZone(""); !Public(addr) {
		return nil
	}
	slot := &g.cache[slotOf(addr)]
	if a := slot.Load(); a != nil && a.addr == addr {
		return a.place
	}
	place := d.lookUp(g, addr)
	slot.Store(&answer{addr, place})
	return place
}

// lookUp asks every file.
func (d *Databases) lookUp(g *generation, addr netip.Addr) *pipeline.Place {
	var place pipeline.Place
	for i, reader := range g.readers {
		if err := read(reader, addr, &place); err != nil {
			f := g.files[i]
			f.lookupErrors.Add(1)
			if f.complained.CompareAndSwap(false, true) {
				d.log.Warn("lookups in the address database fail; fetch it again, and put it in place by renaming", "file", f.path, "err", err)
			}
		}
	}
	if place == (pipeline.Place{}) {
		return nil
	}
	return &place
}

// slotOf spreads addresses over the slots, by the high bits of a product with an odd constant (Fibonacci
// hashing): those depend on all bits, the last ones of neighbours too.
func slotOf(addr netip.Addr) uint64 {
	b := addr.As16()
	const odd = 0x9e3779b97f4a7c15
	h := (binary.BigEndian.Uint64(b[:8])*odd ^ binary.BigEndian.Uint64(b[8:])) * odd
	return h >> (64 - slotBits)
}

// FileStats is what became of one file.
type FileStats struct {
	Path         string
	Built        time.Time // of the content in use; zero: none is
	LoadErrors   uint64    // times that a new content could not be used
	LookupErrors uint64
}

// Stats are those of every file that is configured.
func (d *Databases) Stats() []FileStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []FileStats
	for _, f := range d.files {
		s := FileStats{Path: f.path, LoadErrors: f.loadErrors.Load(), LookupErrors: f.lookupErrors.Load()}
		if f.reader != nil {
			s.Built = f.reader.Metadata.BuildTime()
		}
		all = append(all, s)
	}
	return all
}
