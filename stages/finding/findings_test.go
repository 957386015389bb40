package finding

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/documents"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// bench is a Findings with what it published.
type bench struct {
	*Findings
	t      *testing.T
	events []string
	fails  error // of publishing
}

func newBench(t *testing.T, subjects, accounts pipeline.Documents) *bench {
	b := &bench{t: t}
	b.Findings = New(DefaultConfig(), Deps{Subjects: subjects, Accounts: accounts, Log: slog.New(slog.DiscardHandler),
		Publish: func(_ context.Context, source string, events []json.RawMessage) error {
			for _, e := range events {
				var brief struct {
					Kind, ID, Scanner string
					New               map[string]int
				}
				if err := json.Unmarshal(e, &brief); err != nil || brief.Scanner != source {
					t.Errorf("event for %s: %s, %v", source, e, err)
				}
				text := brief.Kind + " " + brief.ID
				if brief.Kind == "report" {
					text = fmt.Sprintf("report %d+%d+%d", brief.New["critical"], brief.New["high"], brief.New["medium"])
				}
				b.events = append(b.events, text)
			}
			return b.fails
		}})
	return b
}

func openFile(t *testing.T) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return newBench(t, s.Documents("findings", 1000), s.Documents("reports", 1000))
}

// forever is for reports with times of their own.
const forever = pipeline.Duration(100 * 365 * 24 * time.Hour)

// post posts a report, and returns what rules were asked.
func (b *bench) post(scanner, text string) []string {
	b.t.Helper()
	b.events = nil
	keep, err := b.Read(scanner, strings.NewReader(text), "node-1")
	if err != nil {
		b.t.Fatalf("Read: %v", err)
	}
	if _, err := keep(b.t.Context()); err != nil {
		b.t.Fatalf("keep: %v", err)
	}
	return b.events
}

// alert is one of now with labels and fields, written name, value.
func alert(pairs ...string) pipeline.Alert {
	a := pipeline.Alert{Time: time.Now(), Labels: map[string]string{}, OutputFields: pipeline.Fields{}}
	for i := 0; i < len(pairs); i += 2 {
		switch name := pairs[i]; {
		case name == "hostname":
			a.Hostname = pairs[i+1]
		case strings.Contains(name, "."):
			a.OutputFields[name] = pairs[i+1]
		default:
			a.Labels[name] = pairs[i+1]
		}
	}
	return a
}

// told is what one alert is told.
func (b *bench) told(pairs ...string) string {
	alerts := []pipeline.Alert{alert(pairs...)}
	b.Annotate(b.t.Context(), alerts)
	var texts []string
	for _, f := range alerts[0].Findings {
		kind, name, _ := strings.Cut(f.Subject, " ")
		if kind == "resource" {
			kind = name
		}
		var counts []string
		for _, severity := range severities {
			if n := f.Counts[severity]; n > 0 {
				counts = append(counts, fmt.Sprint(n, " ", severity))
			}
		}
		texts = append(texts, kind+": "+strings.Join(counts, ", ")+": "+strings.Join(f.Worst, ", "))
	}
	return strings.Join(texts, "; ")
}

// trivyReport is one of an image, scanned so long ago; each finding is written SEVERITY ID.
func trivyReport(ago time.Duration, findings ...string) string {
	var all []map[string]string
	for _, f := range findings {
		severity, id, _ := strings.Cut(f, " ")
		all = append(all, map[string]string{"VulnerabilityID": id, "Severity": severity, "PkgName": "p"})
	}
	text, _ := json.Marshal(map[string]any{
		"SchemaVersion": 2, "ArtifactName": "shop/web:1.4", "CreatedAt": time.Now().Add(-ago),
		"Metadata": map[string]any{"RepoDigests": []string{"shop/web@" + webDigest}, "ImageID": webID},
		"Results":  []any{map[string]any{"Target": "os", "Vulnerabilities": all}},
	})
	return string(text)
}

func equal(t *testing.T, what string, got any, want ...string) {
	t.Helper()
	if got, ok := got.(string); ok {
		if len(want) != 1 || got != want[0] {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		return
	}
	if list := got.([]string); !slices.Equal(list, want) {
		t.Errorf("%s: %q, want %q", what, list, want)
	}
}

func TestImage(t *testing.T) {
	b := openFile(t)
	first := trivyReport(3*time.Hour, "CRITICAL CVE-1", "HIGH CVE-2", "HIGH CVE-3")
	equal(t, "before any report", b.told("container.image.digest", webDigest), "")
	equal(t, "the first report", b.post(pipeline.Trivy, first), "report 1+2+0", "finding CVE-1", "finding CVE-2", "finding CVE-3")
	equal(t, "the same again", b.post(pipeline.Trivy, first))
	const want = "image: 1 critical, 2 high: CVE-1, CVE-2, CVE-3"
	for name, pairs := range map[string][]string{
		"by digest":                     {"container.image.digest", webDigest},
		"by digest with a name":         {"container.image.digest", "docker.io/shop/web@" + webDigest},
		"by id":                         {"container.image.id", webID},
		"by repository and tag":         {"container.image.repository", "docker.io/shop/web", "container.image.tag", "1.4"},
		"by the label":                  {"container_image", "shop/web:1.4"},
		"by the label, with a digest":   {"container_image", "shop/web@" + webDigest},
		"once, by whatever it is found": {"container.image.digest", webDigest, "container.image.id", webID, "container_image", "shop/web:1.4"},
		"by tag, the digest being new":  {"container.image.digest", "sha256:" + strings.Repeat("9", 64), "container_image", "shop/web:1.4"},
	} {
		equal(t, name, b.told(pairs...), want)
	}
	equal(t, "another tag", b.told("container_image", "shop/web:1.5"), "")
	equal(t, "no image", b.told("container_image", ""), "")

	equal(t, "a later report", b.post(pipeline.Trivy, trivyReport(time.Hour, "CRITICAL CVE-1", "CRITICAL CVE-4")), "report 1+0+0", "finding CVE-4")
	equal(t, "after a later report", b.told("container.image.digest", webDigest), "image: 2 critical: CVE-1, CVE-4")
	equal(t, "an older report", b.post(pipeline.Trivy, trivyReport(2*time.Hour, "LOW CVE-9")))
	equal(t, "after an older report", b.told("container.image.digest", webDigest), "image: 2 critical: CVE-1, CVE-4")
	equal(t, "what was repaired and is back is new", b.post(pipeline.Trivy, trivyReport(time.Minute, "CRITICAL CVE-1", "HIGH CVE-2")), "report 0+1+0", "finding CVE-2")
	equal(t, "a clean report", b.post(pipeline.Trivy, trivyReport(0)), "report 0+0+0")
	equal(t, "after a clean report", b.told("container_image", "shop/web:1.4"), "")
	if s := b.Stats(); s != (Stats{Reports: 5, Older: 1, New: 5}) {
		t.Errorf("Stats = %+v", s)
	}
}

func TestAlertHasTheFindings(t *testing.T) {
	b := openFile(t)
	b.post(pipeline.Trivy, trivyReport(0, "CRITICAL 1", "CRITICAL 2", "CRITICAL 3", "CRITICAL 4", "CRITICAL 5", "CRITICAL 6", "LOW 7"))
	a := []pipeline.Alert{alert("container_image", "shop/web:1.4"), alert("rule", "r")}
	b.Annotate(t.Context(), a)
	a[0].Findings[0].At = time.Time{}
	want := []pipeline.Findings{{Scanner: pipeline.Trivy, Subject: "image docker.io/shop/web:1.4", Counts: map[string]int{"critical": 6, "low": 1},
		Worst: []string{"1", "2", "3", "4", "5"}}}
	if diff := cmp.Diff(want, a[0].Findings); diff != "" || a[1].Findings != nil {
		t.Errorf("Findings (-want +got):\n%s\nother alert: %+v", diff, a[1])
	}
	old := alert("container_image", "shop/web:1.4")
	old.Time = time.Now().Add(31 * 24 * time.Hour)
	alerts := []pipeline.Alert{old}
	if b.Annotate(t.Context(), alerts); alerts[0].Findings != nil {
		t.Errorf("31 days after the report: told %+v", alerts[0].Findings)
	}
}

func TestNode(t *testing.T) {
	b := openFile(t)
	text := string(testdata(t, "kube-bench.json"))
	equal(t, "the first report", b.post(pipeline.KubeBench, text), "report 0+1+1", "finding 4.1.1", "finding 4.1.3", "finding 4.2.8")
	equal(t, "the same again", b.post(pipeline.KubeBench, text))
	equal(t, "its alerts", b.told("hostname", "NODE-1"), "node: 1 high, 1 medium, 1 low: 4.1.1, 4.1.3, 4.2.8")
	equal(t, "those of another", b.told("hostname", "node-2"), "")
}

func TestResource(t *testing.T) {
	b := openFile(t)
	b.cfg.MaxAge = forever
	text := string(testdata(t, "constraints.json"))
	equal(t, "the first audit", b.post(pipeline.Gatekeeper, text), "report 0+2+0", "finding K8sRequiredOwner/pods-have-an-owner",
		"finding K8sRequiredOwner/pods-have-an-owner", "report 0+0+1", "finding K8sNoLatest/no-latest")
	pod := []string{"k8s_ns_name", "shop", "k8s_pod_name", "web-6d4cf56db6-x2x1z"}
	equal(t, "the pod", b.told(pod...), "Pod/shop/web-6d4cf56db6-x2x1z: 1 high, 1 medium: K8sRequiredOwner/pods-have-an-owner, K8sNoLatest/no-latest")
	equal(t, "another namespace", b.told("k8s_ns_name", "other", "k8s_pod_name", "web-6d4cf56db6-x2x1z"), "")
	later := strings.ReplaceAll(text, "2026-07-01T01:00:00Z", "2026-07-01T01:01:00Z")
	equal(t, "the next audit, the same", b.post(pipeline.Gatekeeper, later))
	repaired := strings.Replace(strings.NewReplacer("2026-07-01T01:00:00Z", "2026-07-01T01:02:00Z", `"totalViolations": 1,`, `"totalViolations": 0,`).Replace(text),
		`{"enforcementAction": "warn", "kind": "Pod", "namespace": "shop", "name": "web-6d4cf56db6-x2x1z", "message": "image has the tag latest"}`, "", 1)
	equal(t, "one is repaired", b.post(pipeline.Gatekeeper, repaired), "report 0+0+0")
	equal(t, "the pod, of which one is repaired", b.told(pod...), "Pod/shop/web-6d4cf56db6-x2x1z: 1 high: K8sRequiredOwner/pods-have-an-owner")
}

// The lines of a log come in parts, which add up; what two audits have not seen is gone.
func TestAuditInParts(t *testing.T) {
	b := openFile(t)
	line := func(minute int, pod string) string {
		return fmt.Sprintf(`{"event_type":"violation_audited","audit_id":"2026-07-01T01:%02d:00Z","msg":"m","constraint_kind":"K","constraint_name":"n",`+
			`"constraint_action":"deny","resource_kind":"Pod","resource_namespace":"shop","resource_name":%q}`, minute, pod)
	}
	const id = "K/n"
	b.cfg.MaxAge = forever
	state := func(pod string) string { return b.told("k8s_ns_name", "shop", "k8s_pod_name", pod) }
	equal(t, "the first part", b.post(pipeline.Gatekeeper, line(0, "a")), "report 0+1+0", "finding "+id)
	equal(t, "the second", b.post(pipeline.Gatekeeper, line(0, "b")+"\n"+line(0, "c")), "report 0+2+0", "finding "+id, "finding "+id)
	equal(t, "the second again", b.post(pipeline.Gatekeeper, line(0, "b")))
	equal(t, "the next audit's first part", b.post(pipeline.Gatekeeper, line(1, "b")))
	equal(t, "its second", b.post(pipeline.Gatekeeper, line(1, "a")))
	equal(t, "a pod that may come in a third", state("c"), "Pod/shop/c: 1 high: "+id)
	equal(t, "the one after", b.post(pipeline.Gatekeeper, line(2, "a")))
	equal(t, "a pod that one audit has not seen", state("c"), "")
	equal(t, "a pod that all have seen", state("a"), "Pod/shop/a: 1 high: "+id)
	equal(t, "a pod that is back", b.post(pipeline.Gatekeeper, line(3, "c")), "report 0+1+0", "finding "+id)
}

// A constraint that as many resources violate as are taken, with names as long as Kubernetes allows, is kept.
func TestLongNamesOfManyResources(t *testing.T) {
	b := openFile(t)
	b.cfg.MaxAge = forever
	var body strings.Builder
	for i := range maxResources + 1 {
		fmt.Fprintf(&body, `{"event_type":"violation_audited","audit_id":"2026-07-01T01:00:00Z","msg":"m","constraint_kind":"K","constraint_name":"n",`+
			`"constraint_action":"deny","resource_kind":%q,"resource_namespace":%q,"resource_name":"%0253d"}`, strings.Repeat("K", 63), strings.Repeat("n", 63), i)
	}
	if events := b.post(pipeline.Gatekeeper, body.String()); len(events) != maxEvents+1 {
		t.Errorf("%d events, want %d", len(events), maxEvents+1)
	}
}

// Whatever fails, nobody is told that it was kept, and the same report does what is left.
func TestRetry(t *testing.T) {
	b := openFile(t)
	b.fails = errors.New("the bus is full")
	text := trivyReport(time.Hour, "CRITICAL CVE-1")
	keep, err := b.Read(pipeline.Trivy, strings.NewReader(text), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keep(t.Context()); !errors.Is(err, b.fails) {
		t.Fatalf("keep with a full bus: %v", err)
	}
	equal(t, "alerts already", b.told("container_image", "shop/web:1.4"), "image: 1 critical: CVE-1")
	b.fails = nil
	equal(t, "the retry", b.post(pipeline.Trivy, text), "report 1+0+0", "finding CVE-1")
	equal(t, "once more", b.post(pipeline.Trivy, text))
}

// A report with more new findings than rules are asked about one by one says how many are left out.
func TestManyFindings(t *testing.T) {
	b := openFile(t)
	var all []string
	for i := range 3000 {
		all = append(all, fmt.Sprintf("LOW CVE-%04d", i))
	}
	var last map[string]any
	publish := b.deps.Publish
	b.deps.Publish = func(ctx context.Context, source string, events []json.RawMessage) error {
		if err := json.Unmarshal(events[0], &last); err != nil {
			t.Error(err)
		}
		return publish(ctx, source, events)
	}
	events := b.post(pipeline.Trivy, trivyReport(time.Hour, append(all, "CRITICAL CVE-9999")...))
	if len(events) != maxEvents+1 || events[1] != "finding CVE-9999" || last["left_out"] != float64(3001-maxEvents) {
		t.Errorf("%d events, the first %q, %v", len(events), events[:2], last)
	}
	equal(t, "the same again", b.post(pipeline.Trivy, trivyReport(0, append(all, "CRITICAL CVE-9999")...)))
}

func TestReplicas(t *testing.T) {
	server := redistest.Start(t)
	replica := func() *bench {
		s, err := shared.Open(t.Context(), server.URL()+"?timeout=20s", documents.Scripts(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return newBench(t, documents.New(s, "findings", 1000), documents.New(s, "reports", 1000))
	}
	one, two := replica(), replica()
	text := trivyReport(time.Hour, "CRITICAL CVE-1")
	one.post(pipeline.Trivy, text)
	equal(t, "the other tells it", two.told("container_image", "shop/web:1.4"), "image: 1 critical: CVE-1")
	equal(t, "and knows that rules were asked", two.post(pipeline.Trivy, text))
	equal(t, "and tells it still", two.told("container_image", "shop/web:1.4"), "image: 1 critical: CVE-1")
	server.Stop()
	keep, err := one.Read(pipeline.Trivy, strings.NewReader(trivyReport(0)), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keep(t.Context()); !errors.Is(err, shared.ErrAway) {
		t.Errorf("a report while the store is away: %v, want ErrAway", err)
	}
	equal(t, "an alert while the store is away", two.told("container_image", "shop/other:1"), "")
	if two.Stats().Failed == 0 {
		t.Error("Stats().Failed = 0, want the store being away counted")
	}
	equal(t, "what is remembered", two.told("container_image", "shop/web:1.4"), "image: 1 critical: CVE-1")
}

// A batch asks the store once, and a burst not at all.
func TestOneReadForABatch(t *testing.T) {
	b := openFile(t)
	counting := &countingDocuments{Documents: b.deps.Subjects}
	b.deps.Subjects = counting
	var alerts []pipeline.Alert
	for i := range 256 {
		alerts = append(alerts, alert("container_image", fmt.Sprint("shop/web:", i%20), "hostname", "n"))
	}
	for range 3 {
		b.Annotate(t.Context(), alerts)
	}
	if counting.gets != 1 {
		t.Errorf("%d reads for three batches of the same images, want 1", counting.gets)
	}
}

type countingDocuments struct {
	pipeline.Documents
	gets int
}

func (c *countingDocuments) Get(ctx context.Context, keys ...string) ([]pipeline.Document, error) {
	c.gets++
	return c.Documents.Get(ctx, keys...)
}
