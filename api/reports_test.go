package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// fakeContext takes deployments and reports, or fails.
type fakeContext struct {
	parse, store error
	read         string // scanner, node and how many bytes
	kept         int
}

func (f *fakeContext) Parse([]byte) ([]pipeline.Deployment, error) {
	return []pipeline.Deployment{{Version: "v1"}}, f.parse
}

func (f *fakeContext) Put(_ context.Context, all []pipeline.Deployment) error {
	if f.store == nil {
		f.kept += len(all)
	}
	return f.store
}

func (f *fakeContext) List() []pipeline.Deployment {
	if f.kept == 0 {
		return nil
	}
	return []pipeline.Deployment{{Selector: map[string]string{"a": "b"}, Version: "v1", At: time.Unix(0, 0).UTC()}}
}

func (f *fakeContext) Read(scanner string, body io.Reader, node string) (func(context.Context) (map[string]int, error), error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	f.read = scanner + " " + node
	return func(context.Context) (map[string]int, error) { return map[string]int{"accepted": len(text)}, f.store }, f.parse
}

func startContext(t *testing.T, f *fakeContext) string {
	return start(t, func(c *Config, d *Deps) {
		d.Deployments, d.Reports = f, f
		c.MaxBody, c.MaxReport = 1<<10, 4<<10
	})
}

func TestDeployments(t *testing.T) {
	f := &fakeContext{}
	url := startContext(t, f) + "/api/v1/deployments"
	wantAnswer(t, "GET", url, "", http.StatusOK, "[]")
	wantAnswer(t, "POST", url, "{}", http.StatusAccepted, `"accepted":1`)
	wantAnswer(t, "GET", url, "", http.StatusOK, `[{"selector":{"a":"b"},"version":"v1","at":"1970-01-01T00:00:00Z"}]`)
	wantAnswer(t, "POST", url, strings.Repeat("x", 2<<10), http.StatusRequestEntityTooLarge, "at most 1024 are taken")
	f.parse = errors.New("version: is required")
	wantAnswer(t, "POST", url, "{}", http.StatusBadRequest, "version: is required")
	f.parse, f.store = nil, errors.New("the shared store is away")
	header := wantAnswer(t, "POST", url, "{}", http.StatusServiceUnavailable, "not stored, post it again: the shared store is away")
	if header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestReports(t *testing.T) {
	f := &fakeContext{}
	url := startContext(t, f)
	for _, scanner := range []string{"trivy", "kube-bench", "gatekeeper"} {
		wantAnswer(t, "POST", url+"/api/v1/"+scanner+"?node=n1", strings.Repeat("x", 3<<10), http.StatusAccepted, `"accepted":3072`)
		if f.read != scanner+" n1" {
			t.Errorf("read %q, want the scanner %s and the node", f.read, scanner)
		}
	}
	wantAnswer(t, "POST", url+"/api/v1/trivy", strings.Repeat("x", 5<<10), http.StatusRequestEntityTooLarge, "4096")
	f.parse = errors.New("Results[0]: wrong")
	wantAnswer(t, "POST", url+"/api/v1/trivy", "{}", http.StatusBadRequest, "Results[0]: wrong")
	f.parse, f.store = nil, errors.New("away")
	if wantAnswer(t, "POST", url+"/api/v1/trivy", "{}", http.StatusServiceUnavailable, "not stored").Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

// A body without a length is cut off all the same.
func TestReportTooLargeInTheMiddle(t *testing.T) {
	url := startContext(t, &fakeContext{})
	resp, err := http.Post(url+"/api/v1/trivy", "application/json", io.LimitReader(endless{}, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status = %d, want 413", resp.StatusCode)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func wantAnswer(t *testing.T, method, url, body string, status int, part string) http.Header {
	t.Helper()
	got, text, header := request(t, method, url, body)
	if got != status || !strings.Contains(text, part) {
		t.Errorf("%s %s = %d %s, want %d with %s", method, url, got, text, status, part)
	}
	return header
}
