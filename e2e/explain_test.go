package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// explained is what of `tocsin explain --json` the test looks at.
type explained struct {
	Condition struct {
		Parts []struct {
			Text     string
			Measured struct {
				Reached, True uint64
				Ns            float64
			}
		}
	}
	Measured struct {
		Events, Candidate, Held uint64
		OfItsTypes              uint64 `json:"of_its_types"`
		InVain                  uint64 `json:"in_vain"`
	}
}

// A rule measured on what the kernel did: each part of its condition with how often it was asked, and held.
func TestExplainMeasuresACapture(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	secret, capture := filepath.Join(dir, "secret"), filepath.Join(dir, "capture.tocsin")
	must(t, os.WriteFile(secret, nil, 0o600))
	rules := filepath.Join(dir, "rules.yaml")
	must(t, os.WriteFile(rules, []byte(`
- rule: Secret read
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.num >= 0 and fd.name = `+secret+`
  output: read
  priority: INFO
- rule: Secret read later
  desc: some time after the first event
  condition: evt.type in (open, openat, openat2) and fd.num >= 0 and fd.name = `+secret+` and evt.reltime > 0
  output: read
  priority: INFO
`), 0o600))
	recorder := launch(t, "record", "-o", capture)
	eventually(t, "the recorder records", func() error {
		if !strings.Contains(recorder.stderr.String(), "recording") {
			return fmt.Errorf("stderr: %s", recorder.stderr)
		}
		return nil
	})
	const reads = 5
	for range reads {
		must(t, exec.Command("cat", secret).Run())
	}
	recorder.stop(t)
	measured := func(rule string) (e explained) {
		t.Helper()
		out, err := exec.Command(binary, "explain", "--rules", rules, "--events", capture, "--json", rule).Output()
		must(t, err)
		must(t, json.Unmarshal(out, &e))
		return e
	}
	if held := measured("Secret read later").Measured.Held; held != reads {
		t.Errorf("a rule about the time since the first event held %d times, want %d", held, reads)
	}
	e := measured("Secret read")
	m := e.Measured
	if m.Held != reads || m.Events < m.OfItsTypes || m.OfItsTypes < m.Candidate || m.Candidate != m.Held+m.InVain {
		t.Errorf("measured = %+v, want %d times that it held, and counts that add up", m, reads)
	}
	if len(e.Condition.Parts) != 3 {
		t.Fatalf("parts = %+v, want three", e.Condition.Parts)
	}
	asked := m.OfItsTypes
	for _, p := range e.Condition.Parts {
		if p.Measured.Reached != asked {
			t.Errorf("%s was asked %d times, want %d: as often as the part before it held", p.Text, p.Measured.Reached, asked)
		}
		asked = p.Measured.True
	}
	if last := e.Condition.Parts[2]; asked != reads || last.Measured.Ns <= 0 {
		t.Errorf("%s held %d times and costs %.1f ns, want %d times, and some cost", last.Text, asked, last.Measured.Ns, reads)
	}
}
