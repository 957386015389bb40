package configs

import "fmt"

// NotYet lists what the configuration asks for and this version reads but does not do, a line each, so
// that nobody relies on it.
func (l *Loaded) NotYet() []string {
	var notes []string
	note := func(set bool, key, effect string) {
		if set {
			notes = append(notes, fmt.Sprintf("%s: warning: %s is not evaluated yet: %s", l.Name, key, effect))
		}
	}
	note(len(l.InhibitRules) > 0, "inhibit_rules", "nothing is inhibited")
	note(len(l.TimeIntervals) > 0, "time_intervals", "nothing is muted")
	return notes
}
