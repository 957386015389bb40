package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestAgo(t *testing.T) {
	for age, want := range map[string][2]string{
		"0s": {"刚刚", "just now"}, "59s": {"刚刚", "just now"}, "1m0s": {"1 分钟前", "1 min ago"}, "12m59s": {"12 分钟前", "12 min ago"},
		"59m59s": {"59 分钟前", "59 min ago"}, "1h0m0s": {"1 小时前", "1 h ago"}, "47h59m0s": {"47 小时前", "47 h ago"}, "48h0m0s": {"2 天前", "2 d ago"},
		"yesterday": {"yesterday", "yesterday"}, "": {"", ""},
		"8760h0m0s": {"365 天前", "365 d ago"},
	} {
		for i, language := range []string{"zh", "en"} {
			if got := ago(language, age); got != want[i] {
				t.Errorf("ago(%q, %q) = %q, want %q", language, age, got, want[i])
			}
		}
	}
}

func TestTailBytes(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcdef", 5, "…ef"}, {"上海上海", 8, "…海"}, {"abcdef", 3, "…"}, {"", 3, ""},
	} {
		if got := tailBytes(c.s, c.n); got != c.want || len(got) > max(c.n, len("…")) {
			t.Errorf("tailBytes(%q, %d) = %q, want %q", c.s, c.n, got, c.want)
		}
	}
}

func TestContextOfAnAlert(t *testing.T) {
	at := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		alert pipeline.Alert
		want  map[string]string
	}{
		"nothing known":                {pipeline.Alert{Time: at}, map[string]string{"place": "", "team": "", "deployment": "", "deployment_age": "", "findings": ""}},
		"a network without a country":  {pipeline.Alert{Place: &pipeline.Place{ASOrg: "X", Address: "192.0.2.1"}}, map[string]string{"place": "192.0.2.1 · X"}},
		"a number without a name":      {pipeline.Alert{Place: &pipeline.Place{Country: "DE", ASN: 1}}, map[string]string{"place": "DE · AS1"}},
		"a deployment after the alert": {pipeline.Alert{Time: at, Deployment: &pipeline.Deployment{Version: "v", At: at.Add(time.Second)}}, map[string]string{"deployment_age": "0s"}},
		"findings of nothing":          {pipeline.Alert{Findings: []pipeline.Findings{{Subject: "image x", Counts: map[string]int{"critical": 0}}}}, map[string]string{"findings": "", "findings_zh": ""}},
		"values are made safe": {pipeline.Alert{Owner: &pipeline.Owner{Team: "`x`"}, Findings: []pipeline.Findings{{Subject: "resource <@all>", Counts: map[string]int{"low": 1}}}},
			map[string]string{"team": "｀x｀", "findings": "resource ＜＠all>: 1 low"}},
	} {
		got := alertData(&c.alert, Escaper(WeCom)).Annotations
		for annotation, want := range c.want {
			if got[annotation] != want {
				t.Errorf("%s: %s = %q, want %q", name, annotation, got[annotation], want)
			}
		}
		for annotation, value := range got {
			if strings.TrimSpace(value) == "" {
				t.Errorf("%s: an empty %s", name, annotation)
			}
		}
	}
}
