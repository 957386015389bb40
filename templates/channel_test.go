package templates

import (
	"strings"
	"testing"
	"time"
)

// What an attacker chose is no mention, and its link leads nowhere, whatever the channel.
func TestMarkupOfHostileValues(t *testing.T) {
	ids := []string{"", "all", "ALL", "here", "a b", "x></at>", "x><@y", "所有人", strings.Repeat("x", 65)}
	addresses := []string{"javascript:alert(1)", "https://a)[x](https://b", "https://a b", "https://a\n", "https://a|b", "https://a>", `https://a"x`, "ftp://a", ""}
	for _, kind := range []string{WeCom, WeComText, DingTalk, Feishu, FeishuText, Slack, Email} {
		f := channelFunctions(kind)
		for _, id := range ids {
			if got := f["mention"].(func(string) string)(id); strings.HasPrefix(got, "<") || kind != Slack && kind != Email && dangerous.MatchString(got) {
				t.Errorf("%s: mention %q = %q", kind, id, got)
			}
		}
		for _, address := range addresses {
			if got := f["link"].(func(string, string) string)("x", address); got != "x" {
				t.Errorf("%s: link to %q = %q, want only its text", kind, address, got)
			}
		}
		got := f["link"].(func(string, string) string)("a](https://evil) <@all>", "https://a.example")
		if strings.Count(got, "](")+strings.Count(got, "<") > 1 && kind != Email {
			t.Errorf("%s: link with a hostile text = %q", kind, got)
		}
	}
	set, err := Parse(nil, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if got := runExample(t, set, "html", "{{ link `<b>` "+"`"+strings.ReplaceAll(address, "`", "")+"` }}"); got != "&lt;b&gt;" {
			t.Errorf("HTML link to %q = %q", address, got)
		}
	}
}

func TestZhDuration(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{"0s", "0 秒"}, {"59s", "59 秒"}, {"60s", "1 分"}, {"59m59s", "59 分"}, {"1h", "1 小时"}, {125 * time.Minute, "2 小时 5 分"},
		{"23h59m", "23 小时 59 分"}, {"24h", "1 天"}, {"72h", "3 天"}, {"76h30m", "3 天 4 小时"}, {"-90m", "负 1 小时 30 分"}, {"soon", "soon"},
	} {
		if got, err := zhDuration(c.in); err != nil || got != c.want {
			t.Errorf("zhDuration(%v) = %q, %v, want %q", c.in, got, err, c.want)
		}
	}
	if _, err := zhDuration(5); err == nil {
		t.Error("zhDuration of a number = nil, want an error")
	}
}
