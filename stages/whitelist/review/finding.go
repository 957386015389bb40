package review

import (
	"fmt"
	"strings"
)

// Finding is something about one entry that somebody should look at.
type Finding struct {
	Entry   string            `json:"entry"`
	Place   string            `json:"place"` // file:line:col
	Kind    Kind              `json:"kind"`
	Level   Level             `json:"level"`
	Message string            `json:"message"`           // what is so, and what to do
	Others  []string          `json:"others,omitempty"`  // ids of the entries that it is about besides
	Example map[string]string `json:"example,omitempty"` // of overlapping: fields of an event that both cover
	Rules   []string          `json:"rules,omitempty"`   // of overlapping: the rules that both are for, at most maxNamed
}

// Kind says what a finding is about.
type Kind string

// Kinds of finding, the gravest first.
const (
	Invalid     Kind = "invalid"      // cannot be read, and keeps the whole whitelist from being used
	NoReason    Kind = "no-reason"    // nobody said why
	Broad       Kind = "broad"        // covers more than anybody can have meant
	Expired     Kind = "expired"      // no longer applies
	NeverHolds  Kind = "never-holds"  // no event can satisfy it here
	UnknownRule Kind = "unknown-rule" // names a rule that does not exist
	Shadowed    Kind = "shadowed"     // an earlier entry covers all that it does
	Expiring    Kind = "expiring"     // soon no longer applies
	Unused      Kind = "unused"       // kept nothing quiet for long
	Overlapping Kind = "overlapping"  // another entry covers some of the same
	NoOwner     Kind = "no-owner"     // nobody to ask about it
)

// Level is how much a finding matters.
type Level uint8

// Levels, in their order.
const (
	Info Level = iota + 1
	Warning
	Error
)

var levelNames = []string{Info: "info", Warning: "warning", Error: "error"}

// String is the name that flags and outputs use.
func (l Level) String() string {
	if int(l) < len(levelNames) && l > 0 {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the name.
func (l *Level) UnmarshalText(b []byte) error {
	for level := Info; level <= Error; level++ {
		if level.String() == string(b) {
			*l = level
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", b, strings.Join(levelNames[Info:], ", "))
}

// levels are how grave the kinds are.
var levels = map[Kind]Level{
	Invalid: Error, NoReason: Error, Broad: Error, Expired: Warning, NeverHolds: Warning, UnknownRule: Warning, Shadowed: Warning,
	Expiring: Warning, Unused: Warning, Overlapping: Info, NoOwner: Info,
}
