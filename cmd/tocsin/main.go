// Command tocsin turns what happens in the kernel into a message a person on call can act on.
// This package is wiring: commands, life cycle, metrics. What tocsin does lives in the packages it
// puts together; docs/architecture.md follows an event through them.
package main

import (
	"fmt"
	"os"

	_ "time/tzdata" // time zones of schedules and messages, in images without any
)

// version is set by the linker.
var version = "dev"

func main() {
	if err := newRootCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "tocsin:", err)
		os.Exit(exitCode(err))
	}
}
