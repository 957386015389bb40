package whitelist

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func parse(text string) (*List, []rules.Problem) {
	return Parse(Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, nil, now)
}

// entry is a complete entry for rule R with the given match, and what else is given.
func entry(match string, more ...string) string {
	text := "- id: e\n  reason: because\n  rules: [R]\n  match: " + match + "\n"
	for _, m := range more {
		text += "  " + m + "\n"
	}
	return text
}

func backup() *pipeline.Event {
	return &pipeline.Event{
		Type: pipeline.EventOpenat, Time: now.UnixNano(), HasRet: true, Ret: 3,
		FD: pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: "/etc/shadow"},
		Proc: &pipeline.Process{Known: true, PID: 5, Comm: "backup", Cmdline: "backup",
			Container: &pipeline.Container{Type: "host", Complete: true}},
	}
}

func connect(remote string) *pipeline.Event {
	ev := backup()
	a := netip.MustParseAddrPort(remote)
	ev.FD = pipeline.FD{Kind: pipeline.FDIPv4, Num: 3, Server: a, Remote: a}
	return ev
}

func TestBypass(t *testing.T) {
	at := func(hour int) *pipeline.Event {
		ev := backup()
		ev.Time = time.Date(2026, 6, 1, hour, 30, 0, 0, time.UTC).UnixNano()
		return ev
	}
	for sentence, c := range map[string]struct {
		entry string
		ev    *pipeline.Event
		want  bool
	}{
		"all fields must hold":                   {entry("{proc.name: [backup], fd.name: [/etc/shadow]}"), backup(), true},
		"one field does not":                     {entry("{proc.name: [backup], fd.name: [/etc/passwd]}"), backup(), false},
		"any value of a field":                   {entry("{proc.name: [restore, backup]}"), backup(), true},
		"a single value":                         {entry("{proc.name: backup}"), backup(), true},
		"a number":                               {entry("{proc.pid: 5}"), backup(), true},
		"a pattern":                              {entry("{fd.name: [/x, /etc/*]}"), backup(), true},
		"an address":                             {entry("{fd.rip: [10.1.2.3]}"), connect("10.1.2.3:80"), true},
		"a network":                              {entry("{fd.rip: [192.168.0.0/16, 10.0.0.0/8]}"), connect("10.1.2.3:80"), true},
		"another network":                        {entry("{fd.rip: [192.168.0.0/16]}"), connect("10.1.2.3:80"), false},
		"a condition":                            {entry("proc.name = backup and fd.name startswith /etc/"), backup(), true},
		"another rule":                           {strings.Replace(entry("{proc.name: backup}"), "[R]", "[Other]", 1), backup(), false},
		"rules by pattern":                       {strings.Replace(entry("{proc.name: backup}"), "[R]", `["Q", "*"]`, 1), backup(), true},
		"one rule without a list":                {strings.Replace(entry("{proc.name: backup}"), "[R]", "R", 1), backup(), true},
		"an unknown field in a negation":         {entry("not proc.pname = sh"), backup(), false},
		"an unknown field in a nested negation":  {entry("not (proc.pname = sh or proc.name = x)"), backup(), false},
		"an unknown field compared for unequal":  {entry("proc.pname != sh"), backup(), false},
		"an unknown field that is asked for":     {entry("not proc.pname exists"), backup(), false},
		"a known field in a negation":            {entry("not proc.name = sh"), backup(), true},
		"an unknown field beside a known one":    {entry("proc.pname = sh or proc.name = backup"), backup(), true},
		"a negated and, one side unknown":        {entry("not (proc.pname = sh and proc.name = sh)"), backup(), true},
		"not yet expired":                        {entry("{proc.name: backup}", "expires: 2026-06-02"), backup(), true},
		"expired as its day begins":              {entry("{proc.name: backup}", "expires: 2026-06-01"), backup(), false},
		"expired to the second":                  {entry("{proc.name: backup}", "expires: 2026-06-01T12:00:00Z"), backup(), false},
		"expired by the time of the event":       {entry("{proc.name: backup}", "expires: 2026-06-01T13:00:00Z"), at(14), false},
		"within the schedule, in its time zone":  {entry("{proc.name: backup}", "schedule: [{times: [{start_time: '20:00', end_time: '21:00'}], location: Asia/Shanghai}]"), at(12), true},
		"outside the schedule, in its time zone": {entry("{proc.name: backup}", "schedule: [{times: [{start_time: '12:00', end_time: '13:00'}], location: Asia/Shanghai}]"), at(12), false},
		"the schedule's second interval":         {entry("{proc.name: backup}", "schedule: [{weekdays: [sunday]}, {weekdays: [monday]}]"), at(12), true},
		"another weekday":                        {entry("{proc.name: backup}", "schedule: [{weekdays: [sunday]}]"), at(12), false},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, problems := parse(c.entry)
			if err := rules.Err(problems); err != nil {
				t.Fatal(err)
			}
			id, ok := l.Bypass("R", c.ev)
			if ok != c.want || ok != (id == "e") {
				t.Errorf("Bypass = %q, %v, want %v for\n%s", id, ok, c.want, c.entry)
			}
		})
	}
}

// TestSchedulesAreUTC runs where local time is another day.
func TestSchedulesAreUTC(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = time.FixedZone("far east", 14*3600)
	l, _ := parse(entry("{proc.name: backup}", "schedule: [{weekdays: [monday]}]"))
	if _, ok := l.Bypass("R", backup()); !ok {
		t.Error("Bypass = false on Monday noon UTC, want true: a schedule without a location is in UTC")
	}
}

func TestProblems(t *testing.T) {
	for sentence, c := range map[string]struct{ text, want string }{
		"no reason":                   {strings.Replace(entry("{proc.name: x}"), "reason: because", "owner: me", 1), `w.yaml:1:3: error: WHITELIST_NO_REASON: entry "e": reason is missing (say why`},
		"an empty reason":             {strings.Replace(entry("{proc.name: x}"), "because", "''", 1), `w.yaml:1:3: error: WHITELIST_NO_REASON: entry "e": reason is missing`},
		"no rules":                    {strings.Replace(entry("{proc.name: x}"), "  rules: [R]\n", "", 1), "rules is missing"},
		"no match":                    {"- id: e\n  reason: r\n  rules: [R]\n", "match is missing"},
		"an empty match":              {entry("{}"), "match is empty: the entry would cover everything"},
		"a misspelt key":              {entry("{proc.name: x}", "expire: 2030-01-01"), `w.yaml:5:3: error: WHITELIST_INVALID: entry "e": unknown key "expire" (did you mean "expires"?)`},
		"a misspelt field":            {entry("{proc.nmae: x}"), `w.yaml:4:11: error: WHITELIST_INVALID: entry "e": nonexistent field "proc.nmae" (did you mean "proc.name"?)`},
		"a misspelt field in a text":  {entry("proc.name = a or proc.nmae = b"), `w.yaml:4:27: error: WHITELIST_INVALID: entry "e": nonexistent field "proc.nmae"`},
		"a value of another type":     {entry("{proc.pid: [1, x]}"), `w.yaml:4:25: error: WHITELIST_INVALID: entry "e": proc.pid is a number`},
		"a network of a text":         {entry("{container.ip: [10.0.0.1, 10.0.0.0/8]}"), `w.yaml:4:36: error: WHITELIST_INVALID: entry "e": container.ip is compared as text: a network would never apply`},
		"an expiry that is no day":    {entry("{proc.name: x}", "expires: soon"), `w.yaml:5:3: error: WHITELIST_INVALID: entry "e": expires: "soon"`},
		"a schedule that is none":     {entry("{proc.name: x}", "schedule: [{times: [{start_time: '25:00', end_time: '26:00'}]}]"), `WHITELIST_INVALID: entry "e": schedule: `},
		"a misspelt key in schedule":  {entry("{proc.name: x}", "schedule: [{time: []}]"), `w.yaml:5:15: error: WHITELIST_INVALID: entry "e": schedule: unknown key "time" (did you mean "times"?)`},
		"an id that is taken":         {entry("{proc.name: x}") + entry("{proc.name: y}"), "w.yaml:5:3: error: WHITELIST_INVALID: entry \"e\": the id is taken by the entry at w.yaml:1:3"},
		"an expired entry":            {entry("{proc.name: x}", "expires: 2026-01-01"), `w.yaml:1:3: warning: WHITELIST_EXPIRED: entry "e": expired on 2026-01-01: it no longer applies`},
		"a field that is always null": {entry("{fd.sip.name: x}"), `w.yaml:4:11: warning: BLIND: entry "e": never applies: fd.sip.name is always null here`},
		"not YAML":                    {"- id: [", "error: WHITELIST_INVALID: not YAML"},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, problems := parse(c.text)
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if all := strings.Join(got, "\n"); !strings.Contains(all, c.want) {
				t.Errorf("problems:\n%s\nwant among them:\n%s", all, c.want)
			}
		})
	}
}

func TestAnEntryForARuleThatDoesNotExist(t *testing.T) {
	set, err := rules.Parse(rules.DefaultConfig(), []rules.Source{{Name: "r.yaml", Data: []byte("- rule: Read\n  condition: evt.type = open\n  output: o\n  desc: d\n  priority: INFO\n")}})
	if err != nil {
		t.Fatal(err)
	}
	_, problems := Parse(Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(strings.Replace(entry("{proc.name: x}"), "[R]", "[Raed]", 1))}}, set, now)
	want := `w.yaml:1:3: warning: WHITELIST_UNKNOWN_RULE: entry "e": there is no rule "Raed" (did you mean "Read"?)`
	if len(problems) != 1 || problems[0].String() != want {
		t.Errorf("problems = %v, want %s", problems, want)
	}
}

func TestContractWhitelist(t *testing.T) {
	path := filepath.FromSlash("../../../shared/contract")
	if _, err := os.Stat(path); os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("test data is not there: %v", err)
	}
	l, problems, err := Load(Config{Files: []string{"whitelist.yaml"}}, path, nil)
	if err != nil || len(problems) > 0 {
		t.Fatalf("Load = %v, %v", problems, err)
	}
	ev := backup()
	for hourUTC, want := range map[int]bool{18: true, 17: false, 19: false} { // 02:00 in Shanghai is 18:00 UTC
		ev.Time = time.Date(2026, 6, 1, hourUTC, 30, 0, 0, time.UTC).UnixNano()
		if _, ok := l.Bypass("Shadow file read", ev); ok != want {
			t.Errorf("at %d:30 UTC Bypass = %v, want %v", hourUTC, ok, want)
		}
	}
}

// FuzzParse checks that no file makes the loader panic, and that what it accepts can be asked.
func FuzzParse(f *testing.F) {
	f.Add(entry("{proc.name: [a, b*], fd.rip: 10.0.0.0/8}", "schedule: [{times: [{start_time: '02:00', end_time: '03:00'}]}]"))
	f.Add(entry("not (proc.name = x and evt.num != val(proc.pid))", "expires: 2030-01-01"))
	f.Add("- id: e\n---\n- match: [\n")
	f.Add(entry("{event.user.name: [a, 'b*', 10.0.0.0/8], evt.source: login}", "schedule: {daily: ['22:00-02:00'], days: ['monday:friday'], location: Europe/Berlin}"))
	f.Add(strings.Replace(entry("{proc.name: x}"), "[R]", "[tag:a, {tag: b}, 'R*']", 1))
	f.Fuzz(func(t *testing.T, text string) {
		l, _ := parse(text)
		l.Bypass("R", backup())
		l.Bypass("R", structured(map[string]any{"user": map[string]any{"name": []any{"a", 1, nil}}}))
		l.Usage(now)
	})
}
