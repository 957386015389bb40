package finding

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

var t0 = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

// reader reads a scanner's report, the node being one that the address names.
type reader func(io.Reader) ([]Report, error)

var readers = map[string]reader{
	pipeline.Trivy:      func(r io.Reader) ([]Report, error) { return ReadTrivy(r, t0) },
	pipeline.KubeBench:  func(r io.Reader) ([]Report, error) { return ReadKubeBench(r, "Node-1", t0) },
	pipeline.Gatekeeper: func(r io.Reader) ([]Report, error) { return ReadGatekeeper(r, t0) },
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func read(t *testing.T, scanner, text string) []Report {
	t.Helper()
	reports, err := readers[scanner](strings.NewReader(text))
	if err != nil {
		t.Fatalf("read %s: %v", scanner, err)
	}
	return reports
}

var (
	webID     = "sha256:" + strings.Repeat("1", 64)
	webDigest = "sha256:" + strings.Repeat("2", 64)
)

func TestReadTrivy(t *testing.T) {
	const system, shopWeb = "registry.shop.example/shop/web:1.4.2 (debian 12.9)", "image registry.shop.example/shop/web:"
	want := []Report{{
		Scanner: pipeline.Trivy, Unit: "image " + webDigest,
		Subjects: []string{"image " + webDigest, "image " + webID, shopWeb + "1.4.2", shopWeb + "stable"},
		At:       time.Date(2026, 7, 1, 1, 0, 0, 123456000, time.UTC),
		Findings: []Finding{
			{ID: "CVE-2026-990001", Class: "vulnerability", Severity: "critical", Title: "libexample: heap overflow in the reader of names", Target: system,
				Package: "libexample1", Version: "1.2-3", Fixed: "1.2-4", Link: "https://advisories.example/CVE-2026-990001"},
			{ID: "CVE-2026-990002", Class: "vulnerability", Severity: "critical", Title: "libexample: another one, without a fix", Target: system,
				Package: "libexample1", Version: "1.2-3"},
			{ID: "CVE-2026-990003", Class: "vulnerability", Severity: "high", Title: "libother: files are followed out of an archive", Target: system,
				Package: "libother2", Version: "4.0", Fixed: "4.1"},
			{ID: "CVE-2026-990003", Class: "vulnerability", Severity: "high", Title: "libother: files are followed out of an archive", Target: system,
				Package: "libother2-data", Version: "4.0", Fixed: "4.1"},
			{ID: "invented-access-key", Class: "secret", Severity: "high", Title: "Access key", Target: "/app/config.yaml"},
			{ID: "DS990", Class: "misconfiguration", Severity: "medium", Title: "runs as root", Target: "Dockerfile"},
			{ID: "CVE-2026-990004", Class: "vulnerability", Severity: "unknown", Target: system, Package: "libother2", Version: "4.0"},
		},
	}}
	if diff := cmp.Diff(want, read(t, pipeline.Trivy, string(testdata(t, "trivy.json")))); diff != "" {
		t.Errorf("ReadTrivy (-want +got):\n%s", diff)
	}
	clean := read(t, pipeline.Trivy, `{"SchemaVersion": 2, "ArtifactName": "nginx", "ArtifactType": "container_image"}`)
	if len(clean) != 1 || len(clean[0].Findings) != 0 || clean[0].Unit != "image docker.io/library/nginx:latest" || !clean[0].At.Equal(t0) {
		t.Errorf("a report without results = %+v", clean)
	}
}

func TestReadTrivyOperator(t *testing.T) {
	digest := "sha256:" + strings.Repeat("4", 64)
	want := []Report{
		{
			Scanner: pipeline.Trivy, Unit: "image " + digest, Subjects: []string{"image " + digest, "image docker.io/library/web:1.4"}, At: t0.Add(-9 * time.Hour),
			Findings: []Finding{{ID: "CVE-2026-990010", Class: "vulnerability", Severity: "critical", Title: "libexample: an invented weakness",
				Package: "libexample", Version: "1.0-r0", Fixed: "1.0-r1", Link: "https://advisories.example/10"}},
		},
		{Scanner: pipeline.Trivy, Unit: "image registry.shop.example/ops/agent:2", Subjects: []string{"image registry.shop.example/ops/agent:2"}, At: t0.Add(-9*time.Hour + 5*time.Minute)},
	}
	if diff := cmp.Diff(want, read(t, pipeline.Trivy, string(testdata(t, "trivy-operator.json")))); diff != "" {
		t.Errorf("ReadTrivy (-want +got):\n%s", diff)
	}
}

func TestReadKubeBench(t *testing.T) {
	want := []Report{{
		Scanner: pipeline.KubeBench, Unit: "node node-1", Subjects: []string{"node node-1"}, At: t0, Hostname: "Node-1",
		Findings: []Finding{
			{ID: "4.1.1", Class: "check", Severity: "high", Title: "permissions of the kubelet's service file", Target: "node"},
			{ID: "4.1.3", Class: "check", Severity: "medium", Title: "permissions of the proxy's file", Target: "node"},
			{ID: "4.2.8", Class: "check", Severity: "low", Title: "events are not limited", Target: "node"},
		},
	}}
	text := string(testdata(t, "kube-bench.json"))
	if diff := cmp.Diff(want, read(t, pipeline.KubeBench, text)); diff != "" {
		t.Errorf("ReadKubeBench (-want +got):\n%s", diff)
	}
	// Older ones are a list of what is in Controls, or one after the other.
	inner := strings.TrimSuffix(strings.TrimSpace(text[strings.Index(text, "["):strings.Index(text, `"Totals"`)]), ",")
	control := strings.TrimSuffix(strings.TrimPrefix(inner, "["), "]")
	for name, text := range map[string]string{"a list": inner, "one after the other": control + "\n" + control} {
		if diff := cmp.Diff(want, read(t, pipeline.KubeBench, text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got, err := ReadKubeBench(strings.NewReader(`{"node_name": "n2", "Controls": [{"tests": []}]}`), "", t0); err != nil || got[0].Unit != "node n2" {
		t.Errorf("a report that names its node = %+v, %v", got, err)
	}
}

func TestReadGatekeeper(t *testing.T) {
	at := t0.Add(-9 * time.Hour)
	owner := func(severity, subject string) Finding {
		return Finding{ID: "K8sRequiredOwner/pods-have-an-owner", Class: "violation", Severity: severity, Title: "label owner is missing", Subject: subject}
	}
	want := []Report{
		{Scanner: pipeline.Gatekeeper, Unit: "constraint K8sRequiredOwner/pods-have-an-owner", At: at, Left: 1, Part: true, Findings: []Finding{
			owner("high", "resource Namespace/shop"), owner("high", "resource Pod/shop/web-6d4cf56db6-x2x1z")}},
		{Scanner: pipeline.Gatekeeper, Unit: "constraint K8sNoLatest/no-latest", At: at, Findings: []Finding{{ID: "K8sNoLatest/no-latest",
			Class: "violation", Severity: "medium", Title: "image has the tag latest", Subject: "resource Pod/shop/web-6d4cf56db6-x2x1z"}}},
	}
	if diff := cmp.Diff(want, read(t, pipeline.Gatekeeper, string(testdata(t, "constraints.json")))); diff != "" {
		t.Errorf("constraints (-want +got):\n%s", diff)
	}
	want = []Report{{Scanner: pipeline.Gatekeeper, Unit: "constraint K8sRequiredOwner/pods-have-an-owner", At: at, Part: true, Findings: []Finding{
		owner("high", "resource Pod/shop/web-1"), owner("low", "resource Pod/shop/web-2")}}}
	if diff := cmp.Diff(want, read(t, pipeline.Gatekeeper, string(testdata(t, "audit.log")))); diff != "" {
		t.Errorf("lines of the log and messages of the export (-want +got):\n%s", diff)
	}
	others := `{"level": "info", "id": 3, "name": {}, "status": "x", "kind": ["a"], "metadata": 1, "event_type": {}}`
	if diff := cmp.Diff(want, read(t, pipeline.Gatekeeper, others+"\n"+string(testdata(t, "audit.log")))); diff != "" {
		t.Errorf("among lines about something else (-want +got):\n%s", diff)
	}
	if got := read(t, pipeline.Gatekeeper, `{"kind": "List", "items": []}`); len(got) != 0 {
		t.Errorf("no constraints = %+v, want no reports", got)
	}
}

func TestReadRefuses(t *testing.T) {
	const trivy = `{"SchemaVersion": 2, "ArtifactName": "a", `
	for _, test := range []struct{ scanner, body, want string }{
		{pipeline.Trivy, ``, "the body is empty"},
		{pipeline.Trivy, `[]`, "here belongs an object, not a list (at byte 1)"},
		{pipeline.Trivy, `{"Vulnerabilities": []}`, "SchemaVersion is missing"},
		{pipeline.Trivy, `{"SchemaVersion": 1, "Results": []}`, "SchemaVersion: 1 is not known, only 2"},
		{pipeline.Trivy, `{"SchemaVersion": "2"}`, "SchemaVersion: a string where a number belongs (at byte 21)"},
		{pipeline.Trivy, trivy + `"ArtifactType": "filesystem"}`, `ArtifactType: "filesystem" is no container_image`},
		{pipeline.Trivy, `{"SchemaVersion": 2, "Results": []}`, "the image has neither digest nor name"},
		{pipeline.Trivy, trivy + `"Results": [{"Vulnerabilities": [{"PkgName": "x"}]}]}`, "Results[0].Vulnerabilities[0]: VulnerabilityID is missing (at byte"},
		{pipeline.Trivy, trivy + `"Results": [{}, {"Vulnerabilities": [{}, {"VulnerabilityID": 7}]}]}`, "Results[1].Vulnerabilities[0]: VulnerabilityID is missing"},
		{pipeline.Trivy, trivy + `"Results": [{}, {"Vulnerabilities": [{"VulnerabilityID": 7}]}]}`, "Results[1].Vulnerabilities[0]: VulnerabilityID: a number where a string belongs"},
		{pipeline.Trivy, trivy + `"Results": {}}`, "Results: here belongs a list, not an object"},
		{pipeline.Trivy, trivy + `"Results": [`, "Results: the report ends in the middle: unexpected EOF"},
		{pipeline.Trivy, trivy + `"Results": [}`, "not JSON"},
		{pipeline.Trivy, trivy + `"CreatedAt": "today"}`, `CreatedAt: "today" is no time`},
		{pipeline.Trivy, `{"kind": "List", "items": []}`, "the list is empty"},
		{pipeline.Trivy, `{"items": [{"items": []}]}`, "items[0].items: a list in a list"},
		{pipeline.Trivy, `{"kind": "ConfigAuditReport", "report": {}}`, `kind: "ConfigAuditReport" is not taken`},
		{pipeline.Trivy, strings.Repeat("[", 2000), "here belongs an object"},
		{pipeline.Trivy, `{"x": ` + strings.Repeat("[", 2000), "x: values are nested more than 1000 deep"},
		{pipeline.Trivy, trivy[:len(trivy)-2] + `} x`, "not JSON"},
		{pipeline.KubeBench, ``, "the body is empty"},
		{pipeline.KubeBench, `{}`, "there are no Controls"},
		{pipeline.KubeBench, `"x"`, "here belongs an object, not text"},
		{pipeline.KubeBench, `{"Controls": [{"tests": [{"results": [{"test_number": "1"}]}]}]}`, "Controls[0].tests[0].results[0]: test_number and status are needed"},
		{pipeline.KubeBench, `{"node_name": "n1", "Controls": []} {"node_name": "n2", "Controls": []}`, `node_name: the report is about "n1" and about "n2"`},
		{pipeline.Gatekeeper, ` `, "the body is empty"},
		{pipeline.Gatekeeper, `{"msg": "x"}`, "there is neither a constraint nor a violation"},
		{pipeline.Gatekeeper, `{"apiVersion": "constraints.gatekeeper.sh/v1", "kind": "K", "metadata": {}, "status": {"auditTimestamp": "2026-07-01T01:00:00Z"}}`, "kind and name of the constraint are needed"},
		{pipeline.Gatekeeper, `{"items": [{"apiVersion": "constraints.gatekeeper.sh/v1", "kind": "K", "metadata": {"name": "n"}, "status": {"auditTimestamp": "x"}}]}`, `items[0]: status.auditTimestamp: "x" is no time`},
		{pipeline.Gatekeeper, `{"items": [{"apiVersion": "constraints.gatekeeper.sh/v1", "status": {"violations": [{"name": 3}]}}]}`, "items[0]: status.violations.name: a number where a string belongs"},
		{pipeline.Gatekeeper, `{"eventType": "violation_audited", "id": 3}`, "id: a number where a string belongs"},
		{pipeline.Gatekeeper, `{"event_type": "violation_audited", "audit_id": "2026-07-01T01:00:00Z"}`, "a violation needs the time of its audit"},
	} {
		got, err := readers[test.scanner](strings.NewReader(test.body))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %.80s = %v, %v, want an error with %q", test.scanner, test.body, got, err, test.want)
		}
	}
	if _, err := ReadKubeBench(bytes.NewReader(testdata(t, "kube-bench.json")), "", t0); err == nil || !strings.Contains(err.Error(), "add ?node=NAME") {
		t.Errorf("a report of no node: %v", err)
	}
	if _, err := ReadKubeBench(bytes.NewReader(testdata(t, "kube-bench.json")), "a b", t0); err == nil || !strings.Contains(err.Error(), "no name of a node") {
		t.Errorf("a report of an odd node: %v", err)
	}
}

// What goes wrong with the line is not what goes wrong with the report.
func TestReadErrorsOfTheReaderStay(t *testing.T) {
	broken := errors.New("the line is broken")
	for scanner, read := range readers {
		r := io.MultiReader(strings.NewReader(`{"Results": [`), errReader{broken})
		if _, err := read(r); !errors.Is(err, broken) {
			t.Errorf("%s: %v, want the reader's error", scanner, err)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// The secret that Trivy found does not travel.
func TestSecretsStayOut(t *testing.T) {
	reports := read(t, pipeline.Trivy, string(testdata(t, "trivy.json")))
	o := compare(nil, &reports[0])
	events, err := o.events()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if bytes.Contains(e, []byte("THE-SECRET")) {
			t.Errorf("an event has the secret: %s", e)
		}
	}
}

func fuzz(f *testing.F, scanner string, seeds ...string) {
	for _, name := range seeds {
		f.Add(testdata(f, name))
	}
	f.Add([]byte(`{"items": [{}, {"items": 1}]} []`))
	f.Fuzz(func(t *testing.T, text []byte) {
		reports, err := readers[scanner](bytes.NewReader(text))
		if err != nil && reports != nil {
			t.Fatalf("reports and an error: %v, %v", reports, err)
		}
		for i := range reports {
			r := &reports[i]
			if r.Unit == "" || r.At.IsZero() || r.At.After(t0) || len(r.Findings) > maxFindings {
				t.Fatalf("report %+v", r)
			}
			o := compare(nil, r)
			events, err := o.events()
			if err != nil || len(events) > maxEvents+1 {
				t.Fatalf("%d events, %v", len(events), err)
			}
			for _, e := range events {
				if len(e) > 32<<10 {
					t.Fatalf("an event of %d bytes", len(e))
				}
			}
			if _, err := document(documentKey(r.Scanner, r.Unit), r.At, o.next); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzReadTrivy(f *testing.F)      { fuzz(f, pipeline.Trivy, "trivy.json", "trivy-operator.json") }
func FuzzReadKubeBench(f *testing.F)  { fuzz(f, pipeline.KubeBench, "kube-bench.json") }
func FuzzReadGatekeeper(f *testing.F) { fuzz(f, pipeline.Gatekeeper, "constraints.json", "audit.log") }
