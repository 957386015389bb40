package finding

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// kube-bench's reports: `kube-bench run --json`. Newer ones are an object with Controls, older ones a list of
// what is in that, or several objects one after the other. They do not say which node they are about.

// kubeBenchReader reads what was found on one node.
type kubeBenchReader struct {
	w        *walker
	node     string // that the address names
	named    string // node_name in the report
	controls int
	rep      Report
}

// nodeName is what a node can be called: a DNS name.
var nodeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// ReadKubeBench reads a report about a node, whose name may also stand in the report as node_name.
func ReadKubeBench(r io.Reader, node string, now time.Time) ([]Report, error) {
	k := &kubeBenchReader{w: newWalker(r), node: node}
	if !k.w.more() {
		return nil, errors.New("the body is empty: post what kube-bench run --json prints")
	}
	for k.w.more() {
		if err := k.top(); err != nil {
			return nil, err
		}
	}
	if _, err := k.w.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, k.w.explain(err)
	}
	k.node = cmp.Or(k.node, k.named)
	switch {
	case k.controls == 0:
		return nil, errors.New("there are no Controls: this is no report of kube-bench's; make one with kube-bench run --json")
	case k.node == "":
		return nil, errors.New("the report does not say which node it is about: add ?node=NAME to the address")
	case !nodeName.MatchString(strings.ToLower(k.node)):
		return nil, fmt.Errorf("node: %.80q is no name of a node", k.node)
	}
	k.rep.Scanner, k.rep.At, k.rep.Hostname = pipeline.KubeBench, now.UTC().Truncate(time.Microsecond), k.node
	k.rep.Unit = "node " + strings.ToLower(k.node)
	k.rep.Subjects = []string{k.rep.Unit}
	k.rep.finish(maxFindings)
	return []Report{k.rep}, nil
}

// top reads one value at the top.
func (k *kubeBenchReader) top() error {
	t, err := k.w.token()
	switch {
	case err != nil:
		return err
	case t == json.Delim('['):
		return k.w.elements(k.control)
	case t == json.Delim('{'):
		return k.w.members(k.member(new(string)))
	default:
		return k.w.fail("here belongs an object, not %s", kind(t))
	}
}

// control is the checks of one role of a node.
func (k *kubeBenchReader) control() error { return k.w.object(k.member(new(string))) }

// member reads a member of the report or of one control: an older report is a control by itself.
func (k *kubeBenchReader) member(role *string) func(string) error {
	return func(name string) error {
		switch name {
		case "Controls":
			return k.w.array(func() error { return k.w.object(k.controlMember(new(string))) })
		case "node_name":
			var node string
			if err := k.w.decode(&node); err != nil {
				return err
			}
			if k.named != "" && k.named != node {
				return k.w.fail("the report is about %q and about %q: post one for each node", cut(k.named, maxText), cut(node, maxText))
			}
			k.named = node
			return nil
		default:
			return k.controlMember(role)(name)
		}
	}
}

func (k *kubeBenchReader) controlMember(role *string) func(string) error {
	return func(name string) error {
		switch name {
		case "node_type": // stands before the tests
			return k.w.decode(role)
		case "tests":
			k.controls++
			return k.w.array(func() error { return k.section(role) })
		default:
			return k.w.skip()
		}
	}
}

func (k *kubeBenchReader) section(role *string) error {
	return k.w.object(func(name string) error {
		if name != "results" {
			return k.w.skip()
		}
		return k.w.array(func() error { return k.check(role) })
	})
}

// check reads one result. kube-bench knows no severities: a check that failed is high, or medium where the
// benchmark does not count it; WARN, which asks a person to look, is low.
func (k *kubeBenchReader) check(role *string) error {
	var c struct {
		Number string `json:"test_number"`
		Desc   string `json:"test_desc"`
		Status string `json:"status"`
		Scored *bool  `json:"scored"`
	}
	if err := k.w.decode(&c); err != nil {
		return err
	}
	if c.Number == "" || c.Status == "" {
		return k.w.fail("test_number and status are needed")
	}
	f := Finding{ID: c.Number, Class: "check", Title: c.Desc, Target: *role}
	switch {
	case c.Status == "FAIL" && (c.Scored == nil || *c.Scored):
		f.Severity = "high"
	case c.Status == "FAIL":
		f.Severity = "medium"
	case c.Status == "WARN":
		f.Severity = "low"
	default: // PASS, INFO
		return nil
	}
	if len(k.rep.Findings) >= maxFindings {
		return k.w.fail("more than %d findings: no report of one node has so many", maxFindings)
	}
	k.rep.Findings = append(k.rep.Findings, f.cut())
	return nil
}
