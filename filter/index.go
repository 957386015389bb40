package filter

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Index says which of a number of conditions are worth evaluating for an event. For each kind of event
// every condition is filed under facts of which one has to be so for it to hold; an event looks its own
// values up. So the cost of an event hardly grows with conditions that it has nothing to do with. An
// Index does not change once built.
type Index struct {
	conditions []*Condition
	byType     [pipeline.NumEventTypes]*typeIndex
}

// typeIndex is the index of one kind of event; kinds with the same conditions share one. Its gates are a
// few predicates that many of the conditions need: asking them first tells most of these apart.
type typeIndex struct {
	gates   []int32
	byGates []facts // by the gates' answers, the first one's in bit 0
}

// facts is the index of events of one kind whose gates gave the same answers.
type facts struct {
	always []int32 // conditions without a fact to file them under, ascending
	probes []probe
}

// probe looks the value of one field up.
type probe struct {
	ref     field.Ref
	forward *trie // equals, begins
	back    *trie // ends
	inside  *substrings
	numbers map[int64][]int32
}

const (
	// A field is read and looked up for every event: with fewer conditions than this behind it, they are
	// cheaper evaluated.
	fewConditions = 2
	// Up to here, asking for one substring after the other beats a pass with the automaton.
	fewSubstrings = 8
)

// NewIndex files conditions of p; their numbers are their places.
func NewIndex(p *Program, conditions []*Condition) *Index {
	x := &Index{conditions: conditions}
	shared := map[string]*typeIndex{}
	for t := range x.byType {
		var ids []int32
		var key []byte
		for i, c := range conditions {
			if c.entry[t] == unmatched {
				continue
			}
			ids = append(ids, int32(i))
			// The same code means that the same has to be so.
			key = binary.AppendVarint(binary.AppendVarint(key, int64(i)), int64(c.entry[t]))
		}
		if len(ids) == 0 {
			continue
		}
		if shared[string(key)] == nil {
			shared[string(key)] = x.newTypeIndex(p, ids, pipeline.EventType(t))
		}
		x.byType[t] = shared[string(key)]
	}
	return x
}

func (x *Index) newTypeIndex(p *Program, ids []int32, t pipeline.EventType) *typeIndex {
	index := &typeIndex{gates: x.chooseGates(p, ids, t)}
	for answers := range 1 << len(index.gates) {
		k := known{t: t, gates: index.gates, answers: answers}
		needs := map[int32]need{}
		for _, id := range ids {
			if n := p.needOf(x.conditions[id].node, k, false); !n.never {
				needs[id] = n
			}
		}
		index.byGates = append(index.byGates, newFacts(needs))
	}
	return index
}

func newFacts(needs map[int32]need) facts {
	filed := chooseFiled(needs)
	x := facts{}
	probes := map[string]*probe{}
	for _, id := range slices.Sorted(maps.Keys(needs)) {
		if !filed[id] {
			x.always = append(x.always, id)
			continue
		}
		for _, f := range needs[id].facts {
			if probes[f.ref.Text] == nil {
				probes[f.ref.Text] = &probe{ref: f.ref}
			}
			probes[f.ref.Text].file(f, id)
		}
	}
	for _, pr := range probes {
		if pr.inside != nil {
			pr.inside.link()
		}
		x.probes = append(x.probes, *pr)
	}
	slices.SortFunc(x.probes, func(a, b probe) int { return strings.Compare(a.ref.Text, b.ref.Text) })
	return x
}

// chooseFiled says which conditions are worth filing. One that would make an event read a field for it
// and hardly anybody else is not; then others of its fields may be left alone too.
func chooseFiled(needs map[int32]need) map[int32]bool {
	filed := map[int32]bool{}
	for id, n := range needs {
		filed[id] = !n.open() && n.odds < worthwhile
	}
	for {
		readers, searches := map[string]int{}, map[string]int{}
		for id := range filed {
			for _, field := range fieldsOf(needs[id], filed[id]) {
				readers[field]++
			}
			for _, f := range needs[id].facts {
				if filed[id] && f.shape == contains {
					searches[f.ref.Text]++
				}
			}
		}
		changed := false
		for id, is := range filed {
			if is && tooFew(needs[id], readers, searches) {
				filed[id], changed = false, true
			}
		}
		if !changed {
			return filed
		}
	}
}

func fieldsOf(n need, filed bool) []string {
	var fields []string
	for _, f := range n.facts {
		if filed && !slices.Contains(fields, f.ref.Text) {
			fields = append(fields, f.ref.Text)
		}
	}
	return fields
}

func tooFew(n need, readers, searches map[string]int) bool {
	return slices.ContainsFunc(n.facts, func(f fact) bool {
		return readers[f.ref.Text] < fewConditions || f.shape == contains && searches[f.ref.Text] < fewSubstrings
	})
}

// file enters one fact.
func (p *probe) file(f fact, id int32) {
	switch f.shape {
	case isNumber:
		if p.numbers == nil {
			p.numbers = map[int64][]int32{}
		}
		p.numbers[f.num] = append(p.numbers[f.num], id)
	case contains:
		if p.inside == nil {
			p.inside = newSubstrings()
		}
		p.inside.add(f.text, id)
	case ends:
		if p.back == nil {
			p.back = newTrie(true)
		}
		p.back.add(f.text, false, id)
	default:
		if p.forward == nil {
			p.forward = newTrie(false)
		}
		p.forward.add(f.text, f.shape == equals, id)
	}
}

// find appends the conditions that the event's value leads to.
func (p *probe) find(dst []int32, v *field.View) []int32 {
	if p.numbers != nil {
		if n, ok := p.ref.Int(v); ok {
			dst = append(dst, p.numbers[n]...)
		}
		return dst
	}
	text, ok := p.ref.Str(v)
	if !ok {
		return dst
	}
	dst = p.search(dst, text)
	if p.ref.Def.Resolved {
		if old, ok := field.OldName(v, text); ok {
			dst = p.search(dst, old)
		}
	}
	return dst
}

func (p *probe) search(dst []int32, text string) []int32 {
	if p.forward != nil {
		dst = p.forward.find(dst, text)
	}
	if p.back != nil {
		dst = p.back.find(dst, text)
	}
	if p.inside != nil {
		dst = p.inside.find(dst, text)
	}
	return dst
}
