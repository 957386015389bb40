package pipeline

import (
	"fmt"
	"strings"
)

// Priority is a rule's severity, most severe first, in syslog's order.
type Priority uint8

// Priorities. The zero value is the most severe one so that a forgotten priority is noticed, not lost.
const (
	Emergency Priority = iota
	AlertPriority
	Critical
	Error
	Warning
	Notice
	Informational
	Debug
)

var priorityNames = [...]string{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"}

// String is the name as alerts show it.
func (p Priority) String() string {
	if int(p) < len(priorityNames) {
		return priorityNames[p]
	}
	return "Unknown"
}

// ParsePriority reads a priority in any letter case; "info" is Informational.
func ParsePriority(s string) (Priority, error) {
	if strings.EqualFold(s, "info") {
		return Informational, nil
	}
	for i, n := range priorityNames {
		if strings.EqualFold(s, n) {
			return Priority(i), nil
		}
	}
	return Debug, fmt.Errorf("unknown priority %q: use one of %s", s, strings.ToLower(strings.Join(priorityNames[:], ", ")))
}

// Severity is the three-step scale chat and Alertmanager users know: critical, warning, info.
func (p Priority) Severity() string {
	switch {
	case p <= Critical:
		return "critical"
	case p <= Warning:
		return "warning"
	default:
		return "info"
	}
}

// MarshalText and UnmarshalText make a Priority readable in JSON and YAML.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePriority.
func (p *Priority) UnmarshalText(b []byte) error {
	v, err := ParsePriority(string(b))
	*p = v
	return err
}
