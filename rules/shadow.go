package rules

import (
	"fmt"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// reportShadowed warns about rules that can never be the first to hold: all that an earlier rule asks
// for, they ask for too. It compares the parts of conditions that are joined by "and", as text, so it
// finds less than there is, and nothing that is not so. A rule with a window lets the others have most of what
// it holds for, and hides none.
func reportShadowed(p *problems, rules []*Rule) {
	numbers := map[string]int{}
	var earlier []*Rule
	parts := map[*Rule]map[int]bool{}
	for _, r := range rules {
		if !r.Runs() || r.Condition == nil {
			continue
		}
		own := map[int]bool{}
		eachPart(common(r), func(part syntax.Node) {
			text := part.String()
			if _, known := numbers[text]; !known {
				numbers[text] = len(numbers)
			}
			own[numbers[text]] = true
		})
		parts[r] = own
		for _, e := range earlier {
			if e.Source == r.Source && contains(own, parts[e]) {
				p.add(Warning, LintShadowed, r.Name, r.At, fmt.Sprintf("%s: never fires: whenever it holds, %q at %s holds and comes first", r.Name, e.Name, e.At),
					"put it before that rule, or set rules.matching to all")
				break
			}
		}
		if r.Window == nil {
			earlier = append(earlier, r)
		}
	}
}

// common is what a rule asks whenever it holds: of a sequence, what it asks for all steps.
func common(r *Rule) syntax.Node {
	if r.Window == nil || len(r.Window.Steps) == 0 {
		return r.Condition
	}
	return r.Window.Steps[0].Node.(*syntax.And).Kids[0]
}

// eachPart visits what "and" joins, however it is nested.
func eachPart(n syntax.Node, visit func(syntax.Node)) {
	and, ok := n.(*syntax.And)
	if !ok {
		visit(n)
		return
	}
	for _, k := range and.Kids {
		eachPart(k, visit)
	}
}

func contains(all, some map[int]bool) bool {
	if len(some) > len(all) {
		return false
	}
	for k := range some {
		if !all[k] {
			return false
		}
	}
	return true
}
