package main

import (
	"io"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
)

// draw draws the routing tree, with a mark at the routes that take an alert.
func (v *routes) draw(out io.Writer, taken []routeTaken) error {
	var b strings.Builder
	v.drawRoute(&b, v.Tree.Root, nil, "", "", taken)
	_, err := io.WriteString(out, b.String())
	return err
}

func (v *routes) drawRoute(b *strings.Builder, r, parent *route.Route, first, rest string, taken []routeTaken) {
	b.WriteString(first + routeText(r, parent))
	if slices.ContainsFunc(taken, func(t routeTaken) bool { return t.route == r }) {
		b.WriteString("  <- takes it")
	}
	b.WriteByte('\n')
	for i, child := range r.Routes {
		if i == len(r.Routes)-1 {
			v.drawRoute(b, child, r, rest+"└── ", rest+"    ", taken)
		} else {
			v.drawRoute(b, child, r, rest+"├── ", rest+"│   ", taken)
		}
	}
}

// routeText is a route on one line: what it asks for, and what it does not inherit.
func routeText(r, parent *route.Route) string {
	parts := []string{r.Path[len(r.Path)-1]}
	if name, named := strings.CutPrefix(r.ID, "="); named {
		parts = append(parts, "name "+name)
	}
	for _, inherited := range []func(*route.Route) string{
		func(r *route.Route) string { return "receiver " + r.Receiver },
		groupText,
		func(r *route.Route) string { return "wait " + pipeline.Duration(r.GroupWait).Short() },
		func(r *route.Route) string { return "interval " + pipeline.Duration(r.GroupInterval).Short() },
		func(r *route.Route) string { return "repeat " + pipeline.Duration(r.RepeatInterval).Short() },
		func(r *route.Route) string { return labelText(r.Labels) },
		func(r *route.Route) string { return escalateText(r.Escalate) },
	} {
		if text := inherited(r); text != "" && (parent == nil || text != inherited(parent)) {
			parts = append(parts, text)
		}
	}
	if len(r.MuteTimeIntervals) > 0 {
		parts = append(parts, "muted in "+strings.Join(r.MuteTimeIntervals, ", "))
	}
	if len(r.ActiveTimeIntervals) > 0 {
		parts = append(parts, "active in "+strings.Join(r.ActiveTimeIntervals, ", "))
	}
	if r.Continue {
		parts = append(parts, "continue")
	}
	return strings.TrimSpace(parts[0] + "  " + strings.Join(parts[1:], " · "))
}

func escalateText(escalation string) string {
	if escalation == "" {
		return ""
	}
	return "escalates by " + escalation
}

func groupText(r *route.Route) string {
	switch {
	case r.GroupByAll:
		return "by all labels"
	case len(r.GroupBy) == 0:
		return "one group"
	default:
		return "by " + strings.Join(r.GroupBy, ", ")
	}
}
