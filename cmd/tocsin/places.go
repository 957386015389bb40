package main

import (
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
)

// checkPlaces looks at the address databases of a configuration. What is wrong with them are warnings: without
// one, a sensor watches all the same. When none can be used, the rules are compiled as those of a configuration
// without, so that their verdicts say what they are blind to.
func checkPlaces(cfg *configs.Loaded) []rules.Problem {
	line, col := cfg.At("enrich.geoip")
	var problems []rules.Problem
	for _, err := range flatten(geoip.Check(cfg.Enrich.GeoIP)) {
		problems = append(problems, rules.Problem{Severity: rules.Warning, Code: rules.NoDatabase, File: cfg.Name, Line: line, Col: col,
			Message: "enrich.geoip: " + err.Error() + "; until then alerts have no place by it"})
	}
	cfg.Rules.Places = len(problems) < len(cfg.Enrich.GeoIP.Files())
	return problems
}
