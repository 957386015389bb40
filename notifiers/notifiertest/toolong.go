package notifiertest

import (
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Taken is a message that a channel took.
type Taken struct {
	Text     string
	Mentions []string
}

// TooLong requires of a notifier that what its channel calls too long, although it was measured, goes in two, once: of both
// the last calls person. start makes a notifier for a channel that takes so many bytes.
func TooLong(t *testing.T, person pipeline.Person, start func(t *testing.T, maxBytes int) (pipeline.Notifier, func() []Taken)) {
	t.Helper()
	for name, c := range map[string]struct{ maxBytes, messages int }{"fits in two": {2600, 2}, "not even so": {700, 0}} {
		t.Run(name, func(t *testing.T) {
			n, taken := start(t, c.maxBytes)
			m := Message()
			m.Body, m.Mentions = strings.Repeat("一行文字\n", 250), []pipeline.Person{person}
			err := n.Notify(t.Context(), m)
			got := taken()
			if len(got) != c.messages || (err == nil) != (c.messages > 0) {
				t.Fatalf("Notify = %v, %d messages, want %d", err, len(got), c.messages)
			}
			if c.messages == 0 {
				if e := Failure(t, err, nil); e.Class != pipeline.BadMessage {
					t.Errorf("Notify = %v", err)
				}
				return
			}
			if lines := strings.Count(got[0].Text+got[1].Text, "一行文字"); lines != 250 || len(got[0].Mentions) != 0 || len(got[1].Mentions) != 1 {
				t.Errorf("%d lines of 250; mentions %q and %q, want one in the last", lines, got[0].Mentions, got[1].Mentions)
			}
		})
	}
}
