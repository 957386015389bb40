package filter

import "strings"

// trie finds, in one walk along a value, every pattern that the value is equal to or begins with; built
// backwards, every one that it ends with. The walk's cost follows the length that is shared with some
// pattern, not the number of patterns. It does not change once built.
type trie struct {
	nodes []trieNode
	back  bool // patterns and values are read from their ends
}

// trieNode is what a walk knows after the bytes of all labels on the way.
type trieNode struct {
	label string  // the bytes on the edge to this node
	first string  // first byte of each kid's label
	kids  []int32 // in the order of first
	begun []int32 // owners of patterns that end here, whatever the value goes on with
	equal []int32 // owners of patterns that the value has to end with
}

func newTrie(back bool) *trie { return &trie{nodes: make([]trieNode, 1), back: back} }

// add enters a pattern: one that values begin with (or end with, backwards), or have to be equal to.
func (t *trie) add(pattern string, exact bool, owner int32) {
	if t.back {
		pattern = reversed(pattern)
	}
	at := int32(0)
	for pattern != "" {
		kid := t.kid(at, pattern[0])
		if kid < 0 {
			kid = t.grow(at, pattern)
		}
		n := common(t.nodes[kid].label, pattern)
		if n < len(t.nodes[kid].label) {
			t.split(kid, n)
		}
		at, pattern = kid, pattern[n:]
	}
	if n := &t.nodes[at]; exact {
		n.equal = append(n.equal, owner)
	} else {
		n.begun = append(n.begun, owner)
	}
}

// kid is the kid of a node whose label begins with c, or -1.
func (t *trie) kid(at int32, c byte) int32 {
	n := &t.nodes[at]
	if i := strings.IndexByte(n.first, c); i >= 0 {
		return n.kids[i]
	}
	return -1
}

// grow adds a leaf.
func (t *trie) grow(at int32, label string) int32 {
	leaf := int32(len(t.nodes))
	t.nodes = append(t.nodes, trieNode{label: label})
	n := &t.nodes[at]
	n.first += label[:1]
	n.kids = append(n.kids, leaf)
	return leaf
}

// split cuts a node's label after n bytes: what the node was moves to a new kid.
func (t *trie) split(at int32, n int) {
	rest := t.nodes[at]
	rest.label = rest.label[n:]
	kid := int32(len(t.nodes))
	t.nodes = append(t.nodes, rest)
	t.nodes[at] = trieNode{label: t.nodes[at].label[:n], first: rest.label[:1], kids: []int32{kid}}
}

// find appends the owners of all patterns that hold for value.
func (t *trie) find(dst []int32, value string) []int32 {
	n := &t.nodes[0]
	for i := 0; ; {
		if len(n.begun) > 0 {
			dst = append(dst, n.begun...)
		}
		if i == len(value) {
			return append(dst, n.equal...)
		}
		at := i
		if t.back {
			at = len(value) - 1 - i
		}
		k := strings.IndexByte(n.first, value[at])
		if k < 0 {
			return dst
		}
		n = &t.nodes[n.kids[k]]
		if t.back && !endsWith(value[:at+1], n.label) || !t.back && !strings.HasPrefix(value[i:], n.label) {
			return dst
		}
		i += len(n.label)
	}
}

// endsWith reports whether value ends with the reverse of label.
func endsWith(value, label string) bool {
	if len(label) > len(value) {
		return false
	}
	for i := range len(label) {
		if value[len(value)-1-i] != label[i] {
			return false
		}
	}
	return true
}

func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
