package templates

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTruncateBytes(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		n      int
		marker string
		want   string
	}{
		"a text that fits is left alone":           {"短信", 6, "…", "短信"},
		"a rune of three bytes is not cut":         {"一二三四", 11, "…", "一二…"},
		"a rune of four bytes is not cut":          {"🔴🔴🔴", 11, "…", "🔴🔴…"},
		"no room for the marker leaves it out":     {"一二", 2, "…", ""},
		"zero bytes are an empty text":             {"abc", 0, "…", ""},
		"fewer than zero bytes too":                {"abc", -1, "…", ""},
		"a font tag is closed":                     {`<font color="info">` + strings.Repeat("x", 30), 40, "…", `<font color="info">` + strings.Repeat("x", 11) + "</font>…"},
		"a tag is not cut":                         {`ab<font color="info">x</font>`, 20, "…", "ab…"},
		"bold is closed":                           {"**bold text** and more", 11, "…", "**bold**…"},
		"a code span is closed":                    {"`cat /etc/shadow` and more", 12, "…", "`cat /et`…"},
		"markup inside a code span does not count": {"`a ** b` and more text", 16, "…", "`a ** b` and …"},
		"a closed pair needs no closing":           {"**a** and more text", 12, "…", "**a** and…"},
		"a link is not cut":                        {"see [runbook](https://r.example/x)", 20, "…", "see …"},
		"a mention is not cut":                     {"hello <@zhangsan>", 12, "…", "hello …"},
		"a fence is closed on its own line":        {"```\nlong code here", 14, "…", "```\nlon\n```…"},
		"invalid UTF-8 is replaced":                {"a\xffb", 9, "…", "a\uFFFDb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := TruncateBytes(c.in, c.n, c.marker); got != c.want {
				t.Errorf("TruncateBytes(%q, %d, %q) = %q, want %q", c.in, c.n, c.marker, got, c.want)
			}
		})
	}
}

func FuzzTruncateBytes(f *testing.F) {
	for _, s := range append(hostile(f),
		"", "短信", "🔴 **严重** `cat`", `<font color="warning">x</font> tail`, "```\ncode\n```\n", "[a](b) <@all>",
		"<font", "<font\n**x", "`a\n**b`", "\xff\xfe", "***", "<font x><font", "[[](", "``` ` ** \n```",
	) {
		for _, n := range []int{0, 1, 5, 12, 40} {
			f.Add(s, n, "…")
		}
	}
	f.Fuzz(func(t *testing.T, s string, n int, marker string) {
		if n > 1<<16 || strings.ContainsAny(marker, "`*<>[]()\n") {
			t.Skip("a marker has no markup of its own")
		}
		marker = strings.ToValidUTF8(marker, "")
		got := TruncateBytes(s, n, marker)
		if len(got) > max(n, 0) {
			t.Errorf("TruncateBytes(%q, %d, %q) = %q: %d bytes", s, n, marker, got, len(got))
		}
		if !utf8.ValidString(got) {
			t.Errorf("TruncateBytes(%q, %d, %q) = %q: invalid UTF-8", s, n, marker, got)
		}
		if valid := strings.ToValidUTF8(s, "\uFFFD"); len(valid) <= n {
			if got != valid {
				t.Errorf("TruncateBytes(%q, %d, %q) = %q, want it unchanged", s, n, marker, got)
			}
			return
		}
		if n >= len(marker) && !strings.HasSuffix(got, marker) {
			t.Errorf("TruncateBytes(%q, %d, %q) = %q: no marker", s, n, marker, got)
		}
		var m markup
		for i := 0; i < len(got); {
			i += m.step(got[i:])
		}
		if m.closers != "" {
			t.Errorf("TruncateBytes(%q, %d, %q) = %q: left open %q", s, n, marker, got, m.closers)
		}
	})
}

func BenchmarkTruncateBytes(b *testing.B) {
	s := strings.Repeat("> **命令** `cat /etc/shadow` <font color=\"comment\">root</font>\n", 200)
	b.ReportAllocs()
	for b.Loop() {
		TruncateBytes(s, 4096, "…")
	}
}
