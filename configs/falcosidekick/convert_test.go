package falcosidekick_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/configs/falcosidekick"
)

var update = flag.Bool("update", false, "write what is converted into the files of testdata")

// Each file holds Falcosidekick's configuration, its environment, and what comes of it, which has to be valid.
func TestConvert(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			input, environment := archive.Files[0].Data, strings.Fields(string(archive.Files[1].Data))
			got, err := falcosidekick.Convert("falcosidekick.yaml", input, environment)
			if err != nil {
				t.Fatal(err)
			}
			var notes strings.Builder
			for _, n := range got.Notes {
				fmt.Fprintln(&notes, n)
			}
			fmt.Fprintln(&notes, "converted:", strings.Join(got.Converted, ", "))
			if *update {
				archive.Files[2].Data, archive.Files[3].Data = got.YAML, []byte(notes.String())
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[2].Data), string(got.YAML)); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(archive.Files[3].Data), notes.String()); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			for _, hidden := range []string{"hush", "secret"} {
				if strings.Contains(notes.String(), hidden) {
					t.Errorf("notes show a value: %s", notes.String())
				}
			}
			loads(t, got.YAML, environment)
		})
	}
}

// loads reads a result as tocsin does.
func loads(t *testing.T, text []byte, environment []string) {
	t.Helper()
	for _, v := range environment {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	file := filepath.Join(t.TempDir(), "tocsin.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := configs.Load(file)
	if err != nil {
		t.Fatalf("the result cannot be read: %v\n%s", err, text)
	}
	for _, finding := range l.Findings {
		t.Errorf("the result has a finding: %v", finding)
	}
}

func TestWhatIsNoYAML(t *testing.T) {
	_, err := falcosidekick.Convert("f.yaml", []byte("slack: {webhookurl: x\n"), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "f.yaml:1:") {
		t.Errorf("Convert: %v, want an error with its place", err)
	}
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte("webhook: {address: 'http://a/', customHeaders: {a: \"${b}\"}}\n"), "SMTP_HOSTPORT=a:1 CUSTOMFIELDS=a:b")
	f.Add([]byte("- a\n"), "")
	f.Add([]byte("smtp: [1]\nwebhook: &x {address: *x}\n"), "=")
	f.Fuzz(func(t *testing.T, data []byte, env string) {
		got, err := falcosidekick.Convert("f", data, strings.Fields(env))
		if (err == nil) == (got.YAML == nil) {
			t.Errorf("Convert = %v, %v", got, err)
		}
	})
}
