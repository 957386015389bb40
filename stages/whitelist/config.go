package whitelist

import (
	"cmp"
	"fmt"
	"slices"
)

// Config is the whitelist block of the configuration.
type Config struct {
	Files []string `yaml:"files"` // files, folders or globs; none: no exceptions

	// What becomes of entries that are not as they should be. refuse is an error: tocsin does not start, and a
	// reload changes nothing. warn reports it and goes on.
	MissingReason Policy `yaml:"missing_reason"` // no reason is given: refuse (default) or warn
	Broad         Policy `yaml:"broad"`          // all rules pass, and nothing narrows it down: refuse (default), warn or allow
	Expired       Policy `yaml:"expired"`        // it no longer applies, whatever is set here: warn (default), refuse or ignore
}

// Policy says what becomes of an entry that is not as it should be; empty means the default.
type Policy string

// Policies.
const (
	Refuse Policy = "refuse"
	Warn   Policy = "warn"
	Allow  Policy = "allow"  // of Broad: nothing is said
	Ignore Policy = "ignore" // of Expired: likewise
)

// DefaultConfig has no files.
func DefaultConfig() Config { return Config{MissingReason: Refuse, Broad: Refuse, Expired: Warn} }

// Validate names the first setting that cannot be.
func (c Config) Validate() error {
	for _, p := range []struct {
		key   string
		value Policy
		can   []Policy
	}{
		{"missing_reason", c.MissingReason, []Policy{Refuse, Warn}},
		{"broad", c.Broad, []Policy{Refuse, Warn, Allow}},
		{"expired", c.Expired, []Policy{Refuse, Warn, Ignore}},
	} {
		if p.value != "" && !slices.Contains(p.can, p.value) {
			return fmt.Errorf("whitelist.%s: %q is none of %v", p.key, p.value, p.can)
		}
	}
	return nil
}

// orDefaults is c with every policy set.
func (c Config) orDefaults() Config {
	d := DefaultConfig()
	c.MissingReason = cmp.Or(c.MissingReason, d.MissingReason)
	c.Broad = cmp.Or(c.Broad, d.Broad)
	c.Expired = cmp.Or(c.Expired, d.Expired)
	return c
}
