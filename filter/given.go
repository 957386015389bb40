package filter

import (
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// NewGivenProgram returns an empty Program for events that are made of their fields (field.Given): rules
// are tested with it. Everything but the reading of fields is as in any other Program.
func NewGivenProgram() *Program {
	p := NewProgram()
	p.lookup = field.LookupGiven
	return p
}

// Like is an empty Program that reads fields as p does.
func (p *Program) Like() *Program {
	like := NewProgram()
	like.lookup, like.hosts, like.located = p.lookup, p.hosts, p.located
	return like
}

// ParseOutput compiles text with %fields for the events that p is for. The error is a *syntax.Error.
func (p *Program) ParseOutput(t syntax.Text) (*Output, error) { return p.lookup.output(t) }

// ParseField reads a field's name, with its argument, for the events that p is for. The error is a
// *syntax.Error.
func (p *Program) ParseField(t syntax.Text) (field.Ref, error) { return p.lookup.parse(t) }
