package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/owner"
	"github.com/tocsin-security/tocsin/stages/route"
)

// routes is what a configuration says of where alerts go. Receivers' channels are not opened, so that secrets need
// not be there.
type routes struct {
	route.Setup
	owners *owner.Owners
}

func loadRoutes(config string) (*routes, error) {
	cfg, err := configs.Load(config)
	if err != nil {
		return nil, err
	}
	p := &plan{cfg: cfg}
	var receivers []route.Receiver
	for _, r := range cfg.Receivers {
		receivers = append(receivers, route.Receiver{Name: r.Name})
	}
	if err := p.buildRouting(receivers, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	owners, err := owner.New(cfg.Enrich.OwnersMatching, cfg.Enrich.Owners)
	return &routes{Setup: p.routing, owners: owners}, err
}

// routeAnswer is what tocsin route test says of one set of labels; as JSON, what --json prints.
type routeAnswer struct {
	Labels    map[string]string `json:"labels"`            // as they were given
	Owner     map[string]string `json:"owner,omitempty"`   // what owners of the configuration add
	Receivers []string          `json:"receivers"`         // in the order of the routes
	Routes    []routeTaken      `json:"routes"`            // that take the alert
	TargetOf  []string          `json:"target_of"`         // inhibition rules that may keep it quiet
	Verified  *bool             `json:"verified,omitzero"` // of --verify.receivers
}

// routeTaken is a route that takes an alert.
type routeTaken struct {
	pipeline.InGroup
	ID        string          `json:"id"` // stands for the route in group keys
	Continue  bool            `json:"continue"`
	Intervals []intervalState `json:"intervals,omitempty"`
	IsMuted   bool            `json:"is_muted"`

	route *route.Route
}

// intervalState is how an interval of a route stands.
type intervalState struct {
	Name  string    `json:"name"`
	Kind  string    `json:"kind"` // mute or active
	In    bool      `json:"in"`
	Until time.Time `json:"until,omitzero"`
}

// ask says where an alert with these labels goes at a time.
func (v *routes) ask(labels map[string]string, at time.Time) routeAnswer {
	a := pipeline.Alert{Labels: labels}
	v.owners.Apply(&a)
	answer := routeAnswer{Labels: labels, Owner: map[string]string{}, Receivers: []string{}, Routes: []routeTaken{},
		TargetOf: append([]string{}, v.Inhibit.TargetOf(a.Labels)...)}
	for name, value := range a.Labels {
		if labels[name] != value {
			answer.Owner[name] = value
		}
	}
	places := v.Where(a.Labels, at)
	for i, r := range v.Tree.Match(a.Labels) {
		taken := routeTaken{InGroup: places[i], ID: r.ID, Continue: r.Continue, IsMuted: len(places[i].Muted) > 0, route: r}
		for _, list := range []struct {
			kind  string
			names []string
		}{{"mute", r.MuteTimeIntervals}, {"active", r.ActiveTimeIntervals}} {
			for _, name := range list.names {
				in, until := v.Intervals.In(name, at)
				taken.Intervals = append(taken.Intervals, intervalState{name, list.kind, in, until})
			}
		}
		answer.Routes = append(answer.Routes, taken)
		answer.Receivers = append(answer.Receivers, r.Receiver)
	}
	return answer
}

// testRoute answers for one set of labels.
func testRoute(out io.Writer, v *routes, labels map[string]string, flags routeFlags) error {
	at, err := flags.moment()
	if err != nil {
		return err
	}
	answer := v.ask(labels, at)
	var mismatch error
	if flags.verify != "" {
		want := strings.Split(strings.ReplaceAll(flags.verify, " ", ""), ",")
		same := sameNames(want, answer.Receivers)
		answer.Verified = &same
		if !same {
			mismatch = exitError{1, fmt.Errorf("--verify.receivers: expected %s, and it goes to %s", strings.Join(want, ", "), strings.Join(answer.Receivers, ", "))}
		}
	}
	if flags.json {
		if err := printJSON(out, answer); err != nil {
			return err
		}
		return mismatch
	}
	if flags.tree {
		if err := v.draw(out, answer.Routes); err != nil {
			return err
		}
	}
	if err := answer.print(out, at); err != nil {
		return err
	}
	return mismatch
}

// sameNames compares names in whatever order, each once.
func sameNames(a, b []string) bool {
	sorted := func(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
	return slices.Equal(sorted(a), sorted(b))
}

func (a routeAnswer) print(out io.Writer, at time.Time) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "receivers: %s\n", strings.Join(a.Receivers, ", "))
	if len(a.Owner) > 0 {
		fmt.Fprintf(&b, "owners add: %s\n", labelText(a.Owner))
	}
	for _, r := range a.Routes {
		fmt.Fprintf(&b, "%s\n", r.Receiver)
		line("path", "%s", strings.Join(r.Path, " / "))
		line("group", "%s", cmp.Or(labelText(r.InGroup.Labels), "one for all"))
		line("key", "%s", r.Key)
		line("times", "wait %s, interval %s, repeat %s", r.Wait.Short(), r.Interval.Short(), r.Repeat.Short())
		if len(r.RouteLabels) > 0 {
			line("labels", "%s", labelText(r.RouteLabels))
		}
		if e := r.route.Escalate; e != "" {
			line("escalates", "by %s, unless somebody acknowledges it", e)
		}
		for _, i := range r.Intervals {
			line(i.Kind, "%s", i.text(at))
		}
		if r.IsMuted {
			line("muted", "yes: nothing is told until it is over")
		}
	}
	fmt.Fprintf(&b, "may be inhibited by rules: %s\n", cmp.Or(strings.Join(a.TargetOf, ", "), "none"))
	_, err := io.WriteString(out, b.String())
	return err
}

func (i intervalState) text(at time.Time) string {
	state := "off"
	if i.In {
		state = "on"
	}
	if i.Until.IsZero() {
		return i.Name + " is " + state + ", without an end in sight"
	}
	return i.Name + " is " + state + " until " + i.Until.In(at.Location()).Format("2006-01-02 15:04 -07:00")
}

// labelText writes labels in order.
func labelText(labels map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, name+"="+strconv.Quote(labels[name]))
	}
	return strings.Join(all, " ")
}
