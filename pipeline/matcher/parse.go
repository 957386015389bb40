package matcher

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// Mode says which of Alertmanager's two syntaxes of matchers counts.
type Mode uint8

// Modes. The newer syntax knows any label name, and in double quotes Go's escapes; the older one (classic) knows
// ASCII names, values without quotes that hold nearly anything, and three escapes.
const (
	Fallback Mode = iota // the newer one; but the older one where only that reads a text, or where they differ
	UTF8                 // the newer one alone
	Classic              // the older one alone
)

var modeNames = []string{"fallback", "utf8", "classic"}

// String is the mode's name in configuration.
func (m Mode) String() string { return modeNames[m] }

// UnmarshalText reads a mode's name.
func (m *Mode) UnmarshalText(text []byte) error {
	i := slices.Index(modeNames, string(text))
	if i < 0 {
		return fmt.Errorf("%q is none of %s", text, strings.Join(modeNames, ", "))
	}
	*m = Mode(i)
	return nil
}

// Parse reads one text with one or several matchers, as the fallback mode does.
func Parse(text string) (labels.Matchers, error) {
	ms, _, err := Fallback.Parse(text)
	return ms, err
}

// ParseOne reads a text that holds one matcher and no braces, as filters of the API do.
func ParseOne(text string) (*labels.Matcher, error) {
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "{") || strings.HasSuffix(trimmed, "}") {
		return nil, fmt.Errorf("%q: a filter is one matcher without braces", text)
	}
	ms, err := Parse(text)
	if err == nil && len(ms) != 1 {
		return nil, fmt.Errorf("%q holds %d matchers: a filter is one; repeat it for several", text, len(ms))
	}
	if err != nil {
		return nil, err
	}
	return ms[0], nil
}

// Parse reads one text with one or several matchers. doubt says, for people, that another syntax reads it
// otherwise or not at all, and how to write it for both; it is empty where there is none.
func (m Mode) Parse(text string) (ms labels.Matchers, doubt string, err error) {
	var newer, older labels.Matchers
	var newerErr, olderErr error
	if m != Classic {
		newer, newerErr = parseNewer(text)
	}
	if m != UTF8 {
		older, olderErr = labels.ParseMatchers(text)
	}
	switch {
	case m == UTF8 && newerErr != nil:
		return nil, "", broken(text, newerErr)
	case m == UTF8:
		return newer, "", nil
	case m == Classic && olderErr != nil, olderErr != nil && newerErr != nil:
		return nil, "", broken(text, olderErr)
	case m == Classic:
		return older, "", nil
	case newerErr != nil:
		return older, fmt.Sprintf("%s can be read only in Alertmanager's older syntax: write %s, which is the same in both", text, Text(older)), nil
	case olderErr == nil && Text(newer) != Text(older):
		return older, fmt.Sprintf("%s means %s in Alertmanager's older syntax, which counts, and %s in the newer one: write the one that is meant",
			text, Text(older), Text(newer)), nil
	default:
		return newer, "", nil
	}
}

func parseNewer(text string) (labels.Matchers, error) {
	ms, err := parse.Matchers(text)
	if slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return m.Name == "" }) {
		return nil, errors.New("a label name may not be empty") // the library lets it pass
	}
	return ms, err
}

func broken(text string, err error) error {
	if !strings.ContainsAny(text, "=~!") {
		return fmt.Errorf(`%q is no matcher: there is no operator in it; write name = "value", with =, !=, =~ or !~ (in a YAML list [a, b], an item that holds a comma needs quotes around all of it)`, text)
	}
	return fmt.Errorf("%q is no matcher: %w; write name = value, with =, !=, =~ or !~, and the value in double quotes", text, err)
}

// Text writes matchers in a way that every mode reads alike, names beyond ASCII aside: those are in the newer syntax.
func Text(ms labels.Matchers) string {
	texts := make([]string, len(ms))
	for i, m := range ms {
		texts[i] = m.String()
	}
	return strings.Join(texts, ",")
}
