package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/oncall"
	"github.com/tocsin-security/tocsin/stages/route"
)

// calling is an entry of a receiver that may call people on call.
type calling interface{ Calls() notifiers.Mention }

// validateOnCall checks the block, and that whom others name is in it. A group of an owner that is not is no mistake:
// it may be known elsewhere. But nobody will be called for it.
func (f *file) validateOnCall(body ast.Node, c *Config) {
	roster, err := oncall.New(c.OnCall)
	if err != nil {
		f.invalid(body, "on_call", err)
		return
	}
	f.validateEscalations(body, c)
	asked := false
	for i, r := range c.Receivers {
		for _, entry := range r.channels() {
			at := fmt.Sprintf("receivers[%d].%s.mention", i, entry.path)
			switch m := entry.calls; {
			case m.OnCall && len(c.OnCall.People) == 0:
				f.invalid(body, at, errors.New("mention: nobody is on call: there is no block on_call"))
			case m.Rotation != "" && !roster.Knows(m.Rotation):
				f.invalid(body, at, fmt.Errorf("mention: there is neither a rotation, nor a group, nor a person %q under on_call", m.Rotation))
			case m.OnCall:
				asked = true
			case m.Rotation != "":
				f.findUnreachable(body, at, entry.path, roster.Everybody(m.Rotation))
			}
		}
	}
	for i, o := range c.Enrich.Owners {
		if asked && o.OnCall != "" && !roster.Knows(o.OnCall) {
			f.find(rules.Warning, nodeAt(body, fmt.Sprintf("enrich.owners[%d].on_call", i)),
				fmt.Sprintf("nobody is called for these alerts: there is neither a rotation, nor a group, nor a person %q under on_call", o.OnCall), "")
		}
	}
}

// reaches says by which of a person's addresses a kind of channel calls.
var reaches = map[string]struct {
	keys string
	can  func(pipeline.Person) bool
}{
	"wecom_configs":    {"wecom or mobile", func(p pipeline.Person) bool { return p.WeCom+p.Mobile != "" }},
	"wechat_configs":   {"wecom", func(p pipeline.Person) bool { return p.WeCom != "" }},
	"dingtalk_configs": {"dingtalk or mobile", func(p pipeline.Person) bool { return p.DingTalk+p.Mobile != "" }},
	"feishu_configs":   {"feishu", func(p pipeline.Person) bool { return p.Feishu != "" }},
	"email_configs":    {"email", func(p pipeline.Person) bool { return p.Email != "" }},
}

// findUnreachable notes people whom a channel is to call, and cannot.
func (f *file) findUnreachable(body ast.Node, at, channel string, people []pipeline.Person) {
	kind, _, _ := strings.Cut(channel, "[")
	how, known := reaches[kind]
	var missing []string
	for _, p := range people {
		if known && !how.can(p) {
			missing = append(missing, p.Name)
		}
	}
	if len(missing) > 0 {
		f.find(rules.Warning, nodeAt(body, at), "this channel cannot call "+strings.Join(missing, ", ")+": they have no "+how.keys, "set it under on_call.people")
	}
}

// validateEscalations checks the names between routes, escalations and receivers.
func (f *file) validateEscalations(body ast.Node, c *Config) {
	var names []string
	for i, e := range c.OnCall.Escalations {
		names = append(names, e.Name)
		for j, step := range e.Steps {
			if step.Receiver != "" && !slices.ContainsFunc(c.Receivers, func(r Receiver) bool { return r.Name == step.Receiver }) {
				f.invalid(body, fmt.Sprintf("on_call.escalations[%d].steps[%d].receiver", i, j), fmt.Errorf("there is no receiver %q under receivers", step.Receiver))
			}
		}
	}
	f.invalidRoutes(body, route.ValidateEscalations(&c.Route, names))
}
