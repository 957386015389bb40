package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Falcosidekick's Alertmanager output puts every field of Falco's event into the labels, its time too: each
// event is an alert of its own, which no silence, no grouping and no repeat ever finds again. Here such an alert
// becomes the event that it was, with the identity that Falco's own output would have given it.

// falcoNames are the fields whose labels lost their dots and that mean something here.
var falcoNames = func() map[string]string {
	byLabel := map[string]string{}
	for _, name := range []string{
		"container.id", "container.name", "container.image.repository", "container.image.tag", "container.image.digest", "container.image.id",
		"k8s.ns.name", "k8s.pod.name", "k8s.pod.uid", "k8s.deployment.name", "k8s.rs.name", "k8s.rc.name",
		"proc.name", "proc.exe", "proc.exepath", "proc.cmdline", "proc.cwd", "proc.pid", "proc.ppid", "proc.pname", "proc.pcmdline", "proc.tty",
		"user.name", "user.uid", "user.loginuid", "user.loginname", "group.name", "group.gid",
		"fd.name", "fd.rip", "fd.sip", "fd.rport", "fd.sport", "fd.cip", "fd.cport", "fd.lip", "fd.lport", "fd.l4proto", "fd.type", "fd.num",
		"fs.path.name", "fs.path.source", "fs.path.target",
		"evt.time", "evt.type", "evt.res", "evt.args", "evt.arg.name", "evt.arg.path", "evt.arg.flags",
	} {
		byLabel[pipeline.LabelName(name)] = name
	}
	return byLabel
}()

// falcoClasses are the first parts of Falco's fields, those of its common plugins too: a label that begins with
// one is a field, any other was added by people.
var falcoClasses = []string{"container", "ct", "evt", "fd", "fs", "group", "jevt", "k8s", "ka", "proc", "syslog", "thread", "user"}

// falcoStandard are the labels that every such alert has.
var falcoStandard = []string{"alertname", "rule", "source", "eventsource", "hostname", "tags", "priority", "severity"}

// eventFromFalcosidekick makes an event of an alert that Falcosidekick posted to Alertmanager's API. ok is false for
// one that is not of that kind, which its labels say.
func eventFromFalcosidekick(p postedAlert, now time.Time, hostname string) (a pipeline.Alert, ok bool, err error) {
	l := p.Labels
	priority, unknown := pipeline.ParsePriority(l["priority"])
	if l["source"] != "falco" || l["rule"] == "" || l["alertname"] != l["rule"] || unknown != nil {
		return pipeline.Alert{}, false, nil
	}
	if err := checkLabels(l); err != nil {
		return pipeline.Alert{}, true, err
	}
	a = pipeline.Alert{
		Time: falcoTime(p, now), Rule: l["rule"], Priority: priority,
		Source: orElse(l["eventsource"], "syscall"), Hostname: orElse(l["hostname"], hostname),
		Output: falcoMessage(orElse(p.Annotations["info"], outputOf(p.Annotations))),
		Tags:   []string{}, OutputFields: falcoFields(l),
	}
	if l["tags"] != "" {
		a.Tags = strings.Split(l["tags"], ",")
		slices.Sort(a.Tags)
	}
	describeFalco(&a)
	for name, value := range l {
		if isAdded(name, value) && a.Labels[name] == "" {
			a.SetLabel(name, value)
		}
	}
	if url := p.Annotations["runbook_url"]; url != "" {
		a.Annotations["runbook_url"] = url
	}
	a.ID, err = falcosidekickID(&a)
	return a, true, err
}

// falcoFields are the labels as fields, with the dots that are known. Numbers are numbers again.
func falcoFields(labels map[string]string) pipeline.Fields {
	fields := pipeline.Fields{}
	for label, value := range labels {
		if value == "" || slices.Contains(falcoStandard, label) {
			continue
		}
		if isNumber(value) {
			fields[orElse(falcoNames[label], label)] = json.Number(value)
		} else {
			fields[orElse(falcoNames[label], label)] = value
		}
	}
	return fields
}

// isAdded reports whether people added the label: it is none of an event's, and a name rather than a number.
func isAdded(label, value string) bool {
	const longest = 256
	class, _, _ := strings.Cut(label, "_")
	return !slices.Contains(falcoStandard, label) && !slices.Contains(falcoClasses, class) && len(value) <= longest && !isNumber(value)
}

// isNumber takes what JSON has as an integer.
func isNumber(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == s
}

// falcoTime is the event's own time, else when the alert starts, else now.
func falcoTime(p postedAlert, now time.Time) time.Time {
	if n, err := strconv.ParseInt(p.Labels["evt_time"], 10, 64); err == nil && n > 0 {
		return time.Unix(0, n).UTC()
	}
	if !p.StartsAt.IsZero() {
		return storable(p.StartsAt)
	}
	return now
}

// falcosidekickID follows from the event where that has a time: Falcosidekick posts it to every Alertmanager that
// it knows, and several of those may be one tocsin.
func falcosidekickID(a *pipeline.Alert) (string, error) {
	if a.OutputFields["evt.time"] != nil {
		return uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "falcosidekick %s %d %s", a.Fingerprint, a.Time.UnixNano(), a.Output)).String(), nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an alert id: %w", err)
	}
	return id.String(), nil
}
