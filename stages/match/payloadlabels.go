package match

import (
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
)

// ownLabels are labels that alerts on events of a source have because its events say where they happened: the
// same ones as alerts on the kernel's events, so that owners, findings and routes find both.
var ownLabels = map[string][]struct {
	label string
	keys  [2]string // member of the event, and member of that
}{
	pipeline.Tetragon: {
		{"container_id", [2]string{"container", "id"}},
		{"container_name", [2]string{"container", "name"}},
		{"container_image", [2]string{"container", "image"}},
		{"k8s_ns_name", [2]string{"pod", "namespace"}},
		{"k8s_pod_name", [2]string{"pod", "name"}},
		{"proc_exepath", [2]string{"process", "binary"}},
	},
}

// setOwnLabels adds them. They are no part of the identity: the rule says what is.
func setOwnLabels(a *pipeline.Alert, e payload.Event) {
	const longest = 4096 // bytes, of a path
	for _, l := range ownLabels[a.Source] {
		members, _ := e.Members()[l.keys[0]].(map[string]any)
		if value, _ := members[l.keys[1]].(string); value != "" && a.Labels[l.label] == "" {
			a.SetLabel(l.label, payload.Cut(value, longest))
		}
	}
}
