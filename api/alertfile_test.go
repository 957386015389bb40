package api

import (
	"strings"
	"testing"
	"time"
)

func TestReadAlerts(t *testing.T) {
	const (
		ours     = `{"uuid":"u1","time":"2025-06-01T02:41:07Z","rule":"R","priority":"Critical","labels":{"rule":"R"},"fingerprint":"00c0ffee00c0ffee"}`
		falco    = `{"time":"2025-06-01T02:41:07Z","rule":"R","priority":"Warning","output":"o","output_fields":{"proc.name":"x"}}`
		posted   = `{"labels":{"alertname":"R"},"annotations":{"summary":"s"},"startsAt":"2025-06-01T02:41:07Z"}`
		webhook  = `{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"R"},"annotations":{},"startsAt":"2025-06-01T02:41:07Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"a"},{"labels":{"alertname":"R"},"endsAt":"2025-06-01T03:00:00Z"}]}`
		resolved = `{"labels":{"alertname":"R"},"startsAt":"2025-06-01T02:00:00Z","endsAt":"2025-06-01T03:00:00Z"}`
	)
	now := time.Date(2025, 6, 1, 4, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		text  string
		want  string // of each alert: event, fires or resolved
		error string
	}{
		"ours, one a line":        {ours + "\n" + ours + "\n", "event event", ""},
		"an array of Falco's":     {"[" + falco + "]", "event", ""},
		"Alertmanager's API":      {"[" + posted + "," + resolved + "]", "fires resolved", ""},
		"Alertmanager's webhook":  {webhook, "fires resolved", ""},
		"all of them":             {ours + falco + posted + webhook, "event event fires fires resolved", ""},
		"nothing":                 {" ", "", "no alerts"},
		"a webhook without any":   {`{"alerts":[]}`, "", "no alerts"},
		"no JSON":                 {ours + "\nx", "", "value 2"},
		"no labels":               {ours + `{"annotations":{}}`, "", "value 2: there are no labels"},
		"a rule without the rest": {`[` + ours + `,{"rule":"R"}]`, "", "alert 2: rule, priority and time are required"},
		"a number":                {"7", "", "not an alert"},
	} {
		alerts, err := ReadAlerts([]byte(c.text), now, time.Minute)
		if c.error != "" {
			if err == nil || !strings.Contains(err.Error(), c.error) {
				t.Errorf("%s: %v, want an error with %q", name, err, c.error)
			}
			continue
		}
		var got []string
		for _, a := range alerts {
			switch {
			case a.Rule != "R" || a.ID == "":
				t.Errorf("%s: %+v", name, a)
			case a.Stateful == nil:
				got = append(got, "event")
			case a.Stateful.Resolved(now):
				got = append(got, "resolved")
			default:
				got = append(got, "fires")
			}
		}
		if strings.Join(got, " ") != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
}
