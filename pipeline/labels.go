package pipeline

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// SetIdentity gives the alert its standard labels and its fingerprint. identity holds, by label name,
// the fields that tell one occurrence from another; empty values are left out of the labels but count
// in the fingerprint. The rule and the host always belong to the identity: two nodes that see the same
// are two things to look at. Only what the store's window counts is one thing for the whole fleet,
// whichever node had the last of it.
func (a *Alert) SetIdentity(identity map[string]string) {
	if a.Labels == nil {
		a.Labels = make(map[string]string, 14) // one more would double it
	}
	host := a.Hostname
	if a.Unjudged != nil {
		host = ""
	}
	hashed := append(make([]labelPair, 0, 16), labelPair{"alertname", a.Rule}, labelPair{"hostname", host})
	for name, value := range identity {
		a.SetLabel(name, value)
		if name == "alertname" || name == "hostname" { // it takes the place of the standard one
			hashed = slices.DeleteFunc(hashed, func(p labelPair) bool { return p.name == name })
		}
		hashed = append(hashed, labelPair{name, value})
	}
	a.SetLabel("alertname", a.Rule)
	a.SetLabel("rule", a.Rule)
	a.SetLabel("priority", a.Priority.String())
	a.SetLabel("severity", a.Priority.Severity())
	a.SetLabel("source", a.Source)
	a.SetLabel("hostname", a.Hostname)
	a.Fingerprint = fingerprintOf(hashed)
}

// SetLabel sets a label unless the value is empty: a missing label and an empty one are the same to
// matchers.
func (a *Alert) SetLabel(name, value string) {
	if value != "" {
		a.Labels[name] = value
	}
}

// LabelName turns a field's name into one that templates and matchers can use without quoting:
// proc.aname[2] becomes proc_aname_2.
func LabelName(field string) string {
	if name, known := labelNames.Load(field); known {
		return name.(string)
	}
	name := labelName(field)
	if knownLabelNames.Add(1) <= maxLabelNames {
		labelNames.Store(strings.Clone(field), name) // the field may be part of a long text
	}
	return name
}

// labelNames are those of fields that came: the same few for each alert, unless somebody makes them up.
var (
	labelNames      sync.Map
	knownLabelNames atomic.Int64
)

const maxLabelNames = 1024

func labelName(field string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		case r == ']':
			return -1
		default:
			return '_'
		}
	}, field)
}
