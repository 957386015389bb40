package filter

// substrings finds every pattern that a value contains, in one pass over it: the automaton of Aho and
// Corasick (Communications of the ACM 18(6), 1975). Own code, because the libraries at hand allocate per
// match. It does not change once built.
type substrings struct {
	root  [256]int32 // the root's kids: most bytes of most values end a walk here
	nodes []textNode
}

// textNode stands for the longest end of what was read that begins some pattern.
type textNode struct {
	kids   map[byte]int32
	fail   int32   // the node of the next shorter such end
	owners []int32 // of the patterns that end here, those of shorter ends included
}

func newSubstrings() *substrings { return &substrings{nodes: make([]textNode, 1)} }

// add enters a pattern, which is not empty.
func (a *substrings) add(pattern string, owner int32) {
	at := int32(0)
	for i := range len(pattern) {
		kid, ok := a.nodes[at].kids[pattern[i]]
		if !ok {
			kid = int32(len(a.nodes))
			a.nodes = append(a.nodes, textNode{})
			if a.nodes[at].kids == nil {
				a.nodes[at].kids = map[byte]int32{}
			}
			a.nodes[at].kids[pattern[i]] = kid
		}
		at = kid
	}
	a.nodes[at].owners = append(a.nodes[at].owners, owner)
}

// link finishes the automaton: it must come after the last add.
func (a *substrings) link() {
	var queue []int32
	for c, kid := range a.nodes[0].kids {
		a.root[c] = kid
		queue = append(queue, kid)
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for c, kid := range a.nodes[at].kids {
			fail := a.next(a.nodes[at].fail, c)
			a.nodes[kid].fail = fail
			a.nodes[kid].owners = append(a.nodes[kid].owners, a.nodes[fail].owners...)
			queue = append(queue, kid)
		}
	}
}

// next is where byte c leads from a node.
func (a *substrings) next(at int32, c byte) int32 {
	for at != 0 {
		if kid, ok := a.nodes[at].kids[c]; ok {
			return kid
		}
		at = a.nodes[at].fail
	}
	return a.root[c]
}

// find appends the owners of all patterns in value; of one that is in it twice, twice.
func (a *substrings) find(dst []int32, value string) []int32 {
	at := int32(0)
	for i := range len(value) {
		if at == 0 {
			if at = a.root[value[i]]; at == 0 {
				continue
			}
		} else {
			at = a.next(at, value[i])
		}
		dst = append(dst, a.nodes[at].owners...)
	}
	return dst
}
