package finding

import "strings"

// operatorReport is what stands around the findings in a VulnerabilityReport of Trivy's operator, group
// aquasecurity.github.io.
type operatorReport struct {
	UpdateTimestamp string
	Registry        struct {
		Server string `json:"server"`
	}
	Artifact struct {
		Repository string `json:"repository"`
		Digest     string `json:"digest"`
		Tag        string `json:"tag"`
	}
}

// operatorMember reads a member of report.
func (t *trivyReader) operatorMember(name string) error {
	o := &t.from.operator
	switch name {
	case "updateTimestamp":
		return t.w.decode(&o.UpdateTimestamp)
	case "registry":
		return t.w.decode(&o.Registry)
	case "artifact":
		return t.w.decode(&o.Artifact)
	case "vulnerabilities":
		return t.w.array(t.operatorVulnerability)
	default:
		return t.w.skip()
	}
}

func (t *trivyReader) operatorVulnerability() error {
	var v struct {
		ID        string `json:"vulnerabilityID"`
		Resource  string `json:"resource"`
		Installed string `json:"installedVersion"`
		Fixed     string `json:"fixedVersion"`
		Severity  string `json:"severity"`
		Title     string `json:"title"`
		Link      string `json:"primaryLink"`
		Target    string `json:"target"`
	}
	if err := t.w.decode(&v); err != nil {
		return err
	}
	if v.ID == "" {
		return t.w.fail("vulnerabilityID is missing")
	}
	return t.add(Finding{
		ID: v.ID, Class: "vulnerability", Severity: severityOf(v.Severity), Title: v.Title, Target: v.Target,
		Package: v.Resource, Version: v.Installed, Fixed: v.Fixed, Link: v.Link,
	})
}

// finishOperator names the image as the operator does.
func (t *trivyReader) finishOperator() (err error) {
	d, o := &t.from, &t.from.operator
	if !strings.HasSuffix(d.Kind, "VulnerabilityReport") { // that of a cluster, too
		return t.w.fail("kind: %.80q is not taken: post VulnerabilityReport and lists of it", d.Kind)
	}
	if t.rep.At, err = timeOf("report.updateTimestamp", o.UpdateTimestamp, t.now); err != nil {
		return err
	}
	name := o.Artifact.Repository
	if server := o.Registry.Server; server != "" && name != "" {
		name = server + "/" + name
	}
	d.ArtifactName = name
	var tags []string
	if o.Artifact.Tag != "" && name != "" {
		tags = append(tags, name+":"+o.Artifact.Tag)
	}
	t.rep.Subjects = imageSubjects([]string{o.Artifact.Digest}, "", tags, tagged)
	return nil
}
