package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func message(id, output string) pipeline.Message {
	return pipeline.Message{ID: id, Alerts: []pipeline.Alert{{ID: id, Time: time.Unix(1, 0).UTC(), Rule: "R\nule", Output: output}}}
}

func newFile(t *testing.T, dir string, change func(*Config)) *File {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Path = "audit/alerts.json"
	if change != nil {
		change(&cfg)
	}
	f, err := New(cfg, "audit", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.out.Close() })
	return f
}

// Lines of messages at once do not mix, the file is nobody else's to read, and a new process goes on in it.
func TestAppends(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		f := newFile(t, dir, nil)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if err := f.Notify(t.Context(), message(fmt.Sprint("a", i), strings.Repeat("x", 10_000))); err != nil {
					t.Errorf("Notify = %v", err)
				}
			})
		}
		wg.Wait()
	}
	path := filepath.Join(dir, "audit/alerts.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range lines {
		var a pipeline.Alert
		if err := json.Unmarshal([]byte(line), &a); err != nil || len(a.Output) != 10_000 {
			t.Fatalf("a line is no alert: %v: %.80s", err, line)
		}
	}
	if len(lines) != 100 {
		t.Errorf("%d lines, want 100", len(lines))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestRotates(t *testing.T) {
	dir := t.TempDir()
	f := newFile(t, dir, func(c *Config) { c.MaxSize = 1 })
	for i := range 30 {
		if err := f.Notify(t.Context(), message(fmt.Sprint(i), strings.Repeat("x", 100_000))); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(filepath.Join(dir, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, "audit", file.Name()))
		if err != nil || len(text) > 1<<20 {
			t.Errorf("%s has %d bytes, %v", file.Name(), len(text), err)
		}
		total += strings.Count(string(text), "\n")
	}
	if len(files) < 3 || total != 30 {
		t.Errorf("%d files with %d lines, want 30 in several", len(files), total)
	}
}

func TestCannotWrite(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "audit"), nil, 0o600); err != nil { // where the folder has to be
		t.Fatal(err)
	}
	err := newFile(t, dir, nil).Notify(t.Context(), message("1", ""))
	var failure *pipeline.DeliveryError
	if !errors.As(err, &failure) || failure.Class != pipeline.Retry {
		t.Errorf("Notify = %v, want a retry", err)
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"path is missing": func(c *Config) { c.Path = "" }, "is a folder": func(c *Config) { c.Path = "a/" },
		"1 MB or more": func(c *Config) { c.MaxSize = 0 }, "lost at once": func(c *Config) { c.MaxBackups = 0 },
		"whole days": func(c *Config) { c.MaxAge = pipeline.Duration(time.Hour) },
	} {
		c := DefaultConfig()
		c.Path = "a"
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
}
