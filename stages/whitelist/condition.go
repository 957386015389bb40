package whitelist

import (
	"net/netip"
	"strings"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
)

// condition reads match: a condition as text, or a mapping from field to a value or a list of them, all
// of which must hold. A value with * ? or [ is a pattern, one with a length after an address a network. Keys
// that begin with "event." name members of structured events instead of fields.
func condition(match rules.Key, schemas []*payload.Schema) (n syntax.Node, members []member, err error) {
	if match.IsScalar() {
		t, err := match.Text()
		if err != nil {
			return nil, nil, err
		}
		n, err = syntax.Parse(t)
		return n, nil, err
	}
	keys, err := match.Keys()
	if err != nil {
		return nil, nil, err
	}
	if len(keys) == 0 {
		return nil, nil, syntax.Errorf(match.At, "match is empty: the entry would cover everything")
	}
	var all []syntax.Node
	for _, k := range keys {
		if isMember(k.Name) {
			m, err := readMember(k, schemas)
			if err != nil {
				return nil, nil, err
			}
			members = append(members, m)
			continue
		}
		n, err := oneOf(k)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return nil, members, nil
	}
	return join(all, func(kids []syntax.Node) syntax.Node { return &syntax.And{At: match.At, Kids: kids} }), members, nil
}

// join is the only kid, or what group makes of several.
func join(kids []syntax.Node, group func([]syntax.Node) syntax.Node) syntax.Node {
	if len(kids) == 1 {
		return kids[0]
	}
	return group(kids)
}

// oneOf is the condition that a field has one of some values.
func oneOf(k rules.Key) (syntax.Node, error) {
	f, err := filter.ParseField(syntax.FixedText(k.Name, k.At))
	if err != nil {
		return nil, err
	}
	left, _, err := syntax.ParseOperand(syntax.FixedText(k.Name, k.At))
	if err != nil {
		return nil, err
	}
	values, err := k.Texts(true)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return nil, syntax.Errorf(k.At, "%s has no values: the entry would never apply", k.Name)
	}
	plain := &syntax.Check{At: k.At, Left: left, Op: syntax.In}
	var any []syntax.Node
	for _, t := range values {
		v := syntax.Value{At: t.Pos(0), Text: t.String()}
		switch {
		case f.Def.Type == field.String && isGlob(v.Text):
			any = append(any, &syntax.Check{At: v.At, Left: left, Op: syntax.Glob, Values: []syntax.Value{v}})
		case f.Def.Type == field.Net || f.Def.Type == field.IP && isNetwork(v.Text):
			any = append(any, &syntax.Check{At: v.At, Left: network(left), Op: syntax.Eq, Values: []syntax.Value{v}})
		case strings.HasSuffix(f.Def.Name, ".ip") && isNetwork(v.Text): // container.ip and k8s.pod.ip
			return nil, &syntax.Error{At: v.At, Msg: k.Name + " is compared as text: a network would never apply", Hint: "write a pattern, as 10.1.*"}
		default:
			plain.Values = append(plain.Values, v)
		}
	}
	if len(plain.Values) > 0 {
		any = append(any, plain)
	}
	return join(any, func(kids []syntax.Node) syntax.Node { return &syntax.Or{At: k.At, Kids: kids} }), nil
}

func isNetwork(s string) bool {
	_, err := netip.ParsePrefix(s)
	return err == nil
}

// network is the field that compares the same address with networks: fd.snet for fd.sip.
func network(o syntax.Operand) syntax.Operand {
	o.Name = strings.TrimSuffix(o.Name, "ip") + "net"
	return o
}

// knownOnly rewrites a condition so that a field without a value never makes it hold. Only negation can
// do that: a comparison of nothing is false, its negation would be true. So every negated comparison
// gets a demand that its field exists.
func knownOnly(n syntax.Node, negated bool) syntax.Node {
	switch n := n.(type) {
	case *syntax.Not:
		return knownOnly(n.Kid, !negated)
	case *syntax.And:
		kids := knownAll(n.Kids, negated)
		if negated {
			return &syntax.Or{At: n.At, Kids: kids}
		}
		return &syntax.And{At: n.At, Kids: kids}
	case *syntax.Or:
		kids := knownAll(n.Kids, negated)
		if negated {
			return &syntax.And{At: n.At, Kids: kids}
		}
		return &syntax.Or{At: n.At, Kids: kids}
	case *syntax.Check:
		if !negated {
			return n
		}
		kids := []syntax.Node{&syntax.Check{At: n.At, Left: n.Left, Op: syntax.Exists}}
		if n.Right != nil {
			kids = append(kids, &syntax.Check{At: n.At, Left: *n.Right, Op: syntax.Exists})
		}
		return &syntax.And{At: n.At, Kids: append(kids, &syntax.Not{At: n.At, Kid: n})}
	default:
		return n
	}
}

func knownAll(kids []syntax.Node, negated bool) []syntax.Node {
	known := make([]syntax.Node, len(kids))
	for i, k := range kids {
		known[i] = knownOnly(k, negated)
	}
	return known
}
