package matcher

import (
	"slices"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// Index finds, among many entries with matchers, those that can hold for a set of labels, by one label of theirs that
// has to have a certain value or beginning, or to match a regular expression: a thousand entries cost what a few do.
// It does not change, but for what it remembers, and is safe for concurrent use.
type Index struct {
	always []int32 // entries without such a label
	labels map[string]*values
	names  []string // the keys of labels
}

// values files entries under what a label has to be.
type values struct {
	whole    map[string][]int32
	prefixes map[string][]int32
	lengths  []int // of prefixes
	others   memo
}

// want is what a label has to be for a matcher to hold: any of some values, or something with a prefix.
type want struct {
	values []string
	prefix string
}

// NewIndex makes an index of entries; all matchers of an entry have to hold.
func NewIndex(entries []labels.Matchers) *Index {
	x := &Index{labels: map[string]*values{}}
	wants := make([][]want, len(entries))
	crowd := map[[2]string]int{} // entries that could be filed under a label's value
	for i, ms := range entries {
		wants[i] = make([]want, len(ms))
		for j, m := range ms {
			w := wanted(m)
			wants[i][j] = w
			for _, value := range w.values {
				crowd[[2]string{m.Name, value}]++
			}
		}
	}
	for i, ms := range entries {
		// Under the label whose fullest value is the least full: as few others as can be are found beside it.
		best, least := -1, 0
		for j, m := range ms {
			fullest := 0
			for _, value := range wants[i][j].values {
				fullest = max(fullest, crowd[[2]string{m.Name, value}])
			}
			if fullest > 0 && (best < 0 || fullest < least) {
				best, least = j, fullest
			}
		}
		for j := range ms {
			if best < 0 && wants[i][j].prefix != "" {
				best = j
			}
		}
		for j, m := range ms {
			if best < 0 && m.Type == labels.MatchRegexp && !m.Matches("") {
				best = j
			}
		}
		if best < 0 {
			x.always = append(x.always, int32(i))
			continue
		}
		x.file(int32(i), ms[best], wants[i][best])
	}
	return x
}

func (x *Index) file(entry int32, by *labels.Matcher, w want) {
	v := x.labels[by.Name]
	if v == nil {
		v = &values{whole: map[string][]int32{}, prefixes: map[string][]int32{}}
		x.labels[by.Name] = v
		x.names = append(x.names, by.Name)
	}
	for _, value := range w.values {
		v.whole[value] = append(v.whole[value], entry)
	}
	switch {
	case len(w.values) > 0:
	case w.prefix == "":
		v.others.file(entry, by)
	default:
		v.prefixes[w.prefix] = append(v.prefixes[w.prefix], entry)
		if !slices.Contains(v.lengths, len(w.prefix)) {
			v.lengths = append(v.lengths, len(w.prefix))
		}
	}
}

// Found are entries that can hold, as lists in order; Next takes them out in order.
type Found [][]int32

// Find returns the entries that can hold for a set of labels, appended to room, which may be nil.
func (x *Index) Find(set map[string]string, room Found) Found {
	if len(x.always) > 0 {
		room = append(room, x.always)
	}
	if len(x.names) <= len(set) {
		for _, name := range x.names {
			if value := set[name]; value != "" {
				room = x.labels[name].find(value, room)
			}
		}
		return room
	}
	for name, value := range set {
		if v := x.labels[name]; v != nil && value != "" {
			room = v.find(value, room)
		}
	}
	return room
}

func (v *values) find(value string, room Found) Found {
	if more := v.whole[value]; len(more) > 0 {
		room = append(room, more)
	}
	for _, n := range v.lengths {
		if n > len(value) {
			continue
		}
		if more := v.prefixes[value[:n]]; len(more) > 0 {
			room = append(room, more)
		}
	}
	if len(v.others.entries) > 0 {
		if more := v.others.find(value); len(more) > 0 {
			room = append(room, more)
		}
	}
	return room
}

// Next takes out the entry that comes first; false when there is none left.
func (f Found) Next() (entry int, ok bool) {
	first := -1
	for i, list := range f {
		if len(list) > 0 && (first < 0 || list[0] < f[first][0]) {
			first = i
		}
	}
	if first < 0 {
		return 0, false
	}
	entry = int(f[first][0])
	f[first] = f[first][1:] // no other list has it: an entry is filed under one label, which has one value
	return entry, true
}
