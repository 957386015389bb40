package silence

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// ruleLabels name what an alert is about.
var ruleLabels = []string{"alertname", "rule"}

// workloadLabels name where it happened, narrowly enough: our own labels, and those that Prometheus and Kubernetes
// put on alerts. Severity, priority, source, team and cluster are not among them: a silence by these alone hides
// what nobody has thought of.
var workloadLabels = []string{
	"k8s_ns_name", "k8s_pod_name", "container_name", "container_id", "container_image", "hostname",
	"service", "job", "instance", "namespace", "pod", "container", "deployment", "statefulset", "daemonset", "node", "app",
}

// leastPrefix is how much of a workload's name an expression has to begin with: "web-.*" names workloads, "w.*" does not.
const leastPrefix = 3

// scoped reports whether matchers name a rule or a workload.
func scoped(ms []pipeline.Matcher) bool {
	return slices.ContainsFunc(ms, func(m pipeline.Matcher) bool {
		rule, workload := slices.Contains(ruleLabels, m.Name), slices.Contains(workloadLabels, m.Name)
		if !m.IsEqual || !rule && !workload {
			return false
		}
		names := []string{m.Value}
		if m.IsRegex {
			if names = literals(m.Value); names == nil {
				return workload && len(literalPrefix(m.Value)) >= leastPrefix
			}
		}
		return !slices.ContainsFunc(names, func(name string) bool {
			return strings.TrimSpace(name) == "" || m.Name == "container_id" && name == "host" // that is every process outside of containers
		})
	})
}

func literalPrefix(expr string) string {
	re, err := regexp.Compile(expr)
	if err != nil {
		return ""
	}
	prefix, _ := re.LiteralPrefix()
	return prefix
}

// mostLiterals bounds literals.
const mostLiterals = 64

// literals lists the texts that an expression matches, where they are few; nil: it matches others as well.
func literals(expr string) []string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return textsOf(re.Simplify())
}

func textsOf(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpCharClass:
		return runesOf(re.Rune)
	case syntax.OpCapture:
		return textsOf(re.Sub[0])
	case syntax.OpQuest:
		return bounded(append([]string{""}, textsOf(re.Sub[0])...), textsOf(re.Sub[0]) != nil)
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			some := textsOf(sub)
			if all = bounded(append(all, some...), some != nil); all == nil {
				return nil
			}
		}
		return all
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			var longer []string
			ends := textsOf(sub)
			if len(all)*len(ends) > mostLiterals {
				return nil
			}
			for _, begin := range all {
				for _, end := range ends {
					longer = append(longer, begin+end)
				}
			}
			if all = longer; all == nil {
				return nil
			}
		}
		return all
	default:
		return nil
	}
}

func bounded(texts []string, known bool) []string {
	if !known || len(texts) > mostLiterals {
		return nil
	}
	return texts
}

// runesOf lists the runes of a character class, which come as pairs of first and last.
func runesOf(pairs []rune) (texts []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		for r := pairs[i]; r <= pairs[i+1]; r++ {
			if texts = append(texts, string(r)); len(texts) > mostLiterals {
				return nil
			}
		}
	}
	return texts
}
