package configs

import (
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
	"github.com/tocsin-security/tocsin/rules"
)

// matcherKeys are the keys whose lists hold matchers, wherever they are in a configuration.
var matcherKeys = []string{"matchers", "source_matchers", "target_matchers"}

// olderKeys are the keys of their older spelling, a mapping of labels to values.
var olderKeys = []string{"match", "match_re", "source_match", "source_match_re", "target_match", "target_match_re"}

// checkValues reports labels without a value: it is more likely forgotten than meant for alerts without the label.
func (f *file) checkValues(node ast.Node) {
	for _, entry := range entries(node) {
		if _, isNull := entry.Value.(*ast.NullNode); isNull {
			f.problem(entry.Key, "the value of "+quote(entry.Key.GetToken().Value)+" is missing", `for alerts without this label write ""`)
		}
	}
}

// rewriteMatchers reads every matcher as matchers_mode says and writes it in the way that all modes read alike, so
// that nobody after it has to know of modes. It reports what is doubtful. What is no matcher is left as it is: who
// uses it says so, with its place, except for what only another mode would read.
func (f *file) rewriteMatchers(body ast.Node) {
	mode := matcher.Fallback
	for _, top := range entries(body) {
		if top.Key.GetToken().Value != "matchers_mode" {
			continue
		}
		if mode.UnmarshalText([]byte(top.Value.GetToken().Value)) != nil {
			return // reported with the keys
		}
	}
	ast.Walk(visitor(func(node ast.Node) {
		entry, ok := node.(*ast.MappingValueNode)
		if !ok {
			return
		}
		if slices.Contains(olderKeys, entry.Key.GetToken().Value) {
			f.checkValues(entry.Value)
		}
		if !slices.Contains(matcherKeys, entry.Key.GetToken().Value) {
			return
		}
		list, ok := unwrap(entry.Value).(*ast.SequenceNode)
		if !ok {
			return
		}
		for _, item := range list.Values {
			switch s := unwrap(item).(type) {
			case *ast.StringNode:
				f.rewriteMatcher(s, mode)
			case *ast.MappingNode, *ast.MappingValueNode:
				f.problem(item, "this is a mapping to YAML, since it has braces or a colon", "put quotes around all of the item")
			}
		}
	}), body)
}

func (f *file) rewriteMatcher(node *ast.StringNode, mode matcher.Mode) {
	ms, doubt, err := mode.Parse(node.Value)
	if err != nil {
		if _, otherwise := matcher.Parse(node.Value); otherwise == nil {
			f.problem(node, err.Error()+"; matchers_mode is "+mode.String(), "")
		}
		return
	}
	if doubt != "" {
		f.find(rules.Warning, node, doubt, "")
	}
	for _, m := range ms {
		if why := unlikely(m); why != "" {
			f.find(rules.Warning, node, why, "")
		}
	}
	if len(ms) > 0 {
		setString(node, matcher.Text(ms))
	}
}

// severities are the values of the label severity that are usual.
var severities = []string{"critical", "error", "warning", "info", "informational", "information", "notice", "debug", "none", "page", "high", "medium", "low"}

// unlikely says why a matcher of priority or severity holds for no usual value, although it was meant to hold for
// one; "" when nothing is the matter.
func unlikely(m *labels.Matcher) string {
	known := severities
	switch m.Name {
	case "severity":
	case "priority":
		known = nil
		for p := pipeline.Emergency; p <= pipeline.Debug; p++ {
			known = append(known, p.String())
		}
	default:
		return ""
	}
	isRegexp := m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp
	if m.Value == "" || m.Name == "severity" && !isRegexp {
		return "" // whoever writes out a severity has alerts with it
	}
	for _, part := range parts(m.Value, isRegexp) {
		exact, err1 := regexp.Compile("^(?:" + part + ")$")
		loose, err2 := regexp.Compile("(?i)" + part)
		if err1 != nil || err2 != nil || part == "" || slices.ContainsFunc(known, exact.MatchString) {
			continue
		}
		if near := slices.IndexFunc(known, loose.MatchString); near >= 0 {
			what := m.String()
			if part != m.Value && isRegexp {
				what = quote(part) + " in " + what
			}
			return what + " is no usual " + m.Name + " (" + strings.Join(known, ", ") +
				"): the whole value counts, in upper and lower case; did you mean " + known[near] + "?"
		}
	}
	return ""
}

// parts are the alternatives of a plain regular expression, a|b; what has groups is one, and a text is itself.
func parts(value string, isRegexp bool) []string {
	switch {
	case !isRegexp:
		return []string{"^" + regexp.QuoteMeta(value) + "$"}
	case strings.ContainsAny(value, `()[]\`):
		return []string{value}
	default:
		return strings.Split(value, "|")
	}
}
