package oncall

import (
	"maps"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Roster is a compiled Config. It does not change, and is safe for concurrent use. A nil one knows nobody.
type Roster struct {
	people    map[string]pipeline.Person
	groups    map[string][]string
	rotations map[string]*rotation
	names     []string // of rotations, as configured
}

// rotation is a compiled Rotation.
type rotation struct {
	name    string
	zone    *time.Location
	instead []instead // overrides, then holidays
	layers  []layer
}

// instead is a compiled Instead.
type instead struct {
	why              string
	from, to         time.Time
	person, rotation string
}

// Shift is who is on call in a rotation for some time.
type Shift struct {
	Rotation string    `json:"rotation"`
	Person   string    `json:"person"` // "": nobody is
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`            // until before it
	Why      string    `json:"why,omitempty"` // the layer's name, "override", "holiday", or the name of one
}

// Rotations are the names of all, in their order.
func (r *Roster) Rotations() []string {
	if r == nil {
		return nil
	}
	return r.names
}

// Knows reports whether there is a person, a group or a rotation of that name.
func (r *Roster) Knows(name string) bool {
	if r == nil {
		return false
	}
	_, person := r.people[name]
	_, group := r.groups[name]
	_, rotation := r.rotations[name]
	return person || group || rotation
}

// Who returns the people who are on call at a time for the name of a rotation, a group or a person, each once. There
// are none for a name that is not known, and when nobody is.
func (r *Roster) Who(name string, at time.Time) []pipeline.Person {
	if r == nil {
		return nil
	}
	members, isGroup := r.groups[name]
	if !isGroup {
		members = []string{name}
	}
	var all []pipeline.Person
	for _, m := range members {
		if rotation := r.rotations[m]; rotation != nil {
			m, _ = r.on(rotation, at)
		}
		if p, ok := r.people[m]; ok && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// Everybody returns the people who are on call at some time for the name of a rotation, a group or a person, in the order
// of their names.
func (r *Roster) Everybody(name string) []pipeline.Person {
	if r == nil {
		return nil
	}
	found := map[string]bool{}
	r.collect(name, found)
	var all []pipeline.Person
	for _, who := range slices.Sorted(maps.Keys(found)) {
		all = append(all, r.people[who])
	}
	return all
}

func (r *Roster) collect(name string, found map[string]bool) {
	if _, ok := r.people[name]; ok {
		found[name] = true
	}
	for _, member := range r.groups[name] {
		r.collect(member, found)
	}
	o := r.rotations[name]
	if o == nil {
		return
	}
	for i := range o.instead { // New has seen that these come to an end
		r.collect(o.instead[i].person, found)
		r.collect(o.instead[i].rotation, found)
	}
	for i := range o.layers {
		for _, person := range o.layers[i].people {
			found[person] = true
		}
	}
}

// on returns the name of who is on in a rotation, "" when nobody is, and why.
func (r *Roster) on(o *rotation, at time.Time) (person, why string) {
	for i := range o.instead {
		one := &o.instead[i]
		if at.Before(one.from) || !at.Before(one.to) {
			continue
		}
		if person = one.person; person == "" {
			person, _ = r.on(r.rotations[one.rotation], at) // New has seen that this comes to an end
		}
		if person != "" {
			return person, one.why
		}
	}
	for i := range o.layers {
		if person = o.layers[i].on(at); person != "" {
			return person, o.layers[i].name
		}
	}
	return "", ""
}

// next is the first moment after at when another one may be on; zero when that is never.
func (r *Roster) next(o *rotation, at time.Time) (next time.Time) {
	for i := range o.instead {
		one := &o.instead[i]
		next = earliest(earliest(next, one.from, at), one.to, at)
		if one.rotation != "" && !at.Before(one.from) && at.Before(one.to) {
			next = earliest(next, r.next(r.rotations[one.rotation], at), at)
		}
	}
	for i := range o.layers {
		next = earliest(next, o.layers[i].next(at), at)
	}
	return next
}

// Shifts are those of a rotation from a time until before another, in order and without a gap: those without a person
// are when nobody is on call. The first and the last one are cut there. Times are in the rotation's time zone.
func (r *Roster) Shifts(name string, from, to time.Time) (all []Shift) {
	if r == nil || r.rotations[name] == nil {
		return nil
	}
	o := r.rotations[name]
	for at := from; at.Before(to); {
		end := r.next(o, at)
		if end.IsZero() || end.After(to) {
			end = to
		}
		person, why := r.on(o, at)
		if last := len(all) - 1; last >= 0 && all[last].Person == person && all[last].Why == why {
			all[last].To = end.In(o.zone)
		} else {
			all = append(all, Shift{Rotation: name, Person: person, From: at.In(o.zone), To: end.In(o.zone), Why: why})
		}
		at = end
	}
	return all
}

// horizon is how far Now looks for the end of a shift: longer than the longest Period.
const horizon = 2 * maxPeriod * 24 * time.Hour

// Now is the shift that a time is in, and who comes after it. Its From is that time; its To is zero, and nobody comes,
// when there is no end to it.
func (r *Roster) Now(name string, at time.Time) (shift Shift, then string) {
	if r == nil || r.rotations[name] == nil {
		return Shift{Rotation: name}, ""
	}
	o := r.rotations[name]
	shift = Shift{Rotation: name, From: at.In(o.zone)}
	shift.Person, shift.Why = r.on(o, at)
	for end := r.next(o, at); !end.IsZero() && end.Sub(at) < horizon; end = r.next(o, end) {
		if then, _ = r.on(o, end); then != shift.Person {
			shift.To = end.In(o.zone)
			return shift, then
		}
	}
	return shift, ""
}
