package silence

import (
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
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
			if names = matcher.Values(m.Value); names == nil {
				return workload && len(matcher.Beginning(m.Value)) >= leastPrefix
			}
		}
		return !slices.ContainsFunc(names, func(name string) bool {
			return strings.TrimSpace(name) == "" || m.Name == "container_id" && name == "host" // that is every process outside of containers
		})
	})
}
