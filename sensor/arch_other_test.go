//go:build !amd64

package sensor

// archActs are the calls that newer architectures do not have.
var archActs map[string]func() error
