package render

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The two are written by hand for speed; these say what they do.
func TestTidyAndHardBreaks(t *testing.T) {
	blankLines := regexp.MustCompile(`\n(?:[ \t]*\n){2,}`)
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"\n", "\n", " ", "\t", "a", "容", "- b", "\r"})).Draw(t, "text"), "")
		if got, want := tidy(s), strings.TrimSpace(blankLines.ReplaceAllString(s, "\n\n")); got != want {
			t.Fatalf("tidy(%q) = %q, want %q", s, got, want)
		}
		got := hardBreaks(s)
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(s, " ", "") {
			t.Fatalf("hardBreaks(%q) = %q", s, got)
		}
		lines := strings.Split(s, "\n")
		for i, line := range strings.Split(got, "\n") {
			breaks := i+1 < len(lines) && lines[i] != "" && lines[i+1] != ""
			if want := lines[i]; breaks && line != strings.TrimRight(want, " ")+"  " || !breaks && line != want {
				t.Fatalf("hardBreaks(%q): line %d is %q", s, i, line)
			}
		}
	})
}
