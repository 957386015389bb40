package deployment

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// index finds the deployments of an alert. Selectors with the same labels are one class, and in it those with
// the same values are found together: an alert is looked up once for each class, of which there are few.
// It never changes.
type index struct {
	classes []class
	all     []pipeline.Deployment // the latest first
}

// class is the selectors that ask for the same labels. byValue goes from the values that have to be equal,
// joined, to the deployments, the latest first.
type class struct {
	equal   []string // names, sorted
	begins  []string // names of which only the beginning has to be equal, sorted
	byValue map[string][]pipeline.Deployment
}

// newIndex makes one of deployments, the latest first.
func newIndex(all []pipeline.Deployment) *index {
	x := &index{all: all}
	places := map[string]int{}
	for _, d := range all {
		equal, begins := splitNames(d.Selector)
		name := strings.Join(equal, ",") + ";" + strings.Join(begins, ",")
		i, ok := places[name]
		if !ok {
			i = len(x.classes)
			places[name] = i
			x.classes = append(x.classes, class{equal, begins, map[string][]pipeline.Deployment{}})
		}
		values, _ := joined(d.Selector, equal)
		x.classes[i].byValue[values] = append(x.classes[i].byValue[values], d)
	}
	return x
}

// splitNames tells labels whose values are written out from those whose values end in *.
func splitNames(selector map[string]string) (equal, begins []string) {
	for _, name := range slices.Sorted(maps.Keys(selector)) {
		if strings.HasSuffix(selector[name], "*") {
			begins = append(begins, name)
		} else {
			equal = append(equal, name)
		}
	}
	return equal, begins
}

// joined puts the values of labels together; false: one is missing.
func joined(labels map[string]string, names []string) (string, bool) {
	var b strings.Builder
	for _, name := range names {
		value, ok := labels[name]
		if !ok {
			return "", false
		}
		b.WriteString(value)
		b.WriteByte(0) // no value has it: see checkText
	}
	return b.String(), true
}

// find returns the latest deployment that labels match, of those not after upTo; of two of one time the one
// whose selector says more. nil: there is none.
func (x *index) find(labels map[string]string, upTo time.Time) *pipeline.Deployment {
	var best *pipeline.Deployment
	for i := range x.classes {
		c := &x.classes[i]
		values, ok := joined(labels, c.equal)
		if !ok {
			continue
		}
		of := c.byValue[values]
		for j := range of {
			if of[j].At.After(upTo) || !c.begin(of[j].Selector, labels) {
				continue
			}
			if best == nil || later(&of[j], best) {
				best = &of[j]
			}
			break // the others of this class are older
		}
	}
	return best
}

// begin reports whether the labels begin as the selector's values with a * do.
func (c *class) begin(selector, labels map[string]string) bool {
	for _, name := range c.begins {
		if !strings.HasPrefix(labels[name], strings.TrimSuffix(selector[name], "*")) {
			return false
		}
	}
	return true
}

func later(a, b *pipeline.Deployment) bool {
	if !a.At.Equal(b.At) {
		return a.At.After(b.At)
	}
	return len(a.Selector) > len(b.Selector)
}
