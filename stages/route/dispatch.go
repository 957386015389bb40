package route

import (
	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// fewRoutes are asked one by one: to look them up would cost more.
const fewRoutes = 4

func (r *Route) indexChildren() {
	if len(r.Routes) <= fewRoutes {
		return
	}
	all := make([]labels.Matchers, len(r.Routes))
	for i, child := range r.Routes {
		all[i] = child.matchers
	}
	r.children = matcher.NewIndex(all)
}

// Match returns the routes that take an alert with these labels: depth first, left to right; a node
// whose children took it does not; a child without continue is the last of its siblings.
func (t *Tree) Match(set map[string]string) []*Route { return t.Root.match(set, nil) }

func (r *Route) match(set map[string]string, taken []*Route) []*Route {
	if !matcher.Match(r.matchers, set) {
		return taken
	}
	before := len(taken)
	if r.children == nil {
		for _, child := range r.Routes {
			n := len(taken)
			if taken = child.match(set, taken); len(taken) > n && !child.Continue {
				break
			}
		}
	} else {
		taken = r.matchIndexed(set, taken)
	}
	if len(taken) == before {
		taken = append(taken, r)
	}
	return taken
}

// matchIndexed asks the children that can match.
func (r *Route) matchIndexed(set map[string]string, taken []*Route) []*Route {
	found := r.children.Find(set, make(matcher.Found, 0, 8))
	for i, ok := found.Next(); ok; i, ok = found.Next() {
		child := r.Routes[i]
		n := len(taken)
		if taken = child.match(set, taken); len(taken) > n && !child.Continue {
			break
		}
	}
	return taken
}
