package payload

import (
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzCondition holds that no expression and no event panic, that what is refused has a place, and that
// an answer is the same when it is asked for again.
func FuzzCondition(f *testing.F) {
	for _, condition := range []string{
		`event.type == "login" && event.country in ["US","CA"]`, `any(event.nested, .x > 1)`, `event.a?.b[0]["c"] ?? 1 > 2`,
		`let x = event.user; x.age % 7 == 1..3`, `count(event.tags) > 0`, `event.type[1:] matches "a+"`, `!event.ok ? event : nil`,
		`map(event.tags, upper(#)) == split("a", "")`, `{"a": event}.a.type not in event`, `if event.ok { 1 } else { event.type }`,
		`event.type | lower() == "x"`, `-event.ratio ** 2 <= +1`, `event.tags[-1:9] == [] or #`, `int(event.type) + float("1e3") == "x" + "y"`,
	} {
		f.Add(condition, login)
		f.Add(condition, `{}`)
	}
	f.Fuzz(func(t *testing.T, condition, body string) {
		if len(condition) > 1000 {
			return
		}
		c, err := Compile(text(condition), nil)
		if err != nil {
			if c != nil {
				t.Errorf("a condition and an error: %v", err)
			}
			return
		}
		e, err := Decode([]byte(body))
		if err != nil {
			return
		}
		first, err1 := c.Match(e)
		second, err2 := c.Match(e)
		if first != second || (err1 == nil) != (err2 == nil) {
			t.Errorf("%s on %s = %v, %v, then %v, %v", condition, body, first, err1, second, err2)
		}
		if err1 != nil && !errors.Is(err1, ErrTooLong) && first {
			t.Errorf("%s on %s holds, with an error: %v", condition, body, err1)
		}
	})
}

// FuzzOutput holds that what compiles prints bounded, valid text.
func FuzzOutput(f *testing.F) {
	f.Add(`a %event.user.name b`, login)
	f.Add(`%event["a.b"][0].c%event`, `{"a.b":[{"c":"x"}]}`)
	f.Fuzz(func(t *testing.T, output, body string) {
		o, err := ParseOutput(text(output), nil)
		e, err2 := Decode([]byte(body))
		if err != nil || err2 != nil || !utf8.ValidString(output) {
			return
		}
		if s := o.Text(e); len(s) > MaxOutput || !utf8.ValidString(s) {
			t.Errorf("output of %q on %s has %d bytes, valid %v", output, body, len(s), utf8.ValidString(s))
		}
	})
}
