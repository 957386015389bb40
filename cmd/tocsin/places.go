package main

import (
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
)

// placesProblems are what is wrong with the address databases of a configuration. They are warnings: without
// one, a sensor watches all the same.
func placesProblems(cfg *configs.Loaded) []rules.Problem {
	line, col := cfg.At("enrich.geoip")
	var problems []rules.Problem
	for _, err := range flatten(geoip.Check(cfg.Enrich.GeoIP)) {
		problems = append(problems, rules.Problem{Severity: rules.Warning, File: cfg.Name, Line: line, Col: col,
			Message: "enrich.geoip: " + err.Error() + "; until then alerts have no place by it, and geo.* and geo() no values"})
	}
	return problems
}
