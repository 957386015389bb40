package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

const readRules = `
- rule: Marked file
  desc: a marked file was opened
  condition: evt.type in (open, openat, openat2) and fd.name contains /tocsin-review/
  output: opened (file=%fd.name exe=%proc.exepath parent=%proc.pname)
  priority: WARNING
  dedupe: {by: [proc.pid, fd.name]}
`

// tocsin runs a command to its end and returns what it wrote and its exit code.
func tocsin(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		must(t, err)
	}
	return out.String(), errs.String(), code
}

// markedFiles are two files in one folder and one in another.
func markedFiles(t *testing.T) (dir string, files [3]string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "tocsin-review")
	for i, name := range []string{"cache/a", "cache/b", "secret/c"} {
		files[i] = filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(files[i]), 0o755))
		must(t, os.WriteFile(files[i], []byte("x"), 0o644))
	}
	return dir, files
}

// What an entry keeps quiet is in the review, of a tocsin that runs and of one that has ended.
func TestReviewShowsWhatWasKeptQuiet(t *testing.T) {
	needRoot(t)
	t.Run("embedded", func(t *testing.T) {
		l := newLayout(t, readRules)
		reviewed(t, l, "", filepath.Join(l.dir, "data", "tocsin.db"))
	})
	t.Run("Redis", func(t *testing.T) {
		reviewed(t, newLayout(t, readRules), "store: "+redistest.Start(t).URL()+"?timeout=5s", "the shared store")
	})
}

// reviewed reviews a tocsin with a store while it runs and after its end, when the account is from left.
func reviewed(t *testing.T, l layout, store, left string) {
	_, files := markedFiles(t)
	must(t, os.WriteFile(filepath.Join(l.dir, "whitelist.yaml"), []byte(`
- {id: cache, reason: test, owner: o, approver: a, rules: [Marked file], match: {fd.name: ["*/cache/*"]}}
- {id: idle, reason: test, owner: o, approver: a, rules: [Marked file], match: {proc.name: [never-there]}}
`), 0o644))
	addr := freeAddr(t)
	file := filepath.Join(l.dir, "tocsin.yaml")
	must(t, os.WriteFile(file, []byte(strings.ReplaceAll(l.config("0s", "stdout_configs: [{format: json}]", store), "{http}", addr)), 0o644))
	p := launch(t, "run", "--config", file)
	p.base = "http://" + addr
	p.waitReady(t)
	must(t, exec.Command("cat", files[0], files[1], files[2]).Run())
	review := func(from string) error {
		out, errs, code := tocsin(t, "whitelist", "review", "--config", file, "--output", "json")
		var report struct {
			From  string `json:"usage_from"`
			Quiet []struct {
				Rule, Entry, Sample string
				Hits                int
			}
			Findings []any
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			return fmt.Errorf("%w of %s, %s", err, out, errs)
		}
		if code != 0 || !strings.HasPrefix(report.From, from) || len(report.Findings) > 0 { // the account is too young for more
			return fmt.Errorf("exit code %d, want 0 with no finding and the account from %s: %s", code, from, out)
		}
		if q := report.Quiet; len(q) != 1 || q[0].Rule != "Marked file" || q[0].Entry != "cache" || q[0].Hits != 2 || !strings.Contains(q[0].Sample, "/cache/") {
			return fmt.Errorf("kept quiet %+v, want two hits of cache with a sample", q)
		}
		return nil
	}
	eventually(t, "the review of what runs shows two hits", func() error { return review("http://" + addr) })
	p.stop(t)
	must(t, review(left))
}

// An entry that was suggested for an alert, with a reason, is accepted and keeps quiet what its replay said.
func TestSuggestionKeepsItsAlertQuiet(t *testing.T) {
	needRoot(t)
	_, files := markedFiles(t)
	l := newLayout(t, readRules)
	capture := filepath.Join(l.dir, "capture.tocsin")
	recorder := launch(t, "record", "-o", capture)
	eventually(t, "the recorder records", func() error {
		if !strings.Contains(recorder.stderr.String(), "recording") {
			return errors.New(recorder.stderr.String())
		}
		return nil
	})
	for _, f := range files {
		must(t, exec.Command("cat", f).Run())
	}
	must(t, exec.Command("head", "-c1", files[0]).Run())
	recorder.stop(t)
	alerts := strings.SplitAfter(strings.TrimSpace(string(replayed(t, l, capture))), "\n")
	if len(alerts) != 4 {
		t.Fatalf("%d alerts, want 4:\n%s", len(alerts), strings.Join(alerts, ""))
	}

	config, one := filepath.Join(l.dir, "replay.yaml"), filepath.Join(l.dir, "one.json")
	must(t, os.WriteFile(one, []byte(alerts[0]), 0o644))
	entry, said, code := tocsin(t, "whitelist", "suggest", one, "--config", config, "--replay", capture)
	for _, want := range []string{"the entry covers the alert", "4 alerts without the entry, 2 with it: 2 kept quiet", "the alert itself is among them", "besides, it keeps quiet:\n  Marked file: opened (file=" + files[1]} {
		if code != 0 || !strings.Contains(said, want) {
			t.Errorf("suggest, exit code %d, says\n%s\nwithout %q", code, said, want)
		}
	}
	must(t, os.WriteFile(filepath.Join(l.dir, "whitelist.yaml"), []byte(strings.Replace(entry, `reason: ""`, "reason: test", 1)), 0o644))
	if out, errs, code := tocsin(t, "check", "--config", config); code != 0 {
		t.Fatalf("check refuses the entry:\n%s%s%s", entry, out, errs)
	}
	left := string(replayed(t, l, capture))
	if strings.Count(left, "\n") != 2 || strings.Contains(left, files[1]) || !strings.Contains(left, files[2]) || !strings.Contains(left, "/head") {
		t.Errorf("left of the alerts:\n%s\nwant that of another folder and that of another program\n%s", left, entry)
	}
}
