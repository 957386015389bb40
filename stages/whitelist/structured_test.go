package whitelist

import (
	"errors"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// A structured event has a source and a host; what it does not have never makes an entry apply, not even
// where a kernel event's empty field means something: no container is the host, user 0 is root.
func TestStructuredEventsHaveOnlySourceAndHost(t *testing.T) {
	for sentence, c := range map[string]struct {
		match string
		want  bool
	}{
		"its source":                 {"{evt.source: [login]}", true},
		"another source":             {"{evt.source: [json]}", false},
		"its host":                   {"evt.source = login and evt.hostname startswith web", true},
		"not another host":           {"not evt.hostname = db", true},
		"no container":               {"{container.id: [host]}", false},
		"user 0":                     {"{user.uid: [0]}", false},
		"no process that is known":   {"not proc.name = cat", false},
		"its source or user 0":       {"evt.source = login or user.uid = 0", false},
		"what holds for every event": {"{evt.dir: [<]}", false},
	} {
		list, problems := parse(entry(c.match))
		if len(problems) != 0 || len(list.entries) != 1 {
			t.Fatalf("%s: %v", sentence, problems)
		}
		ev := &pipeline.Event{Type: pipeline.EventJSON, Time: now.UnixNano(), Source: "login", Host: "web-1", Proc: &pipeline.Process{}}
		if _, got := list.Bypass("R", ev); got != c.want {
			t.Errorf("%s: %s applies: %v, want %v", sentence, c.match, got, c.want)
		}
	}
}

// structured is a posted event with a payload.
func structured(members map[string]any) *pipeline.Event {
	return &pipeline.Event{Type: pipeline.EventJSON, Time: now.UnixNano(), Source: "login", Host: "web-1", Proc: &pipeline.Process{},
		Extra: payload.FromMap(members).Members()}
}

func TestMembersOfStructuredEvents(t *testing.T) {
	ev := structured(map[string]any{"user": map[string]any{"name": "backup", "id": 1000, "admin": false}, "ip": "10.1.2.3", "tags": []any{"night", "cron"},
		"a.b": "x", "none": nil, "load": 0.5})
	for match, want := range map[string]bool{
		"{event.user.name: [backup]}":                              true,
		"{event.user.name: backup, event.ip: [10.0.0.0/8]}":        true,
		"{event.user.name: backup, event.ip: [192.168.0.0/16]}":    false,
		"{event.user.name: [restore, \"back*\"]}":                  true,
		"{event.user.name: [\"x*\"]}":                              false,
		"{event.user.id: [1000]}":                                  true,
		"{event.user.id: [\"1000\"]}":                              true,
		"{event.user.id: [100]}":                                   false,
		"{event.user.admin: [false]}":                              true,
		"{event.load: [0.5]}":                                      true,
		"{event.tags: [cron]}":                                     true,
		"{'event.tags[0]': [cron]}":                                false,
		"{event.tags: [day]}":                                      false,
		"{'event[\"a.b\"]': [x]}":                                  true,
		"{event.none: [\"<NA>\", \"\", \"null\", \"*\"]}":          false,
		"{event.missing: [\"*\"]}":                                 false,
		"{event.user: [\"*\"]}":                                    false,
		"{event.ip: [backup], evt.source: [login]}":                false,
		"{event.user.name: [backup], evt.source: [login]}":         true,
		"{event.user.name: [backup], evt.source: [json]}":          false,
		"{event.user.name: [backup], evt.hostname: [web-1, db-1]}": true,
	} {
		l, problems := parse(entry(match))
		if err := rules.Err(problems); err != nil {
			t.Errorf("%s: %v", match, err)
		}
		if _, got := l.Bypass("R", ev); got != want {
			t.Errorf("%s applies: %v, want %v", match, got, want)
		}
		if _, got := l.Bypass("R", backup()); got {
			t.Errorf("%s applies to an event of the kernel", match)
		}
	}
	for text, want := range map[string]string{
		entry("{event.user.name: []}"):             "event.user.name has no values: the entry would never apply",
		entry("{event.user.: [a]}"):                "does not belong to the path",
		entry("{event.user: [a], proc.name: [b]}"): "no event has both (beside event.… only evt.source and evt.hostname can stand)",
		entry(`event.user.name = "backup"`):        "(members of structured events are written as a mapping: match: {event.user.name: [backup]})",
		entry("{evnt.user.name: [a]}"):             `nonexistent field "evnt.user.name"`,
	} {
		_, problems := parse(text)
		if len(problems) != 1 || !strings.Contains(problems[0].String(), want) {
			t.Errorf("problems = %v, want %s for\n%s", problems, want, text)
		}
	}
}

// The first entry in the file counts the hit, under whichever member it is found.
func TestTheFirstOfTheFileCoversAStructuredEvent(t *testing.T) {
	l, _ := parse(`
- {id: globs, reason: r, rules: [R], match: {event.user: ["x*"]}}
- {id: none, reason: r, rules: [R], match: {event.user: [nobody]}}
- {id: first, reason: r, rules: [R], match: {event.path: [/a]}}
- {id: second, reason: r, rules: [R], match: {event.user: [li]}}
- {id: third, reason: r, rules: [R], match: {event.user: ["l*"]}}
`)
	for want, members := range map[string]map[string]any{
		"first": {"user": "li", "path": "/a"}, "second": {"user": []any{"li", "li"}}, "third": {"user": "lo"}, "globs": {"user": []any{"li", "xu"}},
	} {
		if got, _ := l.Bypass("R", structured(members)); got != want {
			t.Errorf("%v is covered by %q, want %s", members, got, want)
		}
	}
	mapped, _ := parse(entry("{event.ip: [10.0.0.0/8]}"))
	if _, ok := mapped.Bypass("R", structured(map[string]any{"ip": "::ffff:10.1.2.3"})); !ok {
		t.Error("an IPv4 address written as IPv6 is not in its network")
	}
}

// With a schema, a path that no event can have is a mistake; and so is an entry for rules of other events.
func TestEntriesAreComparedWithTheirRules(t *testing.T) {
	schema, err := payload.NewSchema(map[string]any{"user": "string"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := rules.DefaultConfig()
	cfg.Sources = map[string]*payload.Schema{"login": schema}
	set, err := rules.Parse(cfg, []rules.Source{{Name: "r.yaml", Data: []byte(`
- {rule: R, source: login, condition: event.user != "", output: o, desc: d, priority: INFO}
- {rule: K, condition: evt.type = open, output: o, desc: d, priority: INFO}
`)}})
	if err = errors.Join(err, set.Err()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rule, match, want string }{
		{"R", "{event.usr: [a]}", `error: WHITELIST_INVALID: entry "e": `},
		{"R", "{event.user: [a]}", ""},
		{"K", "{event.user: [a]}", `warning: WHITELIST_NEVER_APPLIES: entry "e": never applies: its rules are for the kernel's events`},
		{"R", "{proc.name: [a]}", `warning: WHITELIST_NEVER_APPLIES: entry "e": never applies: its rules are for structured events`},
		{"R", "{evt.source: [login]}", ""},
	} {
		text := strings.Replace(entry(c.match), "[R]", "["+c.rule+"]", 1)
		_, problems := Parse(Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, set, now)
		if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].String(), c.want)) {
			t.Errorf("rule %s, match %s: problems = %v, want %q", c.rule, c.match, problems, c.want)
		}
	}
}
