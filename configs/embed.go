package configs

import "embed"

// Embedded holds the configuration, rules and whitelist that ship in the binary.
//
//go:embed tocsin.yaml whitelist.yaml rules/*.yaml
var Embedded embed.FS

// EmbeddedName is what errors call the configuration used when no file is given.
const EmbeddedName = "embedded:tocsin.yaml"
