package configs

import (
	"errors"

	"github.com/tocsin-security/tocsin/stages/deployment"
	"github.com/tocsin-security/tocsin/stages/enrich"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
	"github.com/tocsin-security/tocsin/stages/finding"
	"github.com/tocsin-security/tocsin/stages/owner"
)

// Enrich is the enrich block: what is added to events by the node, to alerts by whoever routes them.
type Enrich struct {
	enrich.Config  `yaml:",inline"`
	GeoIP          geoip.Config   `yaml:"geoip"`
	Owners         []owner.Config `yaml:"owners"`
	OwnersMatching owner.Matching `yaml:"owners_matching"` // first (default) or all

	Deployments deployment.Config `yaml:"deployments"`
	Findings    finding.Config    `yaml:"findings"`
}

// Validate returns every mistake, each beginning with its place.
func (c Enrich) Validate() error {
	return errors.Join(c.Config.Validate(), c.GeoIP.Validate(), owner.Validate(c.OwnersMatching, c.Owners), c.Deployments.Validate(), c.Findings.Validate())
}
