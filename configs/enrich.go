package configs

import (
	"github.com/tocsin-security/tocsin/stages/enrich"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
	"github.com/tocsin-security/tocsin/stages/owner"
)

// Enrich is the enrich block: what is added to events by the node, to alerts by whoever routes them.
type Enrich struct {
	enrich.Config  `yaml:",inline"`
	GeoIP          geoip.Config   `yaml:"geoip"`
	Owners         []owner.Config `yaml:"owners"`
	OwnersMatching owner.Matching `yaml:"owners_matching"` // first (default) or all
}

// Validate returns every mistake, each beginning with its place.
func (c Enrich) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	if err := c.GeoIP.Validate(); err != nil {
		return err
	}
	return owner.Validate(c.OwnersMatching, c.Owners)
}
