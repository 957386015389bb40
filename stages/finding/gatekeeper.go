package finding

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Gatekeeper's reports, in the three forms in which it has them:
//   - constraints with the violations of the last audit in their status, one or a list, as
//     `kubectl get constraints -o json` prints them;
//   - the lines of the audit's log (event_type violation_audited);
//   - the messages of its export (eventType violation_audited).
//
// The first is all that an audit found, up to its own limit, 20 a constraint by default; beyond that, and in
// the others, there are parts of it, which add up. What violates one constraint is one finding for each resource, however many
// messages there are.

// gatekeeperReader collects violations by constraint.
type gatekeeperReader struct {
	w       *walker
	now     time.Time
	reports map[string]*Report
	order   []string // of their units
	values  int      // that were something of Gatekeeper's
}

// ReadGatekeeper reads violations, one JSON value or many.
func ReadGatekeeper(r io.Reader, now time.Time) ([]Report, error) {
	g := &gatekeeperReader{w: newWalker(r), now: now, reports: map[string]*Report{}}
	const what = "post what kubectl get constraints -o json prints, or lines of the audit's log"
	if !g.w.more() {
		return nil, errors.New("the body is empty: " + what)
	}
	for g.w.more() {
		if err := g.top(); err != nil {
			return nil, err
		}
	}
	if _, err := g.w.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, g.w.explain(err)
	}
	if g.values == 0 {
		return nil, errors.New("there is neither a constraint nor a violation in it: " + what)
	}
	reports := make([]Report, len(g.order))
	for i, unit := range g.order {
		g.reports[unit].finish(maxResources)
		reports[i] = *g.reports[unit]
	}
	return reports, nil
}

// top reads one value at the top: an object, which may be a list of Kubernetes', or a list of objects.
func (g *gatekeeperReader) top() error {
	t, err := g.w.token()
	switch {
	case err != nil:
		return err
	case t == json.Delim('['):
		return g.w.elements(g.one)
	case t == json.Delim('{'):
		return g.rest(func() error {
			g.values++
			return g.w.array(g.one)
		})
	default:
		return g.w.fail("here belongs an object, not %s", kind(t))
	}
}

// one reads an object that is no list.
func (g *gatekeeperReader) one() error {
	t, err := g.w.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return g.w.fail("here belongs an object, not %s", kind(t))
	}
	return g.rest(g.w.skip)
}

// rest reads an object behind its brace, with items for the member of that name, and takes what it is.
func (g *gatekeeperReader) rest(items func() error) error {
	members := map[string]json.RawMessage{}
	err := g.w.members(func(name string) error {
		if name == "items" {
			return items()
		}
		var raw json.RawMessage
		err := g.w.decode(&raw)
		members[name] = raw
		return err
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(members)
	if err != nil {
		return g.w.fail("%v", err)
	}
	return g.take(text)
}

// audited is the type of the lines and messages that are about a violation. Others are about the audit
// itself, or about what was denied and so is not there.
const audited = "violation_audited"

// take adds what an object says. What is nothing of Gatekeeper's is passed over, whatever is in it: a log has
// other lines, too.
func (g *gatekeeperReader) take(text []byte) error {
	var form struct {
		APIVersion any `json:"apiVersion"` // of a constraint
		LineType   any `json:"event_type"`
		ExportType any `json:"eventType"`
	}
	if err := g.decode(text, &form); err != nil {
		return err
	}
	apiVersion, _ := form.APIVersion.(string)
	switch {
	case strings.HasPrefix(apiVersion, "constraints.gatekeeper.sh/"):
		var c gatekeeperConstraint
		if err := g.decode(text, &c); err != nil {
			return err
		}
		return g.constraint(&c)
	case form.LineType == audited:
		var l gatekeeperLine
		if err := g.decode(text, &l); err != nil {
			return err
		}
		return g.part(l.At, l.Kind, l.Name, violation(l.Does, l.Of, l.In, l.About, l.Text))
	case form.ExportType == audited:
		var e gatekeeperExport
		if err := g.decode(text, &e); err != nil {
			return err
		}
		return g.part(e.At, e.Kind, e.Name, violation(e.Does, e.Of, e.In, e.About, e.Text))
	case isText(form.LineType) || isText(form.ExportType):
		g.values++
	}
	return nil
}

func isText(v any) bool {
	text, _ := v.(string)
	return text != ""
}

// decode reads an object whose text is known to be JSON.
func (g *gatekeeperReader) decode(text []byte, v any) error {
	err := json.Unmarshal(text, v)
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typ):
		return g.w.fail("%s: a %s where a %s belongs", typ.Field, typ.Value, typeName(typ.Type.Kind().String()))
	default:
		return g.w.fail("%v", err)
	}
}

// gatekeeperConstraint is a constraint, with what the last audit found.
type gatekeeperConstraint struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Status struct {
		At         string `json:"auditTimestamp"`
		Total      int    `json:"totalViolations"`
		Violations []struct {
			Action    string `json:"enforcementAction"`
			Kind      string `json:"kind"`
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
			Message   string `json:"message"`
		} `json:"violations"`
	} `json:"status"`
}

// gatekeeperLine is a line of the audit's log.
type gatekeeperLine struct {
	At    string `json:"audit_id"` // when the audit began
	Text  string `json:"msg"`
	Kind  string `json:"constraint_kind"`
	Name  string `json:"constraint_name"`
	Does  string `json:"constraint_action"`
	Of    string `json:"resource_kind"`
	In    string `json:"resource_namespace"`
	About string `json:"resource_name"`
}

// gatekeeperExport is a message of the export.
type gatekeeperExport struct {
	At    string `json:"id"` // when the audit began
	Text  string `json:"message"`
	Kind  string `json:"kind"` // of the constraint
	Name  string `json:"name"`
	Does  string `json:"enforcementAction"`
	Of    string `json:"resourceKind"`
	In    string `json:"resourceNamespace"`
	About string `json:"resourceName"`
}

// constraint takes all that an audit found about one constraint. One that was not audited yet says nothing.
func (g *gatekeeperReader) constraint(v *gatekeeperConstraint) error {
	g.values++
	if v.Status.At == "" {
		return nil
	}
	r, err := g.report("status.auditTimestamp", v.Status.At, v.Kind, v.Metadata.Name)
	if err != nil {
		return err
	}
	for _, found := range v.Status.Violations {
		f := violation(found.Action, found.Kind, found.Namespace, found.Name, found.Message)
		if f.Subject == "" {
			return g.w.fail("status.violations: kind and name of a resource are needed")
		}
		f.ID = v.Kind + "/" + v.Metadata.Name
		r.Findings = append(r.Findings, f.cut())
	}
	if left := v.Status.Total - len(v.Status.Violations); left > 0 {
		r.Left += left
		r.Part = true // which of them are listed may be others at each audit: those that are not are not gone
	}
	return nil
}

// part takes one violation of an audit.
func (g *gatekeeperReader) part(at, kind, name string, f Finding) error {
	g.values++
	if at == "" || f.Subject == "" {
		return g.w.fail("a violation needs the time of its audit, and kind and name of the resource")
	}
	r, err := g.report("audit_id", at, kind, name)
	if err != nil {
		return err
	}
	r.Part = true
	f.ID = kind + "/" + name
	r.Findings = append(r.Findings, f.cut())
	if len(r.Findings) > maxFindings {
		r.finish(maxResources)
	}
	return nil
}

// report is the one about a constraint. Of two audits in one body only the later is taken.
func (g *gatekeeperReader) report(timeName, at, kind, name string) (*Report, error) {
	if kind == "" || name == "" {
		return nil, g.w.fail("kind and name of the constraint are needed")
	}
	when, err := timeOf(timeName, at, g.now)
	if err != nil {
		return nil, g.w.fail("%v", err)
	}
	unit := "constraint " + cut(kind, maxText) + "/" + cut(name, maxText)
	r := g.reports[unit]
	switch {
	case r == nil:
		r = &Report{Scanner: pipeline.Gatekeeper, Unit: unit, At: when}
		g.reports[unit] = r
		g.order = append(g.order, unit)
	case when.After(r.At):
		*r = Report{Scanner: pipeline.Gatekeeper, Unit: unit, At: when}
	case when.Before(r.At):
		return &Report{}, nil // what is added here is forgotten
	}
	return r, nil
}

// violation is a finding about a resource. Its severity is what the constraint does about it.
func violation(action, kind, namespace, name, message string) Finding {
	f := Finding{Class: "violation", Title: message, Severity: "unknown"}
	if kind != "" && name != "" {
		f.Subject = resource(kind, namespace, name)
	}
	switch action {
	case "deny":
		f.Severity = "high"
	case "warn":
		f.Severity = "medium"
	case "dryrun":
		f.Severity = "low"
	}
	return f
}

// resource is the subject that a resource of Kubernetes is: "resource KIND/NAMESPACE/NAME", without namespace
// where it has none.
func resource(kind, namespace, name string) string {
	if namespace == "" {
		return "resource " + cut(kind, 63) + "/" + cut(name, 253)
	}
	return "resource " + cut(kind, 63) + "/" + cut(namespace, 63) + "/" + cut(name, 253)
}
