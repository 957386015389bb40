package finding

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Trivy's reports, as of schema version 2 (Trivy 0.20 and newer): `trivy image --format json`; and those of
// Trivy's operator, the resource VulnerabilityReport or a list of such. Names of members are Trivy's own.

// trivyReader reads one report.
type trivyReader struct {
	w    *walker
	now  time.Time
	from trivyDocument
	rep  Report
}

// trivyDocument is what stands around the findings.
type trivyDocument struct {
	Schema       int
	ArtifactName string
	ArtifactType string
	CreatedAt    string
	Metadata     struct {
		ImageID     string
		RepoTags    []string
		RepoDigests []string
	}

	APIVersion, Kind string // of an operator's
	results          bool   // there was a member Results
	operator         operatorReport
}

// ReadTrivy reads one report of pipeline.Trivy, or what its operator keeps.
func ReadTrivy(r io.Reader, now time.Time) ([]Report, error) {
	w := newWalker(r)
	if !w.more() {
		return nil, errors.New("the body is empty: post Trivy's JSON report of an image")
	}
	var reports []Report
	for w.more() {
		some, err := readTrivy(w, now, true)
		if err != nil {
			return nil, err
		}
		reports = append(reports, some...)
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, w.explain(err)
	}
	if len(reports) == 0 {
		return nil, errors.New("the list is empty: it has no report")
	}
	return reports, nil
}

// readTrivy reads a document, or where there may be one a list of them.
func readTrivy(w *walker, now time.Time, list bool) ([]Report, error) {
	t := &trivyReader{w: w, now: now}
	var listed []Report
	isList := false
	err := w.object(func(name string) error {
		if name != "items" {
			return t.member(name)
		}
		if isList = true; !list {
			return w.fail("a list in a list is not taken")
		}
		return w.array(func() error {
			some, err := readTrivy(w, now, false)
			listed = append(listed, some...)
			return err
		})
	})
	if err != nil || isList {
		return listed, err
	}
	return t.finish()
}

func (t *trivyReader) member(name string) error {
	d := &t.from
	switch name {
	case "SchemaVersion":
		return t.w.decode(&d.Schema)
	case "ArtifactName":
		return t.w.decode(&d.ArtifactName)
	case "ArtifactType":
		return t.w.decode(&d.ArtifactType)
	case "CreatedAt":
		return t.w.decode(&d.CreatedAt)
	case "Metadata":
		return t.w.decode(&d.Metadata)
	case "Results":
		d.results = true
		return t.w.array(t.result)
	case "apiVersion":
		return t.w.decode(&d.APIVersion)
	case "kind":
		return t.w.decode(&d.Kind)
	case "report":
		return t.w.object(t.operatorMember)
	default:
		return t.w.skip()
	}
}

// result reads what was found in one target: the packages of the system, a lock file, a Dockerfile. Target
// stands before the findings.
func (t *trivyReader) result() error {
	var target string
	return t.w.object(func(name string) error {
		switch name {
		case "Target":
			return t.w.decode(&target)
		case "Vulnerabilities":
			return t.w.array(func() error { return t.vulnerability(target) })
		case "Secrets":
			return t.w.array(func() error { return t.secret(target) })
		case "Misconfigurations":
			return t.w.array(func() error { return t.misconfiguration(target) })
		default:
			return t.w.skip()
		}
	})
}

func (t *trivyReader) vulnerability(target string) error {
	var v struct {
		VulnerabilityID, PkgName, InstalledVersion, FixedVersion, Severity, Title, PrimaryURL string
	}
	if err := t.w.decode(&v); err != nil {
		return err
	}
	if v.VulnerabilityID == "" {
		return t.w.fail("VulnerabilityID is missing")
	}
	return t.add(Finding{
		ID: v.VulnerabilityID, Class: "vulnerability", Severity: severityOf(v.Severity), Title: v.Title, Target: target,
		Package: v.PkgName, Version: v.InstalledVersion, Fixed: v.FixedVersion, Link: v.PrimaryURL,
	})
}

// secret leaves Match and Code out: they hold what was found.
func (t *trivyReader) secret(target string) error {
	var s struct{ RuleID, Severity, Title string }
	if err := t.w.decode(&s); err != nil {
		return err
	}
	if s.RuleID == "" {
		return t.w.fail("RuleID is missing")
	}
	return t.add(Finding{ID: s.RuleID, Class: "secret", Severity: severityOf(s.Severity), Title: s.Title, Target: target})
}

func (t *trivyReader) misconfiguration(target string) error {
	var m struct{ ID, Severity, Title, Status, PrimaryURL string }
	if err := t.w.decode(&m); err != nil {
		return err
	}
	if m.ID == "" {
		return t.w.fail("ID is missing")
	}
	if m.Status != "" && m.Status != "FAIL" { // PASS, EXCEPTION
		return nil
	}
	return t.add(Finding{ID: m.ID, Class: "misconfiguration", Severity: severityOf(m.Severity), Title: m.Title, Target: target, Link: m.PrimaryURL})
}

// add keeps a finding with its texts cut.
func (t *trivyReader) add(f Finding) error {
	if len(t.rep.Findings) >= 5*maxFindings {
		return t.w.fail("more than %d findings: no report of one image has so many", 5*maxFindings)
	}
	t.rep.Findings = append(t.rep.Findings, f.cut())
	return nil
}

// cut makes the texts of a finding fit into an event.
func (f Finding) cut() Finding {
	for _, text := range []*string{&f.ID, &f.Title, &f.Target, &f.Package, &f.Version, &f.Fixed, &f.Link} {
		*text = cut(*text, maxText)
	}
	return f
}

// finish checks what was read as a whole, and names the image.
func (t *trivyReader) finish() ([]Report, error) {
	d := &t.from
	var err error
	switch {
	case d.Kind != "":
		err = t.finishOperator()
	case d.Schema == 0 && !d.results:
		err = t.w.fail("SchemaVersion is missing: this is no report of Trivy's; make one with trivy image --format json")
	case d.Schema != 2:
		err = t.w.fail("SchemaVersion: %d is not known, only 2: that of Trivy 0.20 and newer", d.Schema)
	case d.ArtifactType != "" && d.ArtifactType != "container_image":
		err = t.w.fail("ArtifactType: %.80q is no container_image, and there are no alerts that it could be told to", d.ArtifactType)
	default:
		t.rep.At, err = timeOf("CreatedAt", d.CreatedAt, t.now)
		t.rep.Subjects = imageSubjects(append(d.Metadata.RepoDigests, d.ArtifactName), d.Metadata.ImageID, append(d.Metadata.RepoTags, d.ArtifactName), tagged)
	}
	if err != nil {
		return nil, err
	}
	if len(t.rep.Subjects) == 0 {
		return nil, t.w.fail("the image has neither digest nor name: ArtifactName is %.80q", d.ArtifactName)
	}
	t.rep.Scanner, t.rep.Unit = pipeline.Trivy, t.rep.Subjects[0]
	t.rep.finish(maxFindings)
	return []Report{t.rep}, nil
}

// timeOf reads when a scan was. Without a time, or with one of a clock that is ahead, it is now: what lies in
// the future would keep all later reports out.
func timeOf(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %.40q is no time as RFC 3339 has it", name, text)
	}
	if at.After(now) {
		at = now
	}
	return at.UTC().Truncate(time.Microsecond), nil
}
