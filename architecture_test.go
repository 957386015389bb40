// Package tocsin_test holds the rules that are about the whole tree: who may import whom.
package tocsin_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/tocsin-security/tocsin/"

// mayImport is the import table: for each of our packages (a trailing /... covers what is below it),
// the packages of ours it may import. Anything not named is refused, so that a new edge is a decision.
// The reasons are in docs/architecture.md.
var mayImport = map[string][]string{
	"pipeline":                 {},
	"pipeline/bus/...":         {"pipeline", "pipeline/bus/...", "store/journal"},
	"pipeline/alertjson":       {"pipeline"},
	"pipeline/router":          {"pipeline", "pipeline/alertjson", "pipeline/bus", "pipeline/usage"},
	"pipeline/usage":           {},
	"pipeline/matcher":         {"pipeline"},
	"bpf":                      {},
	"sensor":                   {"bpf", "pipeline"},
	"sensor/capture":           {"pipeline"},
	"filter/syntax":            {},
	"filter/field":             {"pipeline", "filter/syntax"},
	"filter/payload":           {"filter/syntax"},
	"filter":                   {"pipeline", "filter/..."},
	"rules":                    {"pipeline", "filter/..."},
	"rules/explain":            {"pipeline", "filter/...", "rules"},
	"rules/ruletest":           {"pipeline", "filter/...", "rules", "stages/match", "stages/whitelist", "stages/window"},
	"store":                    {"pipeline", "store/sqlite"},
	"store/sqlite":             {},
	"store/journal":            {},
	"store/shared/...":         {},
	"store/documents":          {"pipeline", "store/shared"},
	"store/groups":             {"pipeline", "pipeline/alertjson", "store/journal", "store/shared"},
	"store/groupstest":         {"pipeline"},
	"store/quota":              {"pipeline", "store/shared"},
	"store/history":            {"pipeline", "pipeline/alertjson", "pipeline/matcher", "pipeline/usage", "store/journal", "store/shared", "store/sqlite"},
	"store/documentstest":      {"pipeline"},
	"templates":                {"pipeline", "templates/fast"},
	"templates/fast":           {},
	"stages/decode":            {"pipeline", "bpf"},
	"stages/enrich":            {"pipeline", "stages/enrich/container", "stages/enrich/containerd", "stages/enrich/cri", "stages/enrich/docker"},
	"stages/enrich/geoip":      {"pipeline"},
	"stages/owner":             {"pipeline", "pipeline/matcher"},
	"stages/match":             {"pipeline", "filter/...", "rules"},
	"stages/whitelist":         {"pipeline", "filter/...", "rules"},
	"stages/whitelist/account": {"pipeline"},
	"stages/whitelist/review":  {"pipeline", "filter/...", "rules", "stages/whitelist", "templates"},
	"stages/whitelist/suggest": {"pipeline", "filter/...", "rules", "stages/whitelist"},
	"stages/window/...":        {"pipeline", "stages/window/...", "store/shared"},
	"stages/dedupe/...":        {"pipeline", "pipeline/alertjson", "stages/dedupe/...", "store/shared"},
	"stages/connstat":          {"pipeline"},
	"stages/deployment":        {"pipeline"},
	"stages/finding":           {"pipeline"},
	"stages/late":              {"pipeline"},
	"stages/oncall":            {"pipeline"},
	"stages/route":             {"pipeline", "pipeline/alertjson", "pipeline/matcher", "stages/route/..."},
	"stages/route/interval":    {"pipeline"},
	"stages/route/inhibit":     {"pipeline", "pipeline/matcher"},
	"stages/silence":           {"pipeline", "pipeline/matcher"},
	"stages/silence/link":      {"pipeline"},
	"stages/deliver":           {"pipeline"},
	"stages/render":            {"pipeline", "pipeline/alertjson", "templates"},
	"notifiers":                {"pipeline", "templates"},
	"notifiers/robottest":      {},
	"notifiers/notifiertest":   {"pipeline"},
	"notifiers/wecom":          {"pipeline", "notifiers", "templates"},
	"notifiers/dingtalk":       {"pipeline", "notifiers", "templates"},
	"notifiers/wechat":         {"pipeline", "notifiers", "templates"},
	"notifiers/slack":          {"pipeline", "notifiers", "templates"},
	"notifiers/feishu":         {"pipeline", "notifiers", "templates"},
	"notifiers/email":          {"pipeline", "pipeline/alertjson", "notifiers"},
	"notifiers/webhook":        {"pipeline", "notifiers"},
	"notifiers/file":           {"pipeline", "pipeline/alertjson", "notifiers"},
	"notifiers/stdout":         {"pipeline", "pipeline/alertjson", "notifiers"},
	"api":                      {"pipeline", "pipeline/alertjson", "pipeline/matcher", "api/..."},
	"api/access":               {},
	"api/tetragon":             {},
	"api/cloudevents":          {},
	"configs":                  {"pipeline", "pipeline/matcher", "pipeline/bus", "pipeline/router", "api", "sensor", "rules", "filter/...", "stages/...", "store/history", "store/shared", "notifiers/..."},
	"configs/falcosidekick":    {"pipeline"},
	"cmd/tocsin":               {"..."},

	// The engines of container runtimes know what they have in common, and nothing of each other.
	"stages/enrich/container":   {"pipeline"},
	"stages/enrich/containerd":  {"pipeline", "stages/enrich/container"},
	"stages/enrich/cri":         {"pipeline", "stages/enrich/container"},
	"stages/enrich/docker":      {"pipeline", "stages/enrich/container"},
	"stages/enrich/runtimetest": {},
}

// foreignEdges says which packages alone may import a foreign module, outside tests.
var foreignEdges = map[string][]string{
	"github.com/cilium/ebpf":                          {"bpf", "sensor"},
	"github.com/ThreeDotsLabs/":                       {"pipeline/bus/...", "pipeline/router"},
	"github.com/nats-io/":                             {"pipeline/bus"},
	"github.com/redis/go-redis":                       {"store/shared/...", "pipeline/bus"},
	"modernc.org/sqlite":                              {"store", "store/history", "store/sqlite"},
	"github.com/prometheus/alertmanager/template":     {"templates/...", "stages/render"},
	"github.com/prometheus/alertmanager/pkg/labels":   {"configs", "pipeline/matcher", "stages/route/...", "stages/owner", "stages/silence", "api"},
	"github.com/prometheus/alertmanager/matcher":      {"pipeline/matcher"},
	"github.com/prometheus/alertmanager/timeinterval": {"stages/whitelist", "stages/route/interval"},
	"github.com/prometheus/alertmanager/api":          {}, // 23 modules for a few structs; e2e/testdata/alertmanager checks ours
	"github.com/prometheus/alertmanager/notify":       {},
	"github.com/prometheus/alertmanager/config":       {},
	"golang.org/x/net/http/httpproxy":                 {"notifiers"},
	"github.com/wneessen/go-mail":                     {"notifiers/email"},
	"github.com/containerd/":                          {"stages/enrich/containerd"},
	"k8s.io/cri-api":                                  {"stages/enrich/cri", "stages/enrich/containerd", "stages/enrich/runtimetest"},
	"github.com/distribution/reference":               {"stages/finding"},
	"github.com/oschwald/maxminddb-golang":            {"stages/enrich/geoip"},
	"github.com/go-chi/chi":                           {"api"},
	"golang.org/x/crypto":                             {"api/access"},
	"github.com/expr-lang/expr":                       {"filter/payload"},
	"github.com/axiomhq/hyperloglog":                  {"stages/window"},
	"github.com/spf13/cobra":                          {"cmd/tocsin"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		name, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours || name == "e2e" {
			continue
		}
		allowed, known := rowOf(name)
		if !known {
			t.Errorf("package %s has no row in mayImport: add one, with the reason in docs/architecture.md", name)
			continue
		}
		for _, imp := range p.Imports {
			if dep, ok := strings.CutPrefix(imp, module); ok && !matches(allowed, dep) {
				t.Errorf("%s imports %s: not in its row %v", name, dep, allowed)
			}
			for edge, owners := range foreignEdges {
				if strings.HasPrefix(imp, edge) && !matches(owners, name) {
					t.Errorf("%s imports %s: that edge belongs to %v", name, imp, owners)
				}
			}
		}
	}
}

func rowOf(name string) ([]string, bool) {
	for pattern, allowed := range mayImport {
		if matches([]string{pattern}, name) {
			return allowed, true
		}
	}
	return nil, false
}

// matches reports whether name is one of patterns; a pattern ending in "..." is a prefix.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		prefix, wild := strings.CutSuffix(p, "...")
		if p == name || wild && (strings.HasPrefix(name+"/", prefix)) {
			return true
		}
	}
	return false
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list printed something that is not JSON: %v", err)
		}
		all = append(all, p)
	}
}
