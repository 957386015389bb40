package field

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// All lists every known field, class by class.
var All = sync.OnceValue(func() []*Def {
	var all []*Def
	for _, class := range []struct {
		source string
		defs   []Def
	}{
		{"kernel event", slices.Concat(eventFields(), timingFields(), classFields(), argFields(), fdFields(), pathFields(), changeFields())},
		{"process table", slices.Concat(processFields(), ancestorFields(), threadFields())},
		{"passwd and group files", userFields()},
		{"container runtime", slices.Concat(containerFields(), podFields(), mountFields())},
		{"address database", placeFields()},
		{"nothing", unavailableFields()},
	} {
		for i := range class.defs {
			if d := &class.defs[i]; d.Source == "" {
				d.Source = class.source
			}
			all = append(all, &class.defs[i])
		}
	}
	return all
})

var byName = sync.OnceValue(func() map[string]*Def {
	index := make(map[string]*Def, len(All()))
	for _, d := range All() {
		index[d.Name] = d
	}
	return index
})

// ErrUnknown is in the error of Lookup when there is no such field, as opposed to a bad argument.
var ErrUnknown = errors.New("nonexistent field")

// Lookup finds the field an operand names and binds its argument.
func Lookup(o syntax.Operand) (Ref, error) {
	d, arg, hasArg := find(o.Name)
	if d == nil {
		return Ref{}, fmt.Errorf("%w %q", ErrUnknown, o.Name)
	}
	if o.HasArg {
		arg, hasArg = o.Arg, true
	}
	r := Ref{Def: d, Text: o.Name, Getter: d.get}
	if o.HasArg {
		r.Text += "[" + o.Arg + "]"
	}
	if err := d.checkArg(arg, hasArg); err != nil || !hasArg {
		return r, err
	}
	if d.bind == nil {
		return r, nil
	}
	if d.typeOf != nil {
		typed := *d
		typed.Type = d.typeOf(arg)
		r.Def = &typed
	}
	get, err := d.bind(arg)
	if err != nil {
		return Ref{}, fmt.Errorf("field %q: %w", o.Name, err)
	}
	r.Getter = get
	return r, nil
}

// find resolves a name, of which the last parts may be the argument.
func find(name string) (d *Def, arg string, hasArg bool) {
	if d, ok := byName()[name]; ok {
		return d, "", false
	}
	for dot := strings.LastIndexByte(name, '.'); dot > 0; dot = strings.LastIndexByte(name[:dot], '.') {
		if d, ok := byName()[name[:dot]]; ok && d.DotArg {
			return d, name[dot+1:], true
		}
	}
	return nil, "", false
}

func (d *Def) checkArg(arg string, has bool) error {
	switch {
	case has && d.Arg == NoArg:
		return fmt.Errorf("field %q takes no argument", d.Name)
	case !has && (d.Arg == NeedsIndex || d.Arg == NeedsKey):
		return fmt.Errorf("field %q needs an argument, as in %s[…]", d.Name, d.Name)
	case has && (d.Arg == NeedsIndex || d.Arg == MayIndex):
		if _, err := parseIndex(arg); err != nil {
			return fmt.Errorf("field %q: %w", d.Name, err)
		}
	}
	return nil
}

// parseIndex reads a list index; it is bounded because ancestors are walked one by one.
func parseIndex(arg string) (int, error) {
	n := 0
	for _, c := range arg {
		if c < '0' || c > '9' || n > 1<<16 {
			return 0, fmt.Errorf("%q is not an index: write a small number", arg)
		}
		n = n*10 + int(c-'0')
	}
	return n, nil
}

// Names are the names of all fields, sorted: for hints.
func Names() []string {
	names := make([]string, 0, len(All()))
	for _, d := range All() {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return names
}

// The constructors below keep the tables of fields readable: one line a field.

func str(name, doc string, f func(*View) (string, bool)) Def {
	return Def{Name: name, Type: String, Doc: doc, get: Getter{Str: f}}
}

func number(name string, t Type, doc string, f func(*View) (int64, bool)) Def {
	return Def{Name: name, Type: t, Doc: doc, get: Getter{Int: f}}
}

func boolean(name, doc string, f func(*View) (value, ok bool)) Def {
	return Def{Name: name, Type: Bool, Doc: doc, get: Getter{Bool: f}}
}

// from says where a field's values come from, where that is not what its class has.
func from(source string, d Def) Def {
	d.Source = source
	return d
}

// missing is a field of Falco's that is always null here.
func missing(t Type, why string, names ...string) []Def {
	defs := make([]Def, len(names))
	for i, n := range names {
		defs[i] = Def{Name: n, Type: t, Doc: "known to Falco", Unavailable: why}
	}
	return defs
}
