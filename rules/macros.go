package rules

import "github.com/tocsin-security/tocsin/filter/syntax"

// Origin names the macros that brought a part of a rule's condition in, the outermost first; none when the
// rule itself says it. The part is one of the rule's own tree or of the compiled one, whose comparisons are
// the same: of anything else in it, the macros that all its comparisons come from are meant.
func (s *Set) Origin(r *Rule, part syntax.Node) []string {
	var common []string
	first := true
	origins := s.origins(r)
	syntax.Walk(part, func(n syntax.Node) {
		check, ok := n.(*syntax.Check)
		if !ok {
			return
		}
		path := origins[check]
		if first {
			common, first = path, false
		}
		for i, name := range common {
			if i >= len(path) || path[i] != name {
				common = common[:i]
				break
			}
		}
	})
	return common
}

// origins are the macros around each comparison of a rule; where one is there twice, those of the first.
func (s *Set) origins(r *Rule) map[*syntax.Check][]string {
	origins := map[*syntax.Check][]string{}
	var walk func(n syntax.Node, within []string)
	walk = func(n syntax.Node, within []string) {
		if name, ok := s.macros[n]; ok {
			within = append(within[:len(within):len(within)], name)
		}
		switch n := n.(type) {
		case *syntax.And:
			for _, k := range n.Kids {
				walk(k, within)
			}
		case *syntax.Or:
			for _, k := range n.Kids {
				walk(k, within)
			}
		case *syntax.Not:
			walk(n.Kid, within)
		case *syntax.Check:
			if _, taken := origins[n]; !taken {
				origins[n] = within
			}
		}
	}
	walk(r.Condition, nil)
	return origins
}

// names are the macros by their trees, which rules share.
func (x *expander) names() map[syntax.Node]string {
	names := make(map[syntax.Node]string, len(x.parsed))
	for name, p := range x.parsed {
		if p.node != nil {
			names[p.node] = name
		}
	}
	return names
}

// ownRoot copies the root of a macro's tree: a macro that is nothing but another one would have that one's.
func ownRoot(n syntax.Node) syntax.Node {
	switch n := n.(type) {
	case *syntax.And:
		return &syntax.And{At: n.At, Kids: n.Kids}
	case *syntax.Or:
		return &syntax.Or{At: n.At, Kids: n.Kids}
	case *syntax.Not:
		return &syntax.Not{At: n.At, Kid: n.Kid}
	case *syntax.Check:
		check := *n
		return &check
	default:
		return n
	}
}
