package suggest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Options are what an alert does not say.
type Options struct {
	ID      string    // of the entry; "": made of rule and program
	Owner   string    // who looks after it; "" is left to be filled in
	Expires time.Time // required: an exception that nobody looks at again is a hole
	Exact   bool      // the file itself, not the folder it is in
}

// Entry is a suggested entry.
type Entry struct {
	ID      string
	Rule    string
	Owner   string
	Expires time.Time
	Terms   []Term
	Notes   []string // what whoever approves it should know
	Proof   string   // why it is not shown to cover the alert; "": it is
	of      time.Time
}

// Term is one field of match with its value.
type Term struct {
	Field string
	Value string // as the alert has it
	Text  string // as the entry asks for it: the value, or a pattern
}

// For suggests an entry for an alert. It is an error when the alert says too little to tell what is allowed from
// what is not.
func For(a *pipeline.Alert, opts Options) (*Entry, error) {
	if a.Rule == "" {
		return nil, errors.New("the alert has no rule: one of tocsin's or Falco's JSON alerts is needed")
	}
	if a.Time.IsZero() {
		return nil, errors.New("the alert has no time")
	}
	e := &Entry{ID: opts.ID, Rule: a.Rule, Owner: opts.Owner, Expires: opts.Expires, of: a.Time}
	r := reader{fields: a.OutputFields, entry: e, exact: opts.Exact}
	r.read()
	if !r.telling {
		return nil, fmt.Errorf("the alert of rule %q names neither a program, a file nor an address: an entry for it would keep far more quiet than this alert; "+
			"add fields such as proc.exepath to the rule's output", a.Rule)
	}
	if strings.Contains(a.Rule, "*") {
		e.note("the rule's name has a * in it, which stands for any text: the entry is for other rules too if their names are alike")
	}
	if e.ID == "" {
		e.ID = slug(a.Rule + " " + r.program)
	}
	var err error
	if e.Proof, err = prove(e, a); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Entry) note(format string, args ...any) {
	e.Notes = append(e.Notes, fmt.Sprintf(format, args...))
}

// maxID keeps an id readable.
const maxID = 60

// slug makes an id of letters, digits and dashes.
func slug(s string) string {
	var b strings.Builder
	dash := false
	for _, c := range strings.ToLower(s) {
		if c < 'a' || c > 'z' {
			if c < '0' || c > '9' {
				dash = b.Len() > 0
				continue
			}
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteRune(c)
		if b.Len() >= maxID {
			break
		}
	}
	if b.Len() == 0 {
		return "entry"
	}
	return b.String()
}

// Report says whether the entry covers the alert, and what is doubtful about it.
func (e *Entry) Report(out io.Writer) error {
	var b strings.Builder
	if e.Proof == "" {
		var names []string
		for _, t := range e.Terms {
			names = append(names, comment(t.Field))
		}
		fmt.Fprintf(&b, "the entry covers the alert: asked about an event with its fields, it applies (%s)\n", strings.Join(names, ", "))
	} else {
		fmt.Fprintf(&b, "NOT SHOWN that the entry covers the alert: %s\n", comment(e.Proof))
	}
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "note: %s\n", comment(n))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
