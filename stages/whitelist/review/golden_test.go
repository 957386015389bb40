package review

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

const days = 24 * time.Hour

// fixture reads the rules, a whitelist and its account.
func fixture(t *testing.T, text string, usage []byte) *Report {
	t.Helper()
	cfg := rules.DefaultConfig()
	set, err := rules.Parse(cfg, []rules.Source{{Name: "r.yaml", Data: []byte(`
- {rule: Read, condition: evt.type = open, output: o, desc: d, priority: INFO, tags: [files]}
- {rule: Write, condition: evt.type = open, output: o, desc: d, priority: INFO, tags: [files]}
- {rule: Connect, condition: evt.type = connect, output: o, desc: d, priority: INFO}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	list, problems := whitelist.Parse(whitelist.Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, set, now)
	opts := Options{Now: now, Unused: 30 * days, Expiring: 14 * days}
	if usage != nil {
		opts.Usage = &pipeline.WhitelistUsage{}
		if err := json.Unmarshal(usage, opts.Usage); err != nil {
			t.Fatal(err)
		}
	}
	r := Review(list, set, problems, opts)
	r.Config, r.UsageFrom = "tocsin.yaml", "http://127.0.0.1:8686"
	return r
}

func TestOutputs(t *testing.T) {
	name := filepath.Join("testdata", "all.txtar")
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) *txtar.File {
		for i := range archive.Files {
			if archive.Files[i].Name == name {
				return &archive.Files[i]
			}
		}
		t.Fatalf("no file %s", name)
		return nil
	}
	r := fixture(t, string(file("w.yaml").Data), file("usage.json").Data)
	for kind, write := range map[string]func(io.Writer) error{"text": r.Text, "markdown": r.Markdown, "json": func(out io.Writer) error {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}} {
		var b strings.Builder
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if os.Getenv("UPDATE") != "" {
			file(kind).Data = []byte(b.String())
		}
		if diff := cmp.Diff(string(file(kind).Data), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Without an account nothing is said about use, and that is said.
func TestWithoutUsage(t *testing.T) {
	r := fixture(t, "- {id: e, reason: r, owner: o, approver: a, rules: [Read], match: {proc.name: [x]}}\n", nil)
	r.UsageError = "connection refused"
	if len(r.Findings) != 0 {
		t.Errorf("findings %v, want none", r.Findings)
	}
	for kind, write := range map[string]func(io.Writer) error{"text": r.Text, "markdown": r.Markdown} {
		var b strings.Builder
		if err := write(&b); err != nil || !strings.Contains(b.String(), "connection refused") {
			t.Errorf("%s does not say why there is no account: %v\n%s", kind, err, b.String())
		}
	}
}

func TestCode(t *testing.T) {
	for s, want := range map[string]string{"a": "`a`", "": "(none)", "a`b": "`` a`b ``", "``": "``` `` ```", "a\nb": "`a↵b`"} {
		if got := code(s); got != want {
			t.Errorf("code(%q) = %s, want %s", s, got, want)
		}
	}
}
