package notifiers

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                              0,
		"30":                            30 * time.Second,
		" 30 ":                          30 * time.Second,
		"-5":                            0,
		"4294967295":                    time.Hour,
		"99999999999999999999":          0,
		"Sun, 01 Jun 2025 03:01:00 GMT": time.Minute,
		"Sun, 01 Jun 2025 02:00:00 GMT": 0,
		"Mon, 02 Jun 2025 03:00:00 GMT": time.Hour,
		"tomorrow":                      0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {header}}, now); got != want {
			t.Errorf("RetryAfter(%q) = %v, want %v", header, got, want)
		}
	}
}

func FuzzRobotCode(f *testing.F) {
	for _, s := range []string{`{"errcode":0,"errmsg":"ok"}`, `{"errcode":45009}`, `{}`, ``, `<html>`, `{"errcode":1e99}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code, err := RobotCode(body)
		if err == nil && !strings.Contains(strings.ToLower(string(body)), "errcode") && !strings.Contains(string(body), `\u`) {
			t.Errorf("RobotCode(%q) = %v, want an error", body, code)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("RobotCode of %d bytes: an error of %d bytes", len(body), len(err.Error()))
		}
	})
}

func TestRedactor(t *testing.T) {
	r := NewRedactor("s3cret/+", "", "k")
	for in, want := range map[string]string{
		"key=s3cret/+ and s3cret%2F%2B": "key=<secret> and <secret>",
		"ok":                            "ok",
	} {
		if got := r.Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestErrorsHideTheAddress(t *testing.T) {
	u, err := ParseURL("http://user:pass-word@127.0.0.1:1/services/0123456789abcdef?key=planted")
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient("oncall", u, ClientConfig{Secrets: []string{"signing-key"}})
	_, err = c.Post(t.Context(), u, nil, nil)
	if err == nil || strings.Contains(err.Error(), "Post \"") {
		t.Errorf("Post = %v, want an error without Go's own address in it", err)
	}
	cause := errors.New("planted, pass-word, 0123456789abcdef, signing-key, " + u.String())
	for _, e := range []error{err, c.Fail(pipeline.Retry, cause)} {
		for _, secret := range []string{"planted", "pass-word", "0123456789abcdef", "signing-key"} {
			if strings.Contains(e.Error(), secret) {
				t.Errorf("%v shows %q", e, secret)
			}
		}
	}
	if !errors.Is(c.Fail(pipeline.Retry, cause), cause) {
		t.Error("errors.Is does not see the cause")
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		value pipeline.Secret
		file  string
		want  string
		err   string
	}{
		"the value itself":       {"v", "", "v", ""},
		"a file, without blanks": {"", write("good", "  v\n"), "v", ""},
		"an empty file":          {"", write("empty", "\n"), "", "is empty"},
		"a missing file":         {"", filepath.Join(dir, "missing"), "", "read url_file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadSecret("url", c.value, c.file)
			if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("ReadSecret = %q, %v, want %q, %q", string(got), err, c.want, c.err)
			}
		})
	}
}

func TestPartsForgetsWhatIsSettled(t *testing.T) {
	var p Parts
	p.Add("m", "a")
	p.Settle("m", &pipeline.DeliveryError{Class: pipeline.Retry})
	if !p.Sent("m", "a") || p.Sent("m", "b") {
		t.Error("a part is not remembered for the next attempt")
	}
	for _, end := range []error{nil, &pipeline.DeliveryError{Class: pipeline.BadMessage}} {
		p.Add("m", "a")
		if p.Settle("m", end); p.Sent("m", "a") {
			t.Errorf("Settle(%v) keeps the message", end)
		}
	}
	for i := range 3 * maxParts {
		p.Add(string(rune(i)), "a")
	}
	if len(p.sent) > maxParts {
		t.Errorf("%d messages are remembered, want at most %d", len(p.sent), maxParts)
	}
}

// A template in an address is refused, not posted to as it stands, and not shown.
func TestParseURLRefusesTemplates(t *testing.T) {
	for _, s := range []string{
		`https://hooks.example.org/{{ .GroupLabels.team }}?key=planted`,
		`https://hooks.example.org/hook?key=planted&team={{ .CommonLabels.team }}`,
	} {
		_, err := ParseURL(pipeline.Secret(s))
		if err == nil || !strings.Contains(err.Error(), "no template") || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", s, err)
		}
	}
	if _, err := ParseURL("https://hooks.example.org/%7B%7B?key=planted"); err != nil {
		t.Errorf("an address with encoded braces: %v", err)
	}
}
