package sensor

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// minRingBuffer must hold the largest record (about 40 KiB) and, where pages are that big, a page.
	minRingBuffer = 64 << 10
	// maxRingBuffer keeps a typing error from pinning a machine's memory: the ring is never swapped.
	maxRingBuffer = 1 << 30
	// minProcesses is more than an idle machine has: below that the table is full from the start.
	minProcesses = 1024
)

// Config is the sensor block of the configuration.
type Config struct {
	Enabled bool `yaml:"enabled"` // false: no kernel side and no rights needed; default true

	// RingBuffer is the room for events that user space has not read yet, in bytes, a power of two of
	// at least 64KiB; default 8MiB. Too small loses events in a burst, those of the mildest rules first
	// (SetShed); too large only pins memory.
	RingBuffer pipeline.Size `yaml:"ring_buffer"`

	// MaxProcesses bounds the process table; default 262144, of a kilobyte and more each. Of processes that
	// find no room events are told without their ancestors, and counted (process_table_full).
	MaxProcesses int `yaml:"max_processes"`

	// Pushdown lets the kernel drop what no rule can match; default true. So far that goes by system
	// call alone, which costs nothing and is always done: the setting has no effect of its own yet.
	Pushdown bool `yaml:"pushdown"`

	// ConnectionMetrics is whether TCP connects and their errors are counted by container; default auto.
	ConnectionMetrics Counting `yaml:"connection_metrics"`

	LossAlert LossAlertConfig `yaml:"loss_alert"`
}

// Counting is when something is counted. Counting takes a refused connect on the loopback, the cheapest there
// is, 0.3 to 0.8 of its 14 microseconds: little beside reporting it, and too much where nobody asked for connects.
type Counting string

// When connects are counted.
const (
	CountAuto   Counting = "auto"  // while a rule asks for connects
	CountAlways Counting = "true"  // whatever the rules ask for
	CountNever  Counting = "false" //
)

// LossAlertConfig says when people are told that events were lost.
type LossAlertConfig struct {
	// Every is the pause between two alerts; default 1m, 0 turns them off.
	Every pipeline.Duration `yaml:"every"`
	// Events is how many have to be lost whole, in all since the last alert; default 1.
	Events uint64 `yaml:"events"`
	// Shortened is how many have to be cut or to lack a part; default 0: never. Most of these are long
	// command lines.
	Shortened uint64 `yaml:"shortened"`
}

// DefaultConfig returns what an empty sensor block means.
func DefaultConfig() Config {
	return Config{
		Enabled: true, RingBuffer: 8 << 20, MaxProcesses: 262144, Pushdown: true, ConnectionMetrics: CountAuto,
		LossAlert: LossAlertConfig{Every: pipeline.Duration(time.Minute), Events: 1},
	}
}

// Validate reports what is wrong with c, naming the field.
func (c Config) Validate() error {
	size, page := int64(c.RingBuffer), int64(os.Getpagesize())
	switch {
	case c.MaxProcesses < minProcesses:
		return fmt.Errorf("max_processes: %d is too few: use at least %d, 262144 is the default", c.MaxProcesses, minProcesses)
	case c.LossAlert.Every != 0 && c.LossAlert.Events == 0 && c.LossAlert.Shortened == 0:
		return errors.New("loss_alert: neither events nor shortened is set: every: 0s turns it off")
	case c.ConnectionMetrics != CountAuto && c.ConnectionMetrics != CountAlways && c.ConnectionMetrics != CountNever:
		return fmt.Errorf("connection_metrics: %q is none of auto, true, false", c.ConnectionMetrics)
	case size < minRingBuffer || size > maxRingBuffer:
		return fmt.Errorf("ring_buffer: %d bytes is out of range: use 64KiB to 1GiB, 8MiB is the default", size)
	case size&(size-1) != 0 || size%page != 0:
		return fmt.Errorf("ring_buffer: %d bytes is not a power of two of whole %d byte pages: try %dKiB", size, page, nextPowerOfTwo(size)>>10)
	}
	return nil
}

func nextPowerOfTwo(n int64) int64 {
	p := int64(minRingBuffer)
	for p < n {
		p *= 2
	}
	return p
}
