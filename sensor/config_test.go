package sensor

import (
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestRingBufferSizes(t *testing.T) {
	cases := map[string]struct {
		size pipeline.Size
		want string // part of the error; "" for a size that is taken
	}{
		"the default":           {DefaultConfig().RingBuffer, ""},
		"the smallest":          {64 << 10, ""},
		"the largest":           {1 << 30, ""},
		"nothing":               {0, "out of range"},
		"below the smallest":    {32 << 10, "out of range"},
		"above the largest":     {2 << 30, "out of range"},
		"not a power of two":    {3 << 20, "try 4096KiB"},
		"a power of ten":        {8_000_000, "try 8192KiB"},
		"one byte over a power": {1<<20 + 1, "try 2048KiB"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.RingBuffer = c.size
			switch err := cfg.Validate(); {
			case c.want == "" && err != nil:
				t.Errorf("Validate() of %d bytes = %v, want nil", c.size, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "ring_buffer:")):
				t.Errorf("Validate() of %d bytes = %v, want ring_buffer: … %q", c.size, err, c.want)
			}
		})
	}
}

func TestConnectionMetricsIsOneOfThree(t *testing.T) {
	for value, ok := range map[Counting]bool{"auto": true, "true": true, "false": true, "": false, "yes": false} {
		if err := counting(value).Validate(); (err == nil) != ok || err != nil && !strings.HasPrefix(err.Error(), "connection_metrics:") {
			t.Errorf("Validate() of %q = %v, want it taken: %v", value, err, ok)
		}
	}
}

func TestLimitsThatMakeNoSenseAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"max_processes: 0 is too few": func(c *Config) { c.MaxProcesses = 0 },
		"loss_alert: neither":         func(c *Config) { c.LossAlert.Events = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Validate() = %v, want %s…", err, want)
		}
	}
}
