package window_test

import (
	"testing"

	"github.com/tocsin-security/tocsin/stages/window"
	"github.com/tocsin-security/tocsin/stages/window/windowtest"
)

func TestMemory(t *testing.T) {
	windowtest.Run(t, func(_ *testing.T, cfg window.Config) window.Engine { return window.NewMemory(cfg) })
}
