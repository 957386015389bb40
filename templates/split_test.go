package templates_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/templates"
)

// within accepts what is at most n bytes with what the channel adds.
func within(n int, added string) func(string) bool {
	return func(part string) bool { return len(part+added) <= n }
}

func TestSplit(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		fits func(string) bool
		want []string
	}{
		"it fits":                  {"abc", within(3, ""), []string{"abc"}},
		"between alerts":           {"one one\none\n\ntwo two\ntwo\n\nthree", within(26, ""), []string{"(1/2)\none one\none", "(2/2)\ntwo two\ntwo\n\nthree"}},
		"at a line":                {"one one\ntwo two\nthree", within(20, ""), []string{"(1/2)\none one", "(2/2)\ntwo two\nthree"}},
		"between characters":       {"短短短短短", within(14, ""), []string{"(1/3)\n短短", "(2/3)\n短短", "(3/3)\n短"}},
		"room for what is added":   {"abcdefghijklmnopqrs", within(20, "@x"), []string{"(1/2)\nabcdefghijkl", "(2/2)\nmnopqrs"}},
		"too long for all parts":   {strings.Repeat("a", 40), within(16, ""), []string{"(1/3)\naaaaaaaaaa", "(2/3)\naaaaaaaaaa", "(3/3)\naaaaaaa…"}},
		"markup goes on":           {`<font color="info">aaaa**bbbbbbbb**cccc</font>dddd`, within(46, ""), []string{"(1/2)\n<font color=\"info\">aaaa**bbbbbb**</font>", "(2/2)\n<font color=\"info\">**bb**cccc</font>dddd"}},
		"no room but for the text": {"abcdefgh", within(6, ""), []string{"abc…"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, templates.Split(c.text, "…", c.fits)); diff != "" {
				t.Errorf("Split (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the text: parts fit, are whole characters with markup that is closed, and lose nothing unless they say so.
func TestSplitHolds(t *testing.T) {
	words := rapid.SampledFrom([]string{"a", "短", "🔴", "\n", "\n\n", "> x: `v`", "**b**", `<font color="info">`, "</font>", "<@u>", "[t](http://a.example)", "```", "`", " ", "long long word"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(words, 0, 80).Draw(t, "text"), "")
		limit := rapid.IntRange(60, 400).Draw(t, "limit")
		parts := templates.Split(text, "…more", within(limit, ""))
		if len(parts) < 1 || len(parts) > templates.MaxParts {
			t.Fatalf("%d parts", len(parts))
		}
		for i, part := range parts {
			if len(part) > limit || !utf8.ValidString(part) {
				t.Errorf("part %q has %d bytes, want %d at most", part, len(part), limit)
			}
			if mark := fmt.Sprintf("(%d/%d)\n", i+1, len(parts)); len(parts) > 1 && !strings.HasPrefix(part, mark) {
				t.Errorf("part %q does not begin with %q", part, mark)
			}
			if i < len(parts)-1 && strings.Count(part, "<font") != strings.Count(part, "</font>") && strings.Count(text, "<font") == strings.Count(text, "</font>") && !strings.Contains(text, "`") {
				checkBalance(t, text, part)
			}
		}
		letters := func(s string) int {
			return strings.Count(s, "短") + strings.Count(s, "🔴")
		}
		if got := letters(strings.Join(parts, "")); got != letters(text) && !strings.HasSuffix(parts[len(parts)-1], "…more") {
			t.Errorf("%d of %d letters are left, and nothing says so: %q", got, letters(text), parts)
		}
	})
}

// checkBalance fails where a part has a tag more open than closed though every prefix of the text is balanced or open.
func checkBalance(t *rapid.T, text, part string) {
	depth := 0
	for rest := text; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "<font"):
			depth++
		case strings.HasPrefix(rest, "</font>"):
			depth--
		}
		if depth < 0 {
			return // it was not well formed
		}
		rest = rest[1:]
	}
	t.Errorf("part %q leaves a tag open", part)
}
