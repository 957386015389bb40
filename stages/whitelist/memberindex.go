package whitelist

import (
	"slices"

	"github.com/tocsin-security/tocsin/filter/payload"
)

// memberIndex finds the entries that can cover a structured event. Those that ask for exact values of some member
// are filed under the values of the first such member, the rest is always looked at.
type memberIndex struct {
	entries []*Entry // in the order of the files
	always  []int    // places among them
	probes  []memberProbe
}

// memberProbe are the entries filed under one member.
type memberProbe struct {
	path  payload.Path
	exact map[string][]int
}

func (x *memberIndex) add(e *Entry) {
	place := len(x.entries)
	x.entries = append(x.entries, e)
	i := slices.IndexFunc(e.members, func(m member) bool { return len(m.globs)+len(m.nets) == 0 })
	if i < 0 {
		x.always = append(x.always, place)
		return
	}
	m := &e.members[i]
	n := slices.IndexFunc(x.probes, func(p memberProbe) bool { return p.path.Text == m.path.Text })
	if n < 0 {
		n = len(x.probes)
		x.probes = append(x.probes, memberProbe{m.path, map[string][]int{}})
	}
	for _, value := range m.exact {
		x.probes[n].exact[value] = append(x.probes[n].exact[value], place)
	}
}

// candidates are the entries that can cover an event with these members, in the order of the files.
func (x *memberIndex) candidates(members map[string]any) []*Entry {
	places := slices.Clone(x.always)
	for _, p := range x.probes {
		for _, text := range texts(p.path.In(members)) {
			places = append(places, p.exact[text]...)
		}
	}
	slices.Sort(places)
	found := make([]*Entry, len(places))
	for i, place := range places {
		found[i] = x.entries[place]
	}
	return found
}
