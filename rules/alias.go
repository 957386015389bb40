package rules

import (
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// priorityAliases are the three steps of other scales. CRITICAL stands above them in those too.
var priorityAliases = map[string]pipeline.Priority{"high": pipeline.Error, "medium": pipeline.Warning, "low": pipeline.Notice}

// containerAliases are macros that articles use as if they were part of the language.
var containerAliases = []string{"containerized", "container"}

// priority reads a priority. Outside strict mode it may be one of another scale.
func (b *builder) priority(r *Rule, t syntax.Text) (pipeline.Priority, error) {
	p, err := pipeline.ParsePriority(t.String())
	if err == nil {
		return p, nil
	}
	alias, ok := priorityAliases[strings.ToLower(t.String())]
	if !ok || b.cfg.Strict {
		return p, syntax.Errorf(t.Pos(0), "%v", err)
	}
	b.problems.add(Info, Alias, r.Name, t.Pos(0), fmt.Sprintf("%s: priority %s is understood as %s", r.Name, t, alias), "")
	return alias, nil
}

// alias is what a word stands for that is no macro's name: nil when it stands for nothing.
func (x *expander) alias(ref *syntax.Macro) syntax.Node {
	if x.strict {
		return nil
	}
	name := ref.Name
	c := &syntax.Check{At: ref.At, Left: syntax.Operand{At: ref.At}}
	var value string
	for _, a := range containerAliases {
		if name == a {
			c.Left.Name, c.Op, value = "container.id", syntax.NotEq, "host"
		}
	}
	if value == "" && len(pipeline.EventTypesNamed(name)) > 0 && name != pipeline.EventJSON.String() {
		c.Left.Name, c.Op, value = "evt.type", syntax.Eq, name
	}
	if value == "" {
		return nil
	}
	c.Values = []syntax.Value{{At: ref.At, Text: value}}
	x.problems.add(Info, Alias, x.item, ref.At, fmt.Sprintf("%s: there is no macro %q: understood as %s", x.item, name, c), "")
	return c
}

// alone decides whether a field without an operator may mean that it is true: a bool's may.
func (x *expander) alone(o syntax.Operand) bool {
	f, err := field.Lookup(o)
	if x.strict || o.Kind != syntax.FieldOperand || err != nil || f.Def.Type != field.Bool {
		return false
	}
	x.problems.add(Info, Alias, x.item, o.At, fmt.Sprintf("%s: %s without an operator is understood as %s = true", x.item, o, o), "")
	return true
}
