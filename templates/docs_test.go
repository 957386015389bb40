package templates

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// documentedKinds are the channels by the names that docs/templates.md calls them.
var documentedKinds = map[string]string{
	"": WeCom, "WeCom": WeCom, "WeCom text": WeComText, "DingTalk": DingTalk, "Feishu": Feishu, "Feishu text": FeishuText,
	"Slack": Slack, "email": Email, "email HTML": "html",
}

var codeCell = regexp.MustCompile("^`(.*)`$")

// Every row of the tables of functions has an example with its result; a table that has none is not read at all.
func TestExamplesOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	set, err := Parse(nil, time.FixedZone("", 8*3600))
	if err != nil {
		t.Fatal(err)
	}
	rows, seen := 0, map[string]bool{}
	_, section, _ := strings.Cut(string(page), "## Functions")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(strings.ReplaceAll(line, `\|`, "\x00")), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
		}
		if len(cells) < 3 || !strings.Contains(cells[len(cells)-2], "{{") {
			continue
		}
		rows++
		name, _, _ := strings.Cut(strings.TrimPrefix(cells[0], "`"), "`")
		seen[name] = true
		channels := ""
		if len(cells) == 4 {
			channels, _, _ = strings.Cut(cells[1], ":")
		}
		example, want := codeCell.FindStringSubmatch(cells[len(cells)-2]), codeCell.FindStringSubmatch(cells[len(cells)-1])
		if example == nil || want == nil {
			t.Errorf("a row without an example or a result in code: %s", line)
			continue
		}
		for channel := range strings.SplitSeq(channels, ", ") {
			kind, known := documentedKinds[channel]
			if !known {
				t.Errorf("unknown channel %q: %s", channel, line)
			}
			if got := runExample(t, set, kind, example[1]); got != want[1] {
				t.Errorf("%s in %q = %q, want %q", example[1], channel, got, want[1])
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d rows were read", rows)
	}
	for name := range functions(time.UTC) {
		if !seen[name] {
			t.Errorf("docs/templates.md has no example of %s", name)
		}
	}
}

// runExample runs a text over an alert that has everything.
func runExample(t *testing.T, set *Set, kind, text string) string {
	t.Helper()
	at := time.Date(2025, 6, 1, 2, 41, 7, 0, time.UTC)
	d := NewData(pipeline.Notification{Alerts: []pipeline.Alert{{
		Time: at, Labels: map[string]string{"priority": "Critical"}, Ancestry: "systemd(1) > bash(4021) > cat(4022)",
		Annotations: map[string]string{"runbook_url": "https://runbooks.example/shadow", "first_seen": "2025-05-31T23:02:00+08:00", "last_seen": at.Format(time.RFC3339)},
		Deployment:  &pipeline.Deployment{Version: "v1", At: at.Add(-12*time.Minute - 30*time.Second)},
	}}}, Options{Escape: Escaper(kind)})
	of, compile := kind, (*Set).Text
	if kind == "html" {
		of, compile = Email, (*Set).HTML
	}
	forKind, err := set.For(of)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := compile(forKind, "example", "{{ with index .Alerts 0 }}"+text+"{{ end }}")
	if err != nil {
		t.Fatal(err)
	}
	got, err := compiled.Execute(d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
