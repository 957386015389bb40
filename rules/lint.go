package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// linter looks at one rule's or macro's own condition, macros not yet inserted, for what is valid and
// probably not meant.
type linter struct {
	item     string
	problems *problems
}

func (l linter) warn(code Code, at syntax.Pos, hint, format string, args ...any) {
	l.problems.add(Warning, code, l.item, at, l.item+": "+fmt.Sprintf(format, args...), hint)
}

func (l linter) condition(n syntax.Node) {
	syntax.Walk(n, func(n syntax.Node) {
		switch n := n.(type) {
		case *syntax.Or:
			l.alwaysTrue(n)
		case *syntax.Check:
			l.fields(n.Left)
			if n.Right != nil {
				l.fields(*n.Right)
			}
			l.unsafeNull(n)
			l.constants(n)
			l.comm(n)
			if n.Op == syntax.Regex && n.Modifier == "" && len(n.Values) == 1 {
				l.regex(n)
			}
		}
	})
}

// deprecated are fields that Falco keeps for old rules.
func deprecated(name string) bool {
	return name == "evt.dir" || name == "evt.latency" || strings.HasPrefix(name, "evt.latency.") || name == "evt.wait_latency"
}

func (l linter) fields(o syntax.Operand) {
	for _, a := range o.Args {
		l.fields(a)
	}
	if o.Kind == syntax.FieldOperand && deprecated(o.Name) {
		l.warn(DeprecatedItem, o.At, deprecatedHint, "field %s is deprecated", o.Name)
	}
}

const deprecatedHint = "leave it out: an event is the whole call, with its result"

// unsafeNull warns about fields of Kubernetes audit events that are null where others say <NA>.
func (l linter) unsafeNull(c *syntax.Check) {
	if !strings.HasPrefix(c.Left.Name, "ka.") && !strings.HasPrefix(c.Left.Name, "jevt.") {
		return
	}
	for _, v := range c.Values {
		if v.Text == "<NA>" {
			l.warn(UnsafeNACheck, v.At, "write: not "+c.Left.String()+" exists", "%s is never \"<NA>\": a missing one has no value", c.Left)
		}
	}
}

// constants warns about text that was meant to be read as a field or a transformer.
func (l linter) constants(c *syntax.Check) {
	for _, v := range c.Values {
		if strings.HasPrefix(v.Text, "/") || !strings.ContainsAny(v.Text, ".(") {
			continue // most are, and a failed parse costs an error
		}
		o, n, err := syntax.ParseOperand(syntax.FixedText(v.Text, v.At))
		if err != nil || n != len(v.Text) {
			continue
		}
		if o.Kind == syntax.TransformerOperand {
			l.warn(CompileCondition, v.At, "leave the quotes out", "%q looks like a transformer and is taken as text", v.Text)
		} else if _, err := field.Lookup(o); err == nil {
			l.warn(CompileCondition, v.At, "to compare with the field, write val("+v.Text+")", "%q looks like a field and is taken as text", v.Text)
		}
	}
}

// regex warns about patterns that a simpler operator says better.
func (l linter) regex(c *syntax.Check) {
	const meta = `\.+*?()|[]{}^$`
	p := strings.TrimSuffix(strings.TrimPrefix(c.Values[0].Text, "^"), "$")
	inner, before := strings.CutPrefix(p, ".*")
	inner, after := strings.CutSuffix(inner, ".*")
	if inner == "" || strings.ContainsAny(inner, meta) {
		return
	}
	op := syntax.Eq
	switch {
	case before && after:
		op = syntax.Contains
	case before:
		op = syntax.EndsWith
	case after:
		op = syntax.StartsWith
	}
	l.warn(CompileCondition, c.Values[0].At, "write: "+c.Left.String()+" "+string(op)+" "+syntax.Quote(inner), "the regular expression %q is costly and not needed", c.Values[0].Text)
}

// pathFields are the fields that hold a path, by the field that holds a process's name.
var pathFields = map[string]string{"proc.name": "proc.exepath", "proc.pname": "proc.pexepath", "proc.aname": "proc.aexepath"}

// maxComm is how many bytes of a process's name the kernel keeps (TASK_COMM_LEN without the NUL).
const maxComm = 15

// comm warns about values that the name of a process can never have.
func (l linter) comm(c *syntax.Check) {
	path, isComm := pathFields[c.Left.Name]
	if !isComm || c.Left.Kind != syntax.FieldOperand || !slices.Contains([]syntax.Op{syntax.Eq, syntax.NotEq, syntax.In, syntax.Intersects, syntax.StartsWith}, c.Op) {
		return
	}
	if c.Left.HasArg {
		path += "[" + c.Left.Arg + "]"
	}
	var long []string
	var at syntax.Pos
	for _, v := range c.Values {
		switch {
		case strings.HasPrefix(v.Text, "/"):
			l.warn(LintCommPath, v.At, "compare with "+path, "%s is a name without a path, never %q", c.Left, v.Text)
		case len(v.Text) > maxComm:
			if len(long) == 0 {
				at = v.At
			}
			long = append(long, strconv.Quote(v.Text))
		}
	}
	if len(long) > 0 {
		l.warn(LintCommLength, at, fmt.Sprintf("cut it to %d bytes, or compare with %s", maxComm, path),
			"%s holds at most %d bytes, never %s", c.Left, maxComm, strings.Join(long, ", "))
	}
}

// alwaysTrue warns about "x != a or x != b", which holds for every x that is not null.
func (l linter) alwaysTrue(or *syntax.Or) {
	first := map[string]syntax.Value{} // field → the value it is not
	for _, kid := range or.Kids {
		c, v, ok := unequal(kid)
		if !ok {
			continue
		}
		name := c.Left.String()
		before, seen := first[name]
		if !seen {
			first[name] = v
			continue
		}
		if before.Text != v.Text {
			l.warn(LintAlwaysTrue, c.At, fmt.Sprintf("write: not %s in (%s, %s)", name, syntax.Quote(before.Text), syntax.Quote(v.Text)),
				"holds whatever %s is: it differs from %q or from %q", name, before.Text, v.Text)
			return
		}
	}
}

// unequal recognises "x != a" and "not x = a" for a field with one value, written in one way.
func unequal(n syntax.Node) (*syntax.Check, syntax.Value, bool) {
	want := syntax.NotEq
	if not, ok := n.(*syntax.Not); ok {
		n, want = not.Kid, syntax.Eq
	}
	c, ok := n.(*syntax.Check)
	if !ok || c.Op != want || c.Modifier != "" || len(c.Values) != 1 || c.Left.Kind != syntax.FieldOperand {
		return nil, syntax.Value{}, false
	}
	f, err := field.Lookup(c.Left)
	if err != nil || f.IsAny() || f.Def.FilterOnly || f.Def.Resolved || f.Ends != nil || f.HostAddr != nil {
		return nil, syntax.Value{}, false
	}
	t := f.Def.Type
	return c, c.Values[0], t == field.String || t == field.Bool || t == field.Int && isDecimal(c.Values[0].Text)
}

// isDecimal reports a number that is written in the only way there is.
func isDecimal(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == s
}

// infoField is an old way to ask an output for the container's description.
const infoField = "%container.info"

// lintOutput warns about deprecated fields in an output.
func lintOutput(p *problems, r *Rule, output syntax.Text) {
	if i := strings.Index(output.String(), infoField); i >= 0 {
		p.add(Warning, DeprecatedItem, r.Name, output.Pos(i), r.Name+": "+infoField+" is deprecated and prints nothing", "name the fields you want")
	}
	for _, f := range r.Output.Fields() {
		if deprecated(f.Def.Name) {
			i := strings.Index(output.String(), "%"+f.Text)
			p.add(Warning, DeprecatedItem, r.Name, output.Pos(max(i, 0)), r.Name+": field "+f.Text+" is deprecated", deprecatedHint)
		}
	}
}
