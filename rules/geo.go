package rules

import (
	"fmt"

	"github.com/tocsin-security/tocsin/filter/payload"
)

// AsksPlaces reports whether a rule for structured events asks where addresses are, and of which members of the
// event, those of its conditions first.
func (r *Rule) AsksPlaces() (asks bool, of []payload.Path) {
	if r.Payload == nil {
		return false, nil
	}
	note := func(asksToo bool, more ...payload.Path) {
		asks = asks || asksToo
		if asksToo {
			of = append(of, more...)
		}
	}
	paths := append([]payload.Path{}, r.Payload.DedupeBy...)
	if c := r.Payload.Condition; c != nil {
		asksToo, more := c.AsksPlaces()
		note(asksToo, more...)
	}
	if w := r.Window; w != nil {
		for _, s := range w.Steps {
			asksToo, more := s.Payload.AsksPlaces()
			note(asksToo, more...)
		}
		if p := w.Payload; p != nil {
			paths = append(paths, p.By...)
			for _, value := range []*payload.Path{p.Distinct, p.Changed, p.New} {
				if value != nil {
					paths = append(paths, *value)
				}
			}
		}
	}
	if o := r.Payload.Output; o != nil {
		paths = append(paths, o.Paths()...)
	}
	for _, p := range paths {
		asksToo, address := p.AsksPlaces()
		note(asksToo, address)
	}
	return asks, of
}

// blindToPlaces warns when a rule asks where addresses are and nobody knows.
func (b *builder) blindToPlaces(r *Rule) {
	if asks, _ := r.AsksPlaces(); asks && !b.cfg.Places && !b.cfg.Given {
		b.problems.add(Warning, Blind, r.Name, r.At, fmt.Sprintf("%s: geo() knows no place: there is no address database: enrich.geoip", r.Name), "")
	}
}
