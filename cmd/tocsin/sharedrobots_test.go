package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two receivers write to one robot, and one of them leaves others room: both do. Another robot has its own limit.
func TestOneRobotHasOneLimit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.yaml")
	text := `
rules: {files: []}
route: {receiver: one}
receivers:
- {name: one, wecom_configs: [{url: 'http://127.0.0.1:1/send?key=a'}]}
- {name: two, wecom_configs: [{url: 'http://127.0.0.1:1/send?key=a', max_per_minute: 5}]}
- {name: other, wecom_configs: [{url: 'http://127.0.0.1:1/send?key=b'}]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(options{config: file, output: "json"}, nil, io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for name, c := range p.channels {
		receiver, _, _ := strings.Cut(name, ".")
		got[receiver] = c.Limits[0].Most
	}
	if got["one"] != 5 || got["two"] != 5 || got["other"] != 18 {
		t.Errorf("messages a minute = %v, want 5 of one and two, 18 of the other", got)
	}
}
