package configs

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// merges puts what the merge keys of YAML (<<: *defaults) stand for in their place. goccy reads these keys, but refuses
// the keys that replace what is merged.
type merges struct {
	*file
	anchors map[string]ast.Node
	under   []ast.Node // on the way to what is looked at: none of these can be merged into it
	done    map[*ast.MappingNode]bool
}

// mergeAll does so everywhere. What is merged is in several places after that: it must not be changed any more.
func (f *file) mergeAll(body ast.Node) {
	m := merges{file: f, anchors: map[string]ast.Node{}, done: map[*ast.MappingNode]bool{}}
	var mappings []*ast.MappingNode
	ast.Walk(visitor(func(node ast.Node) {
		switch n := node.(type) {
		case *ast.AnchorNode:
			m.anchors[n.Name.GetToken().Value] = n.Value
		case *ast.MappingNode:
			mappings = append(mappings, n)
		}
	}), body)
	for _, mapping := range mappings {
		m.merge(mapping)
	}
}

func isMerge(entry *ast.MappingValueNode) bool {
	_, ok := entry.Key.(*ast.MergeKeyNode)
	return ok
}

func (m *merges) merge(n *ast.MappingNode) {
	if m.done[n] || !slices.ContainsFunc(n.Values, isMerge) {
		return
	}
	m.done[n] = true
	m.under = append(m.under, n)
	var all []*ast.MappingValueNode
	own := map[string]bool{}
	for _, entry := range n.Values {
		if !isMerge(entry) {
			all = append(all, entry)
			own[entry.Key.GetToken().Value] = true
		}
	}
	for _, entry := range n.Values {
		if !isMerge(entry) {
			continue
		}
		for _, merged := range m.merged(entry.Value) {
			if key := merged.Key.GetToken().Value; !own[key] { // of several, the first
				own[key] = true
				all = append(all, merged)
			}
		}
	}
	n.Values = all
	m.under = m.under[:len(m.under)-1]
}

// merged are the entries of what a merge key names: a mapping, or several.
func (m *merges) merged(node ast.Node) []*ast.MappingValueNode {
	switch n := unwrap(node).(type) {
	case *ast.AliasNode:
		return m.named(n)
	case *ast.SequenceNode:
		var all []*ast.MappingValueNode
		for _, one := range n.Values {
			all = append(all, m.merged(one)...)
		}
		return all
	case *ast.MappingNode:
		m.merge(n)
		return n.Values
	case *ast.MappingValueNode:
		if isMerge(n) {
			return m.merged(n.Value)
		}
		return entries(n)
	default:
		m.problem(node, "only mappings of keys to values can be merged", "")
		return nil
	}
}

// named are the entries of what an alias stands for.
func (m *merges) named(alias *ast.AliasNode) []*ast.MappingValueNode {
	name := alias.Value.GetToken().Value
	node := unwrap(m.anchors[name])
	switch {
	case node == nil:
		m.problem(alias, "there is no anchor &"+name, "")
		return nil
	case slices.Contains(m.under, node):
		m.problem(alias, "&"+name+" cannot be merged into itself", "")
		return nil
	}
	m.under = append(m.under, node)
	defer func() { m.under = m.under[:len(m.under)-1] }()
	return m.merged(node)
}
