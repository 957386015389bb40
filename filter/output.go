package filter

import (
	"errors"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// null is what an output shows for a field without a value.
const null = "<NA>"

// Output is a compiled output text. It is safe for concurrent use; the View it is given is not.
type Output struct {
	parts  []part
	fields []field.Ref
	reads  []placed // the fields that fields are made of
	notes  []Note
}

// placed is a field and where it is named.
type placed struct {
	ref field.Ref
	at  syntax.Pos
}

// part is literal text, then a field unless ref.Def is nil.
type part struct {
	literal string
	ref     field.Ref
	width   int // pad or cut to so many characters; 0: as it is
}

// infoField is an old way to ask for the container's description; Falco prints nothing for it now.
const infoField = "container.info"

// ParseOutput compiles text with %fields. The error is a *syntax.Error.
func ParseOutput(t syntax.Text) (*Output, error) { return lookup(field.Lookup).output(t) }

func (l lookup) output(t syntax.Text) (*Output, error) { return l.piece(OutputText(t)) }

// OutputText is what of an output's text is shown.
func OutputText(t syntax.Text) syntax.Text {
	t = t.Trim()
	if strings.HasPrefix(t.String(), "*") { // "print even when fields are null", which is always so
		t = t.Slice(1, len(t.String()))
	}
	return t
}

// piece compiles text of which every byte is shown.
func (l lookup) piece(t syntax.Text) (*Output, error) {
	o := &Output{}
	seen := map[string]bool{}
	s := t.String()
	literal := 0
	for i := 0; i < len(s); {
		if s[i] != '%' {
			i++
			continue
		}
		p := part{literal: s[literal:i]}
		percent := i
		i++
		for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			p.width = min(p.width*10+int(s[i]-'0'), pipeline.MaxWidth)
		}
		if strings.HasPrefix(s[i:], infoField) {
			i += len(infoField)
			o.notes = append(o.notes, Note{At: t.Pos(percent), Msg: "%" + infoField + " prints nothing; name the fields you want"})
		} else {
			found, length, err := l.outputField(t.Slice(i, len(s)), t.Pos(percent))
			if err != nil {
				return nil, err
			}
			i += length
			p.ref = found.ref
			o.addFields(found, t.Pos(percent), seen)
		}
		o.parts = append(o.parts, p)
		literal = i
	}
	o.parts = append(o.parts, part{literal: s[literal:]})
	return o, nil
}

// ParseOutputs compiles the pieces of an output, between which something else is shown, and joins them to a
// whole that has the fields of all. The error is a *syntax.Error.
func (p *Program) ParseOutputs(pieces []syntax.Text) (whole *Output, parts []*Output, err error) {
	whole = &Output{}
	seen := map[string]bool{}
	for _, t := range pieces {
		o, err := p.lookup.piece(t)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, o)
		whole.parts = append(whole.parts, o.parts...)
		whole.reads = append(whole.reads, o.reads...)
		whole.notes = append(whole.notes, o.notes...)
		for _, f := range o.fields {
			if !seen[f.Text] {
				seen[f.Text] = true
				whole.fields = append(whole.fields, f)
			}
		}
	}
	return whole, parts, nil
}

// outputField reads the longest text at the start of t that is a field.
func (l lookup) outputField(t syntax.Text, percent syntax.Pos) (operand, int, error) {
	parsed, length, err := syntax.ParseOperand(t)
	if err != nil {
		return operand{}, 0, &syntax.Error{At: percent, Msg: "no field after %", Hint: "an output cannot hold a literal percent sign"}
	}
	found, err := l.resolve(parsed)
	for shorter := parsed; err != nil && unknownField(parsed) && strings.Contains(shorter.Name, "."); {
		shorter = syntax.Operand{At: parsed.At, Name: shorter.Name[:len(shorter.Name)-1]}
		if again, retry := l.resolve(shorter); retry == nil {
			found, length, err = again, len(shorter.Name), nil
		}
	}
	if err == nil && found.ref.Def.FilterOnly {
		return operand{}, 0, syntax.Errorf(percent, "%s can be compared but not printed: it stands for both ends of a connection", found.ref.Text)
	}
	return found, length, err
}

// unknownField reports whether what is wrong with o is that no such field exists.
func unknownField(o syntax.Operand) bool {
	_, err := field.Lookup(o)
	return o.Kind == syntax.FieldOperand && errors.Is(err, field.ErrUnknown)
}

func (o *Output) addFields(found operand, at syntax.Pos, seen map[string]bool) {
	if seen[found.ref.Text] {
		return
	}
	seen[found.ref.Text] = true
	o.fields = append(o.fields, found.ref)
	for _, f := range found.fields {
		o.reads = append(o.reads, placed{f, at})
		if f.Null() {
			o.notes = append(o.notes, Note{At: at, Msg: f.Text + " is always null here: " + f.Def.Unavailable})
		}
	}
}

// Fields are the fields of the output, each once, in order.
func (o *Output) Fields() []field.Ref { return o.fields }

// Notes are fields that will always print as null.
func (o *Output) Notes() []Note { return o.notes }

// Append writes the text for the event that v looks at.
func (o *Output) Append(dst []byte, v *field.View) []byte {
	for i := range o.parts {
		p := &o.parts[i]
		dst = append(dst, p.literal...)
		if p.ref.Def == nil {
			continue
		}
		start := len(dst)
		var ok bool
		if dst, ok = p.ref.Append(dst, v); !ok {
			dst = append(dst[:start], null...)
		}
		if p.width > 0 {
			dst = pipeline.Fit(dst, start, p.width)
		}
	}
	return dst
}
