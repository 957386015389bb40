package rules

import (
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// exception is one entry of a rule's exceptions: what its condition does not apply to.
type exception struct {
	name   syntax.Text
	single bool          // one field, whose values are a flat list
	fields []syntax.Text //
	comps  []syntax.Text // one per field, once checked
	values []entry       // tuples; of the single form, scalars

	hasFields, hasComps, hasValues bool
}

// entry is a value of an exception: a scalar or a list of entries.
type entry struct {
	at     syntax.Pos
	text   syntax.Text
	list   []entry
	isList bool
}

var exceptionKeys = []string{"name", "fields", "comps", "values"}

// readExceptions reads the exceptions of a definition.
func (c *collector) readExceptions(k Key, rule string) ([]*exception, error) {
	all, err := c.parseExceptions(k)
	if err != nil {
		return nil, err
	}
	for i, e := range all {
		if err := e.check(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all[:i], e.sameName) {
			c.problems.add(Warning, ExceptionNameNotUnique, rule, e.name.Pos(0),
				fmt.Sprintf("%s: two exceptions have the name %q", rule, e.name), "values appended to that name go to the first")
		}
	}
	return all, nil
}

func (e *exception) sameName(other *exception) bool { return e.name.String() == other.name.String() }

// appendExceptions adds values to exceptions the rule has, and new exceptions.
func (c *collector) appendExceptions(d *definition, k Key) error {
	more, err := c.parseExceptions(k)
	if err != nil {
		return err
	}
	for _, e := range more {
		at := e.name.Pos(0)
		i := slices.IndexFunc(d.exceptions, e.sameName)
		switch {
		case i >= 0 && (e.hasFields || e.hasComps):
			return semantic(at, "give values alone", "exception %q has its fields and comps already", e.name)
		case i >= 0 && !e.hasValues:
			c.problems.add(Warning, AppendNoValues, d.name, at, fmt.Sprintf("%s: exception %q: there are no values to append", d.name, e.name), "")
		case i >= 0:
			longer := *d.exceptions[i]
			longer.values = append(slices.Clone(longer.values), e.values...)
			if err := longer.check(); err != nil {
				return err
			}
			d.exceptions[i] = &longer
		case !e.hasFields || !e.hasValues:
			var names []string
			for _, old := range d.exceptions {
				names = append(names, old.name.String())
			}
			return semantic(at, syntax.DidYouMean(e.name.String(), names), "the rule has no exception %q, and a new one needs fields and values", e.name)
		default:
			if err := e.check(); err != nil {
				return err
			}
			d.exceptions = append(d.exceptions, e)
		}
	}
	return nil
}

func (c *collector) parseExceptions(k Key) ([]*exception, error) {
	if k.IsNull() {
		return nil, nil
	}
	entries, err := k.Entries()
	if err != nil {
		return nil, err
	}
	var all []*exception
	for _, entry := range entries {
		it, err := entry.item()
		if err != nil {
			return nil, err
		}
		c.unknownKeys(it.Keys, exceptionKeys)
		e, err := parseException(it)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func parseException(it *Item) (*exception, error) {
	e := &exception{}
	var err error
	if e.name, err = required(it, "name"); err != nil {
		return nil, err
	}
	fields, ok := it.Get("fields")
	if e.hasFields = ok && !fields.IsNull(); e.hasFields {
		e.single = fields.IsScalar()
		if e.fields, err = fields.Texts(true); err != nil {
			return nil, err
		}
	}
	comps, ok := it.Get("comps")
	if e.hasComps = ok && !comps.IsNull(); e.hasComps {
		if e.comps, err = comps.Texts(true); err != nil {
			return nil, err
		}
		if e.hasFields && comps.IsScalar() != e.single {
			return nil, semantic(comps.At, "", "exception %q: fields and comps must both be single values or both be lists", e.name)
		}
	}
	values, ok := it.Get("values")
	if e.hasValues = ok && !values.IsNull(); !e.hasValues {
		return e, nil
	}
	e.values, err = readEntries(values, 0)
	return e, err
}

// readEntries reads values: scalars, tuples of scalars, tuples in which a value is a list.
func readEntries(k Key, depth int) ([]entry, error) {
	if depth > 2 {
		return nil, syntax.Errorf(k.At, "values are nested too deep: a value is a single one or a list of them")
	}
	keys, err := k.Entries()
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(keys))
	for i, k := range keys {
		entries[i].at = k.At
		if entries[i].isList = k.IsList(); entries[i].isList {
			entries[i].list, err = readEntries(k, depth+1)
		} else {
			entries[i].text, err = k.Text()
		}
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// check completes comps and refuses what cannot be made a condition.
func (e *exception) check() error {
	at := e.name.Pos(0)
	if len(e.fields) == 0 {
		return semantic(at, "", "exception %q has no fields", e.name)
	}
	if len(e.comps) == 0 && !e.hasComps {
		normal := "="
		if e.single {
			normal = "in"
		}
		for range e.fields {
			e.comps = append(e.comps, syntax.FixedText(normal, at))
		}
	}
	if len(e.comps) != len(e.fields) {
		return semantic(at, "", "exception %q has %d fields and %d comps", e.name, len(e.fields), len(e.comps))
	}
	for _, comp := range e.comps {
		op, modifier, ok := syntax.ParseOperator(comp.String())
		switch {
		case !ok:
			return semantic(comp.Pos(0), syntax.DidYouMean(comp.String(), syntax.Operators()), "exception %q: %q is no operator", e.name, comp)
		case e.single && !op.IsList() && modifier == "":
			return semantic(comp.Pos(0), "use in, pmatch, intersects or an operator with a modifier, or make fields a list",
				"exception %q: operator %q takes no list of values", e.name, comp)
		}
	}
	for _, v := range e.values {
		switch {
		case e.single && v.isList:
			return semantic(v.at, "", "exception %q: the values of a single field are single values", e.name)
		case !e.single && !v.isList:
			return semantic(v.at, "", "exception %q: each entry of values must be a list, one value a field", e.name)
		case !e.single && len(v.list) != len(e.fields):
			return semantic(v.at, "", "exception %q has %d fields, this entry %d values", e.name, len(e.fields), len(v.list))
		}
	}
	return nil
}

// checkFields refuses fields that do not exist.
func checkFields(exceptions []*exception) error {
	for _, e := range exceptions {
		for _, f := range e.fields {
			if _, err := filter.ParseField(f); err != nil {
				return &invalid{code: ErrValidate, err: syntax.AsError(err)}
			}
		}
	}
	return nil
}
