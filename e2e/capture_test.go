package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// recordAndReplay records while act runs, and returns the alerts that rules give of it: one for every
// match, as replay has no windows.
func recordAndReplay(t *testing.T, rules string, act func()) []byte {
	t.Helper()
	l := newLayout(t, rules)
	file := filepath.Join(l.dir, "capture.tocsin")
	recorder := launch(t, "record", "-o", file)
	eventually(t, "the recorder records", func() error {
		if !strings.Contains(recorder.stderr.String(), "recording") {
			return fmt.Errorf("stderr: %s", recorder.stderr)
		}
		return nil
	})
	act()
	recorder.stop(t)
	return replayed(t, l, file)
}

// replayed are the alerts that the rules of a layout give of a capture.
func replayed(t *testing.T, l layout, file string) []byte {
	t.Helper()
	config := filepath.Join(l.dir, "replay.yaml")
	text := strings.ReplaceAll(l.config("0s", "stdout_configs: [{}]"), "{http}", freeAddr(t))
	must(t, os.WriteFile(config, []byte(text), 0o600))
	var stderr bytes.Buffer
	replay := exec.Command(binary, "replay", "--config", config, file)
	replay.Stderr = &stderr
	out, err := replay.Output()
	if err != nil {
		t.Fatalf("replay: %v\n%s", err, stderr.String())
	}
	return out
}
