package oncall

import (
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxRepeat bounds how often a last step is told again: each is a group of its own in the store.
const maxRepeat = 20

// All are the steps, with the repeats of the last one.
func (e Escalation) All() []Step {
	all := append([]Step{}, e.Steps...)
	last := len(all) - 1
	if last < 0 {
		return nil
	}
	pace := all[last].After
	if last > 0 {
		pace -= all[last-1].After
	}
	for range e.Repeat {
		next := all[len(all)-1]
		next.After += pace
		all = append(all, next)
	}
	return all
}

func (b *builder) addEscalation(at string, e Escalation, seen map[string]bool) {
	switch {
	case e.Name == "":
		b.bad(at, "an escalation needs a name: routes ask for it by that")
	case e.Name == "none":
		b.bad(at+".name", "none is no escalation's name: a route says by it that it has none")
	case strings.ContainsAny(e.Name, "\r\n"):
		b.bad(at+".name", "%q: a name is one line", e.Name)
	case seen[e.Name]:
		b.bad(at+".name", "escalation %q is there twice", e.Name)
	}
	seen[e.Name] = true
	if len(e.Steps) == 0 {
		b.bad(at, "steps is missing or empty")
	}
	if e.Repeat < 0 || e.Repeat > maxRepeat {
		b.bad(at+".repeat", "%d: write 0 to %d", e.Repeat, maxRepeat)
	}
	before := pipeline.Duration(0)
	for i, s := range e.Steps {
		place := fmt.Sprintf("%s.steps[%d]", at, i)
		if s.After <= before {
			b.bad(place, "after has to be longer than 0s, and than that of the step before: the first message is the route's own")
		}
		if before = s.After; s.Notify == "" && s.Receiver == "" {
			b.bad(place, "whom does it tell? Set notify, receiver, or both")
		}
		if s.Notify != "" && !b.Knows(s.Notify) {
			b.bad(place+".notify", "there is neither a rotation, nor a group, nor a person %q", s.Notify)
		}
	}
}
