package configs

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is found into the files of testdata")

// Files as users of Alertmanager have them, each with what check says of it: findings, then errors.
func TestAlertmanagersFiles(t *testing.T) {
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
			file := filepath.Join(t.TempDir(), archive.Files[0].Name)
			if err := os.WriteFile(file, archive.Files[0].Data, 0o600); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(said(Load(file)), filepath.Dir(file)+"/", "")
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("check (-want +got):\n%s", diff)
			}
		})
	}
}

func said(l *Loaded, err error) string {
	var b strings.Builder
	if l != nil {
		for _, p := range l.Findings {
			if p.Severity.String() == "error" {
				b.WriteString("error: ")
			}
			b.WriteString(p.Error() + "\n")
		}
	}
	if err != nil {
		b.WriteString("refused:\n" + err.Error() + "\n")
	}
	return b.String()
}
