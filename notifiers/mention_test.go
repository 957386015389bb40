package notifiers

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestMentionIsReadFromYAML(t *testing.T) {
	for text, c := range map[string]struct {
		want  Mention
		wrong string
	}{
		"on_call":                 {want: Mention{OnCall: true}},
		"{rotation: payments}":    {want: Mention{Rotation: "payments"}},
		"everyone":                {wrong: `"everyone": write on_call`},
		"{rota: payments}":        {wrong: "a mapping of other keys"},
		"{rotation: a, group: b}": {wrong: "a mapping of other keys"},
		"[on_call]":               {wrong: "neither a text nor a mapping"},
	} {
		var got Mention
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		err := got.Validate()
		switch {
		case c.wrong == "" && (err != nil || got != c.want):
			t.Errorf("%s = %+v, %v, want %+v", text, got, err, c.want)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: Validate = %v, want it to say %q", text, err, c.wrong)
		}
	}
}
