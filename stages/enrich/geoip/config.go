package geoip

import (
	"errors"
	"path/filepath"
	"slices"
)

// Config is the geoip block of the configuration. Which file has what makes no difference: of several that
// know the same of an address, the first one counts, those of Database before those of ASNDatabase.
type Config struct {
	Database    Files `yaml:"database"`     // countries and cities: GeoLite2-City.mmdb; none: nothing is known
	ASNDatabase Files `yaml:"asn_database"` // autonomous systems: GeoLite2-ASN.mmdb
}

// Files are paths: in YAML one, or a list of them.
type Files []string

// UnmarshalYAML reads a single path as a list of one.
func (f *Files) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		if *f = nil; one != "" {
			*f = Files{one}
		}
		return nil
	}
	var list []string
	if err := unmarshal(&list); err != nil {
		return err
	}
	*f = list
	return nil
}

// Validate refuses empty paths. Whether the files are there is Check's question: one that is not must not
// keep a sensor from starting.
func (c Config) Validate() error {
	if slices.Contains(c.Files(), "") {
		return errors.New("enrich.geoip: a path is empty: remove it")
	}
	return nil
}

// Files are all files, in the order in which they are asked.
func (c Config) Files() []string { return slices.Concat(c.Database, c.ASNDatabase) }

// From makes relative paths start from a folder.
func (c Config) From(dir string) Config {
	located := func(files Files) Files {
		all := slices.Clone(files)
		for i, path := range all {
			if path != "" && !filepath.IsAbs(path) {
				all[i] = filepath.Join(dir, path)
			}
		}
		return all
	}
	return Config{Database: located(c.Database), ASNDatabase: located(c.ASNDatabase)}
}
