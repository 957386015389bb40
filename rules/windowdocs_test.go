package rules

import (
	"os"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Every example of docs/windows.md loads, with nothing to complain about, and runs unless it says otherwise.
func TestExamplesOfTheDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/windows.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(data), "```yaml\n")[1:]
	if len(blocks) < 4 {
		t.Fatalf("%d examples, want some", len(blocks))
	}
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		s := parse(t, example)
		if got := serious(s); got != "" || len(s.Rules) == 0 {
			t.Errorf("%s%s", example, got)
		}
		for _, r := range s.Rules {
			if r.Runs() != (r.Window != nil) { // what has none is there for a step
				t.Errorf("%s: skipped %q, window %v", r.Name, r.Skipped, r.Window)
			}
		}
	}
	for _, f := range pipeline.SightFields() {
		if !strings.Contains(string(data), "%"+f.Name) {
			t.Errorf("docs/windows.md does not name %%%s", f.Name)
		}
	}
}
