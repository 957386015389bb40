package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as people write it in configuration: "500ms", "5m", "1h30m",
// and with Alertmanager's days, weeks and years: "1d12h", "2w", "1y".
type Duration time.Duration

// UnmarshalText parses s; a bare "0" is allowed.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes it as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// String is time.Duration's.
func (d Duration) String() string { return time.Duration(d).String() }

// Short is it without the units that are zero: 30m, not 30m0s.
func (d Duration) Short() string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// longUnits are the units that time.ParseDuration does not know, in hours.
var longUnits = map[byte]time.Duration{'d': 24, 'w': 7 * 24, 'y': 365 * 24}

// ParseDuration reads what Duration describes. Negative durations are refused.
func ParseDuration(s string) (time.Duration, error) {
	rest, total := s, time.Duration(0)
	for {
		i := 0
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		if i == 0 || i == len(rest) || longUnits[rest[i]] == 0 {
			break
		}
		n, err := strconv.ParseInt(rest[:i], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("duration %q: number too large", s)
		}
		total += time.Duration(n) * longUnits[rest[i]] * time.Hour
		if total < 0 {
			return 0, fmt.Errorf("duration %q: too large", s)
		}
		rest = rest[i+1:]
	}
	if rest == "" && s != "" {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || total+d < 0 {
		return 0, fmt.Errorf("duration %q: write a number and a unit, as in 500ms, 30s, 5m, 4h, 1d", s)
	}
	return total + d, nil
}

// Size is a number of bytes, written "512", "64KiB", "8MiB", "1GiB" (or KB, MB, GB in thousands).
type Size int64

var sizeUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// UnmarshalText parses a size.
func (z *Size) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	factor := int64(1)
	for _, u := range sizeUnits {
		if v, ok := strings.CutSuffix(s, u.suffix); ok {
			s, factor = strings.TrimSpace(v), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return fmt.Errorf("size %q: write a number and a unit, as in 64KiB, 8MiB, 1GiB", b)
	}
	*z = Size(n * factor)
	return nil
}

// MarshalText writes bytes, with the largest binary unit that divides them.
func (z Size) MarshalText() ([]byte, error) {
	for i := 2; i >= 0; i-- {
		if u := sizeUnits[i]; z != 0 && int64(z)%u.factor == 0 {
			return []byte(strconv.FormatInt(int64(z)/u.factor, 10) + u.suffix), nil
		}
	}
	return []byte(strconv.FormatInt(int64(z), 10)), nil
}
