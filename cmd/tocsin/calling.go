package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/oncall"
	"github.com/tocsin-security/tocsin/stages/render"
)

// caller names the people on call in messages, and has them called.
type caller struct {
	roster *oncall.Roster
	calls  notifiers.Mention // whom an integration wants to be called
	render func(pipeline.Notification) (pipeline.Message, error)
	now    func() time.Time
}

// calling is how notifications become messages of an integration.
func (p *plan) calling(renderer *render.Renderer, i integration) func(pipeline.Notification) (pipeline.Message, error) {
	c := caller{
		roster: p.onCall,
		render: func(n pipeline.Notification) (pipeline.Message, error) { return renderer.Render(n, i.spec) },
		now:    time.Now,
	}
	if who, ok := i.notifier.(interface{ Calls() notifiers.Mention }); ok {
		c.calls = who.Calls()
	}
	return c.message
}

// message renders a notification when it is about to be sent: who is on call then is called, not who was.
func (c caller) message(n pipeline.Notification) (pipeline.Message, error) {
	now := c.now()
	n.Alerts = c.named(n.Alerts, now)
	step := c.roster.Who(n.RouteLabels[pipeline.EscalationNotify], now)
	if len(step) > 0 {
		n.RouteLabels = maps.Clone(n.RouteLabels)
		n.RouteLabels[pipeline.EscalationPeople] = names(step)
	}
	m, err := c.render(n)
	if err != nil {
		return m, err
	}
	whose, fires := c.whose(n, m.Alerts)
	switch {
	case fires && len(step) > 0:
		m.Mentions = step
	case whose != "":
		m.Mentions = c.roster.Who(whose, now)
	}
	return m, nil
}

func names(people []pipeline.Person) string {
	var all []string
	for _, p := range people {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

// named are the alerts with the names of who is on call for them. Those that are given are not changed.
func (c caller) named(alerts []pipeline.Alert, now time.Time) []pipeline.Alert {
	copied := false
	for i := range alerts {
		o := alerts[i].Owner
		if o == nil || o.OnCall == "" {
			continue
		}
		people := c.roster.Who(o.OnCall, now)
		if len(people) == 0 {
			continue
		}
		if !copied {
			alerts, copied = slices.Clone(alerts), true
		}
		named := *o
		named.Person = names(people)
		alerts[i].Owner = &named
	}
	return alerts
}

// whose is the rotation, group or person to call for a message, and whether there is something to call for: what is over,
// and what was only kept back, wakes nobody. A digest, for want of quota, is of alerts that nobody was told of.
func (c caller) whose(n pipeline.Notification, worstFirst []pipeline.Alert) (whose string, fires bool) {
	fires = slices.ContainsFunc(n.Held, func(h pipeline.Held) bool { return h.Why == pipeline.ByQuota })
	for i := range worstFirst {
		a := &worstFirst[i]
		if a.Closing || a.Annotations["held"] != "" || a.Stateful != nil && a.Stateful.Resolved(n.CreatedAt) {
			continue
		}
		fires = true
		if c.calls.OnCall && a.Owner != nil && a.Owner.OnCall != "" {
			return a.Owner.OnCall, true
		}
	}
	if fires {
		return c.calls.Rotation, true
	}
	return "", false
}
