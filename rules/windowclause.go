package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// clause reads the members of a clause by their names; one whose name ends in "?" may be absent.
func clause(k Key, names ...string) (map[string]Key, error) {
	short := strings.TrimPrefix(k.Name, windowPrefix)
	if !k.isMapping() {
		return nil, &syntax.Error{At: k.At, Msg: k.Name + " must be a mapping", Hint: "write " + windowExamples[short]}
	}
	var all []string
	for _, name := range names {
		all = append(all, strings.TrimSuffix(name, "?"))
	}
	keys, err := k.Keys()
	if err != nil {
		return nil, err
	}
	members := map[string]Key{}
	for _, m := range keys {
		if err := known(m, k.Name, all); err != nil {
			return nil, err
		}
		name := m.Name
		m.Name = k.Name + "." + name
		members[name] = m
	}
	for _, name := range names {
		if _, ok := members[name]; !ok && !strings.HasSuffix(name, "?") {
			return nil, &syntax.Error{At: k.At, Msg: k.Name + "." + name + " is missing", Hint: "write " + windowExamples[short]}
		}
	}
	return members, nil
}

// known refuses a key that is none of names.
func known(k Key, of string, names []string) error {
	if slices.Contains(names, k.Name) {
		return nil
	}
	hint := syntax.DidYouMean(k.Name, names)
	if hint == "" {
		hint = "the keys are " + strings.Join(names, ", ")
	}
	return &syntax.Error{At: k.At, Msg: fmt.Sprintf("%s: unknown key %q", of, k.Name), Hint: hint}
}

// valueOf is a single value and its place, that of the key when there is nothing.
func valueOf(k Key) (syntax.Text, syntax.Pos, error) {
	t, err := k.Text()
	if err != nil || t.String() == "" {
		return t, k.At, err
	}
	return t, t.Pos(0), nil
}

// by reads what is counted together.
func (x *windowReader) by(k Key) error {
	if k.IsNull() {
		return nil
	}
	names, err := k.Texts(true)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, name := range names {
		f, p, err := x.value(name, k)
		if err != nil {
			return err
		}
		text := ""
		if p != nil {
			x.w.Payload.By, text = append(x.w.Payload.By, *p), p.Text
		} else {
			x.w.By, text = append(x.w.By, *f), f.Text
			x.lintKey(*f, name.Pos(0))
		}
		if seen[text] {
			return syntax.Errorf(name.Pos(0), "%s: %s is named twice", k.Name, text)
		}
		seen[text] = true
	}
	return nil
}

// field reads the field of a clause.
func (x *windowReader) field(k Key) error {
	name, err := k.Text()
	if err != nil {
		return err
	}
	f, p, err := x.value(name, k)
	if err != nil {
		return err
	}
	switch k.Name {
	case "window.distinct.field":
		x.w.Distinct = f
		if p != nil {
			x.w.Payload.Distinct = p
		}
	case "window.changed.field":
		x.w.Changed = f
		if p != nil {
			x.w.Payload.Changed = p
		}
	case "window.new.field":
		x.w.New = f
		if p != nil {
			x.w.Payload.New = p
		}
	}
	return nil
}

// value finds a field, or a member of the payload.
func (x *windowReader) value(name syntax.Text, k Key) (*field.Ref, *payload.Path, error) {
	if strings.TrimSpace(name.String()) == "" {
		return nil, nil, syntax.Errorf(k.At, "%s is empty", k.Name)
	}
	var f field.Ref
	var p payload.Path
	var err error
	if x.structured {
		p, err = payload.ParsePath(name, x.b.cfg.Sources[x.r.Source])
	} else {
		f, err = x.b.program.ParseField(name)
	}
	if err == nil && f.Def != nil && f.Def.FilterOnly {
		err = syntax.Errorf(name.Pos(0), "%s stands for both ends of a connection: it has no one value", f.Text)
	}
	if err != nil {
		e := *syntax.AsError(err)
		e.Msg = k.Name + ": " + e.Msg
		return nil, nil, &e
	}
	if x.structured {
		return nil, &p, nil
	}
	if why := x.b.program.Unavailable(f); why != "" {
		x.b.problems.add(Warning, Blind, x.r.Name, name.Pos(0), fmt.Sprintf("%s: %s: %s is always null here: %s", x.r.Name, k.Name, f.Text, why), "")
	}
	return &f, nil, nil
}
