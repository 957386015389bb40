package pipeline

import "time"

// Owner is whose an alert is.
type Owner struct {
	Team   string `json:"team,omitempty"`
	OnCall string `json:"on_call,omitempty"` // the group that is on call for it
	Person string `json:"person,omitempty"`  // who that is, by name, when a message is written; several with commas between
}

// Deployment is what CI said it rolled out.
type Deployment struct {
	Selector map[string]string `json:"selector"` // labels of the alerts that it is about: all have to be there
	Version  string            `json:"version"`
	Commit   string            `json:"commit,omitempty"`
	By       string            `json:"by,omitempty"`
	At       time.Time         `json:"at"`
	Link     string            `json:"link,omitempty"`
}

// Scanners of which reports are taken. Each is a source of structured events by this name, and the last part
// of the path that takes its reports.
const (
	Trivy      = "trivy"      // of images
	KubeBench  = "kube-bench" // of nodes
	Gatekeeper = "gatekeeper" // of resources in Kubernetes
)

// Scanners lists them.
func Scanners() []string { return []string{Trivy, KubeBench, Gatekeeper} }

// Findings is what a scanner reported about one subject.
type Findings struct {
	Scanner string         `json:"scanner"` // one of Scanners
	Subject string         `json:"subject"` // "image sha256:…", "node NAME", "resource Kind/namespace/name"
	At      time.Time      `json:"at"`      // of the report
	Counts  map[string]int `json:"counts"`  // by severity: critical, high, medium, low, unknown
	Worst   []string       `json:"worst"`   // ids of the gravest, at most 5: "CVE-2024-1234", "5.1.3"
}
