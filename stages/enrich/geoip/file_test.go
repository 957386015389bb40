package geoip

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewFileIsTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	var logged bytes.Buffer
	d := New(slog.New(slog.NewTextHandler(&logged, nil)))
	step := func(what, want string) {
		t.Helper()
		d.look(false)
		if got := place(d, "203.0.113.9"); got != want {
			t.Errorf("%s: place = %s, want %s", what, got, want)
		}
	}
	d.Use(Config{Database: Files{path}})
	step("a file that is missing", "unknown")
	whole := database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")})
	rename(t, path, whole)
	step("a file that came", "CN/Shanghai/0/")
	rename(t, path, whole[:len(whole)/2])
	step("half a file renamed over it", "CN/Shanghai/0/")
	step("half a file, a second time", "CN/Shanghai/0/")
	if got := d.Stats()[0].LoadErrors; got != 2 {
		t.Errorf("load errors = %d, want 2: missing, half", got)
	}
	rename(t, path, database(t, 6, record{"203.0.113.0/24": cityOf("SG", "Singapore")}))
	step("a new file renamed over it", "SG/Singapore/0/")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	step("the file removed", "SG/Singapore/0/")
	d.Use(Config{})
	step("no file configured", "unknown")
	for _, want := range []string{"level=ERROR", "no such file: fetch it", "the one of before stays in use", "address database in use"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, logged.String())
		}
	}
	if n := strings.Count(logged.String(), "stays in use"); n != 2 {
		t.Errorf("%d warnings, want one for each change:\n%s", n, logged.String())
	}
}

// A file cut while it is mapped loses its pages: an answer is missing, and nothing else.
func TestCutInPlaceIsNoCrash(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "city.mmdb"), database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")}))
	d := use(path)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := place(d, "203.0.113.9"); got != "unknown" {
		t.Errorf("place = %s, want unknown", got)
	}
	if got := d.Stats()[0].LookupErrors; got != 1 {
		t.Errorf("lookup errors = %d, want 1", got)
	}
	write(t, path, database(t, 6, record{"203.0.113.0/24": cityOf("SG", "Singapore")}))
	d.look(false)
	if got := place(d, "203.0.113.9"); got != "SG/Singapore/0/" {
		t.Errorf("after the file was written in place: %s, want Singapore", got)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	whole := database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")})
	damaged := bytes.Clone(whole)
	for i := range 600 {
		damaged[i] = 0xEE
	}
	for name, c := range map[string]struct{ path, want string }{
		"a good file":       {write(t, dir+"/good", whole), ""},
		"a missing file":    {dir + "/missing", "no such file"},
		"an empty file":     {write(t, dir+"/empty", nil), "no usable database"},
		"a folder":          {dir, "is a directory"},
		"text":              {write(t, dir+"/text", []byte("not a database")), "no usable database"},
		"a damaged tree":    {write(t, dir+"/damaged", damaged), "no usable database"},
		"the second half":   {write(t, dir+"/half", whole[len(whole)/2:]), "no usable database"},
		"cut at the length": {write(t, dir+"/cut", whole[:len(whole)-100]), "no usable database"},
	} {
		err := Check(Config{Database: Files{c.path}})
		if got := fmt.Sprint(err); (c.want == "") != (err == nil) || !strings.Contains(got, c.want) {
			t.Errorf("%s: check = %v, want %q", name, err, c.want)
		}
	}
}

func FuzzFile(f *testing.F) {
	whole := database(f, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai"), "192.0.2.0/24": asOf(1, "x")})
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	for i := 0; i < len(whole); i += 97 {
		broken := bytes.Clone(whole)
		broken[i] ^= 0xFF
		f.Add(broken)
	}
	path := filepath.Join(f.TempDir(), "fuzzed.mmdb")
	f.Fuzz(func(t *testing.T, data []byte) {
		d := use(write(t, path, data))
		for _, addr := range []string{"203.0.113.9", "192.0.2.1", "8.8.8.8", "2001:db8::1"} {
			d.Place(netip.MustParseAddr(addr)) // does not panic
		}
		_ = Check(Config{Database: Files{path}}) // whatever it says
	})
}
