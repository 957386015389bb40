package field

import "testing"

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"*", "", true}, {"a*b", "a/x/b", true}, {"a*b*c", "aXbXbXc", true}, {"a*b", "a", false}, {"?", "/", true},
		{"[a-c]x", "bx", true}, {"[!a-c]x", "bx", false}, {"[^a-c]x", "dx", true}, {"[]]", "]", true}, {"[a", "[a", true},
		{`\*`, "*", true}, {`\*`, "x", false}, {"[a-]", "-", true}, {"", "", true}, {"", "x", false}, {"**", "x", true}, {`a\`, `a\`, false},
		{"[[:digit:]x]", "7", true}, {"[![:alpha:]]", "a", false}, {"[[:nonsense:]]", "a", false},
	} {
		if got := Glob(c.pattern, c.value); got != c.want {
			t.Errorf("Glob(%q, %q) = %v, want %v", c.pattern, c.value, got, c.want)
		}
	}
}
