package review

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// entries are complete entries e0, e1 … with what is given of each.
func entries(texts ...string) string {
	var b strings.Builder
	for i, text := range texts {
		if !strings.Contains(text, "rules:") {
			text += ", rules: [Read]"
		}
		fmt.Fprintf(&b, "- {id: e%d, reason: r, owner: o, approver: a, %s}\n", i, text)
	}
	return b.String()
}

// said are the findings as "id kind others".
func said(r *Report) string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Entry, f.Kind, strings.Join(f.Others, " "))))
	}
	return strings.Join(all, "; ")
}

func TestShadowedAndOverlapping(t *testing.T) {
	const wide, narrow = "match: {proc.name: [a, b]}", "match: {proc.name: [a]}"
	for sentence, c := range map[string]struct {
		first, second, want string
	}{
		"fewer values":                        {wide, narrow, "e1 shadowed e0"},
		"more values":                         {narrow, wide, "e1 overlapping e0"},
		"the same":                            {wide, wide, "e1 shadowed e0"},
		"further fields":                      {wide, "match: {proc.name: [a], fd.name: [/x]}", "e1 shadowed e0"},
		"a pattern within one":                {`match: {fd.name: ["/etc/*"]}`, `match: {fd.name: ["/etc/ssh/?", "/etc/a*b"]}`, "e1 shadowed e0"},
		"a pattern beside one":                {`match: {fd.name: ["/etc/ssh/*"]}`, `match: {fd.name: ["/etc/*d"]}`, "e1 overlapping e0"},
		"patterns apart":                      {`match: {fd.name: ["/etc/*"]}`, `match: {fd.name: ["/var/*"]}`, ""},
		"a beginning and an end":              {"match: fd.name startswith /etc/", "match: fd.name endswith .conf", "e1 overlapping e0"},
		"a network within one":                {"match: {fd.sip: [10.0.0.0/8]}", "match: {fd.sip: [10.1.0.0/16, 10.2.3.4]}", "e1 shadowed e0"},
		"networks apart":                      {"match: {fd.sip: [10.0.0.0/8]}", "match: {fd.sip: [11.0.0.0/8]}", ""},
		"a value that is left out":            {"match: not proc.name = sh and fd.name = /x", "match: proc.name = bash and fd.name = /x", "e1 shadowed e0"},
		"only what is left out":               {"match: not proc.name = sh and fd.name = /x", "match: proc.name = sh and fd.name = /x", ""},
		"alternatives, each covered":          {"match: 'proc.name in (a, b) or fd.name startswith /x'", "match: proc.name = a or fd.name = /x/y", "e1 shadowed e0"},
		"alternatives, one not covered":       {"match: proc.name = a or fd.name startswith /x", "match: proc.name = b or fd.name = /x/y", "e1 overlapping e0"},
		"another field":                       {"match: {proc.name: [a]}", "match: {proc.pname: [a]}", ""},
		"fields that follow from each other":  {"match: fd.name = /a/b and proc.name = x", "match: fd.directory = /c and proc.name = x", ""},
		"the host has no image":               {"match: {container.id: [host], proc.name: [a]}", "match: {container.image.repository: [a], proc.name: [a]}", ""},
		"another rule":                        {wide, narrow + ", rules: [Write]", ""},
		"fewer rules":                         {wide + `, rules: ["tag:files"]`, narrow, "e1 shadowed e0"},
		"more rules":                          {wide, narrow + `, rules: ["tag:files"]`, "e1 overlapping e0"},
		"for longer":                          {wide + ", expires: 2027-01-01", narrow, "e1 overlapping e0"},
		"for as long":                         {wide + ", expires: 2027-01-01", narrow + ", expires: 2027-01-01", "e1 shadowed e0"},
		"by one that has expired":             {wide + ", expires: 2026-01-01", narrow, "e0 expired"},
		"at some times":                       {wide, narrow + `, schedule: [{daily: "02:00-03:00"}]`, "e1 shadowed e0"},
		"at more times":                       {wide + `, schedule: [{daily: "02:00-03:00"}]`, narrow, "e1 overlapping e0"},
		"at the same times":                   {wide + `, schedule: [{daily: "02:00-03:00", location: Asia/Shanghai}]`, narrow + `, schedule: [{daily: "02:00-03:00", location: Asia/Shanghai}]`, "e1 shadowed e0"},
		"at the same hours elsewhere":         {wide + `, schedule: [{daily: "02:00-03:00", location: Asia/Shanghai}]`, narrow + `, schedule: [{daily: "02:00-03:00"}]`, ""},
		"on some days of the month":           {wide, "match: {proc.name: [b, c]}" + `, schedule: [{days_of_month: ["15"]}]`, "e1 overlapping e0"},
		"a structured event is another thing": {"match: evt.source = login or proc.name = a", "match: evt.source = login", "e1 overlapping e0"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := said(fixture(t, entries(c.first, c.second), nil)); got != c.want {
				t.Errorf("findings %q, want %q", got, c.want)
			}
		})
	}
}

// Old names of paths are names too: what the later entry covers under one, the earlier has to cover.
func TestNotShadowedByOldNames(t *testing.T) {
	r := fixture(t, entries("match: not fd.name = /bin/sh and proc.name = sh", "match: fd.name = /usr/bin/sh and proc.name = sh"), nil)
	if got := said(r); strings.Contains(got, "shadowed") {
		t.Errorf("findings %q: /usr/bin/sh is /bin/sh where those are one", got)
	}
}

func TestUnused(t *testing.T) {
	at := func(daysAgo int) time.Time { return now.Add(-time.Duration(daysAgo) * days) }
	for sentence, c := range map[string]struct {
		usage pipeline.EntryUsage
		taken time.Time
		want  string
	}{
		"never hit":                        {pipeline.EntryUsage{Since: at(31)}, now, "e0 unused"},
		"never hit, but young":             {pipeline.EntryUsage{Since: at(29)}, now, ""},
		"never hit, nobody knows how long": {pipeline.EntryUsage{}, now, ""},
		"hit long ago":                     {pipeline.EntryUsage{Since: at(90), Hits: 1, First: at(31), Last: at(31)}, now, "e0 unused"},
		"hit lately":                       {pipeline.EntryUsage{Since: at(90), Hits: 1, First: at(29), Last: at(29)}, now, ""},
		"an account of long ago":           {pipeline.EntryUsage{Since: at(40)}, at(20), ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			c.usage.ID = "e0"
			body, err := json.Marshal(pipeline.WhitelistUsage{At: c.taken, Entries: []pipeline.EntryUsage{c.usage}})
			if err != nil {
				t.Fatal(err)
			}
			if got := said(fixture(t, entries("match: {proc.name: [a]}"), body)); got != c.want {
				t.Errorf("findings %q, want %q", got, c.want)
			}
		})
	}
	other, err := json.Marshal(pipeline.WhitelistUsage{At: now, Entries: []pipeline.EntryUsage{{ID: "other", Since: at(90)}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := said(fixture(t, entries("match: {proc.name: [a]}"), other)); got != "" {
		t.Errorf("an account that does not know the entry: findings %q, want none", got)
	}
}

func TestExpiring(t *testing.T) {
	for expires, want := range map[string]string{
		"2026-05-31": "e0 expired", "2026-06-01": "e0 expired", "2026-06-02": "e0 expiring", "2026-06-15": "e0 expiring", "2026-06-16": "",
	} {
		if got := said(fixture(t, entries("match: {proc.name: [a]}, expires: "+expires), nil)); got != want {
			t.Errorf("expires %s: findings %q, want %q", expires, got, want)
		}
	}
}

// FuzzReview checks that no whitelist makes the review panic or contradict itself: what is shadowed does not
// overlap, and nothing is about an entry that is not there.
func FuzzReview(f *testing.F) {
	f.Add(entries("match: {proc.name: [a], fd.sip: 10.0.0.0/8}", "match: 'not (proc.name = a or fd.port != 1)'"))
	f.Add(entries("match: 'toupper(proc.name) = A and fd.name pmatch (/a, /b) or proc.name = val(proc.pname)'", "match: {event.a: [b]}"))
	f.Add("- id: e\n- {id: e, match: [}")
	f.Fuzz(func(t *testing.T, text string) {
		shadowed := map[string]bool{}
		r := fixture(t, text, nil)
		for _, finding := range r.Findings {
			if finding.Kind == Shadowed {
				shadowed[finding.Place] = true
			}
			if finding.Kind == Overlapping && shadowed[finding.Place] {
				t.Errorf("shadowed and overlapping: %+v", finding)
			}
		}
		if err := r.Markdown(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
