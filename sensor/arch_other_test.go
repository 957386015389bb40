//go:build !amd64

package sensor

// archActs are the calls that newer architectures do not have.
var archActs map[string]func() error

// noNumber is how many rows of the table no ABI of this architecture has a number for: umount.
const noNumber = 1
