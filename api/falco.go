package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// falcoEvent is Falco's JSON output; Falcosidekick adds uuid.
type falcoEvent struct {
	UUID         string          `json:"uuid"`
	Time         time.Time       `json:"time"`
	Rule         string          `json:"rule"`
	Priority     string          `json:"priority"`
	Source       string          `json:"source"`
	Hostname     string          `json:"hostname"`
	Output       string          `json:"output"`
	Message      string          `json:"message"`
	Tags         []string        `json:"tags"`
	OutputFields pipeline.Fields `json:"output_fields"`
}

// falcoAlert turns one posted alert into ours; it has no ID where Falco itself posts. Unlike Falcosidekick it takes alerts without
// output_fields, which Falco sends for its own messages.
func falcoAlert(body []byte, hostname string) (pipeline.Alert, error) {
	var e falcoEvent
	if err := e.read(body); err != nil {
		return pipeline.Alert{}, err
	}
	if e.Rule == "" || e.Priority == "" || e.Time.IsZero() {
		return pipeline.Alert{}, errors.New("rule, priority and time are required")
	}
	priority, err := pipeline.ParsePriority(e.Priority)
	if err != nil {
		return pipeline.Alert{}, err
	}
	a := pipeline.Alert{
		ID: e.UUID, Time: storable(e.Time), Rule: e.Rule, Priority: priority,
		Source: orElse(e.Source, "syscall"), Hostname: orElse(e.Hostname, hostname),
		Output: orElse(e.Message, falcoMessage(e.Output)), Tags: append([]string{}, e.Tags...),
		OutputFields: e.OutputFields,
	}
	slices.Sort(a.Tags)
	describeFalco(&a)
	return a, nil
}

// falcoMessage cuts the "15:04:05.000000000: Warning " in front of Falco's output text.
func falcoMessage(output string) string {
	stamp, rest, ok := strings.Cut(output, ": ")
	if !ok || !strings.Contains(stamp, ":") {
		return output
	}
	word, message, ok := strings.Cut(rest, " ")
	if _, err := pipeline.ParsePriority(word); !ok || err != nil {
		return output
	}
	return message
}

// describeFalco derives labels, annotations and identity from the output fields, with the names and
// meaning that alerts of our own sensor have.
func describeFalco(a *pipeline.Alert) {
	field := func(names ...string) string {
		for _, name := range names {
			if text := falcoText(a.OutputFields[name]); text != "" {
				return text
			}
		}
		return ""
	}
	object := field("fd.name", "fs.path.name", "evt.arg.name", "evt.arg.path")
	if _, server, ok := strings.Cut(object, "->"); ok {
		object = server // a connection by its far end: the near port is a new one each time
	}
	if ip := field("fd.rip", "fd.sip"); ip != "" {
		object = strings.TrimSuffix(ip+":"+field("fd.rport", "fd.sport"), ":")
	}
	image := field("container.image.repository")
	if tag := field("container.image.tag"); image != "" && tag != "" {
		image += ":" + tag
	}
	a.SetIdentity(map[string]string{
		"container_id": field("container.id"),
		"proc_exepath": field("proc.exepath", "proc.exe", "proc.name"),
		"object":       object,
	})
	a.SetLabel("container_name", field("container.name"))
	a.SetLabel("container_image", image)
	a.SetLabel("k8s_ns_name", field("k8s.ns.name"))
	a.SetLabel("k8s_pod_name", field("k8s.pod.name"))

	annotateFalco(a)
}

// annotateFalco makes annotations of the output fields. Of two that become one it is always the same one, the last by name.
func annotateFalco(a *pipeline.Alert) {
	a.Annotations = make(map[string]string, len(a.OutputFields)+2)
	a.Annotations["summary"], a.Annotations["output"] = a.Rule, a.Output
	for name, v := range a.OutputFields {
		if was := len(a.Annotations); annotate(a, name, v) && len(a.Annotations) == was {
			for _, name := range slices.Sorted(maps.Keys(a.OutputFields)) { // two are one: again, in order
				annotate(a, name, a.OutputFields[name])
			}
			return
		}
	}
}

// annotate makes an annotation of a field that has a value.
func annotate(a *pipeline.Alert, field string, v any) bool {
	value := falcoText(v)
	if value != "" {
		a.Annotations[pipeline.LabelName(field)] = value
	}
	return value != ""
}

// falcoText is a field's value; "" where Falco has none.
func falcoText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "<NA>" {
			return ""
		}
		return v
	case json.Number:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
