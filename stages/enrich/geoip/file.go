package geoip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/tocsin-security/tocsin/pipeline"
)

// version tells one content of a path from another, as far as the file system says.
type version struct {
	dev, ino uint64
	size     int64
	changed  time.Time
}

// file is a path of the configuration with what was last read there. All but the counters belongs to who holds
// the lock of Databases.
type file struct {
	path   string
	seen   version // of the last attempt to open it
	reader *maxminddb.Reader
	broken string // why the last attempt failed; "" it did not

	loadErrors   atomic.Uint64
	lookupErrors atomic.Uint64
	complained   atomic.Bool // that lookups in reader fail
}

// refresh opens what is there now, if that is not what is open; changed says that there is another reader. The
// error is told once: nil when it is the one of before.
func (f *file) refresh() (changed bool, err error) {
	now, err := versionOf(f.path)
	if err == nil && now == f.seen {
		return false, nil
	}
	var reader *maxminddb.Reader
	if err == nil {
		f.seen = now
		reader, err = open(f.path)
	} else {
		f.seen = version{}
	}
	if err != nil {
		if f.broken == err.Error() {
			return false, nil
		}
		f.broken = err.Error()
		f.loadErrors.Add(1)
		return false, err
	}
	f.broken, f.reader = "", reader // the old one is unmapped when nobody has it any more
	f.complained.Store(false)
	return true, nil
}

func versionOf(path string) (version, error) {
	info, err := os.Stat(path)
	if err != nil {
		return version{}, describe(path, err)
	}
	v := version{size: info.Size(), changed: info.ModTime()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		v.dev, v.ino = uint64(stat.Dev), stat.Ino
	}
	return v, nil
}

// open maps a file, which somebody may be about to cut. Strings are not cached, as places are.
func open(path string) (reader *maxminddb.Reader, err error) {
	err = guarded(func() (err error) {
		reader, err = maxminddb.Open(path, maxminddb.DisableStringCache())
		return err
	})
	if err != nil {
		return nil, describe(path, err)
	}
	return reader, nil
}

// describe says what to do about a file that cannot be used.
func describe(path string, err error) error {
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file: fetch it, as geoipupdate does, or remove it from enrich.geoip; it is used as soon as it is there", path)
	case errors.As(err, &pathErr):
		return fmt.Errorf("%s: %w", path, pathErr.Err)
	default:
		return fmt.Errorf("%s: no usable database in MaxMind's format: %w; fetch it again, and put it in place by renaming", path, err)
	}
}

// Check opens every file of a configuration and asks it about addresses from all over the internet.
func Check(c Config) error {
	var errs []error
	for _, path := range c.Files() {
		errs = append(errs, check(path))
	}
	return errors.Join(errs...)
}

// probes is how many addresses Check asks about: enough to find a file that is damaged in more than a few
// places, in some milliseconds. A lookup that fails later is counted and logged.
const probes = 4096

func check(path string) (err error) {
	reader, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for i := range uint32(probes) {
		var four [4]byte
		binary.BigEndian.PutUint32(four[:], i*(1<<32/probes)+i) // also on other than round borders
		if err := read(reader, netip.AddrFrom4(four), &pipeline.Place{}); err != nil {
			return describe(path, err)
		}
	}
	return nil
}
