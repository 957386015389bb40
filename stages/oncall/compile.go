package oncall

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Validate returns every mistake; each begins with its place below the block, as in "rotations[0].layers[1].start: ".
func (c Config) Validate() error {
	_, err := New(c)
	return err
}

// New compiles a Config. The error is Validate's.
func New(c Config) (*Roster, error) {
	b := &builder{
		Roster: Roster{people: map[string]pipeline.Person{}, groups: map[string][]string{}, rotations: map[string]*rotation{}},
		taken:  map[string]string{},
	}
	for i, p := range c.People {
		b.addPerson(fmt.Sprintf("people[%d]", i), p)
	}
	for i, o := range c.Rotations {
		b.addRotation(fmt.Sprintf("rotations[%d]", i), o)
	}
	for i, g := range c.Groups {
		b.addGroup(fmt.Sprintf("groups[%d]", i), g)
	}
	for i, o := range c.Rotations {
		b.checkInstead(fmt.Sprintf("rotations[%d]", i), o)
	}
	escalations := map[string]bool{}
	for i, e := range c.Escalations {
		b.addEscalation(fmt.Sprintf("escalations[%d]", i), e, escalations)
	}
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	return &b.Roster, nil
}

// builder collects a Roster and what is wrong with it.
type builder struct {
	Roster
	taken map[string]string // name: where it is
	errs  []error
}

func (b *builder) bad(at, format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(at+": "+format, args...))
}

// take makes sure that a name is one, and nobody else's.
func (b *builder) take(at, name, example string) {
	switch first, twice := b.taken[name]; {
	case name == "":
		b.bad(at, "a name is missing, as in name: %s", example)
	case twice:
		b.bad(at+".name", "%q is the name of %s already: people, groups and rotations share their names", name, first)
	default:
		b.taken[name] = at
	}
}

func (b *builder) addPerson(at string, p Person) {
	b.take(at, p.Name, "li.na")
	b.people[p.Name] = p.plain()
	if p.WeCom+p.Mobile+p.DingTalk+p.Feishu+p.Email == "" {
		b.bad(at, "%q can be reached nowhere: set wecom, mobile, dingtalk, feishu or email", p.Name)
	}
	for _, id := range []struct{ key, value string }{{"wecom", p.WeCom}, {"dingtalk", p.DingTalk}, {"feishu", p.Feishu}} {
		if strings.ContainsAny(id.value, "<>@\"' \t\r\n") {
			b.bad(at+"."+id.key, "%q is no id: those have neither blanks nor quotes, @, < and >", id.value)
		}
	}
	if strings.Trim(p.Mobile, "+-0123456789 ") != "" {
		b.bad(at+".mobile", "%q is no phone number", p.Mobile)
	}
	if strings.ContainsAny(p.Email, "\r\n, ") || p.Email != "" && !strings.Contains(p.Email, "@") {
		b.bad(at+".email", "%q is no address: write one, as in li.na@example.org", p.Email)
	}
}

func (b *builder) addGroup(at string, g Group) {
	b.take(at, g.Name, "core")
	b.groups[g.Name] = g.Members
	if len(g.Members) == 0 {
		b.bad(at, "members is missing or empty")
	}
	for i, m := range g.Members {
		_, person := b.people[m]
		if _, rotation := b.rotations[m]; !person && !rotation {
			b.bad(fmt.Sprintf("%s.members[%d]", at, i), "there is neither a person nor a rotation %q", m)
		}
	}
}

func (b *builder) addRotation(at string, c Rotation) {
	b.take(at, c.Name, "payments")
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		b.bad(at+".time_zone", "there is no time zone %q: name one of the IANA's, such as Asia/Shanghai or UTC", c.TimeZone)
		zone = time.UTC
	}
	if len(c.Layers) == 0 {
		b.bad(at, "layers is missing or empty: who takes turns?")
	}
	o := &rotation{name: c.Name, zone: zone}
	for i, l := range c.Layers {
		o.layers = append(o.layers, b.layer(fmt.Sprintf("%s.layers[%d]", at, i), l, zone))
	}
	for i, one := range c.Overrides {
		o.instead = append(o.instead, b.instead(fmt.Sprintf("%s.overrides[%d]", at, i), one, "override", zone))
	}
	for i, one := range c.Holidays {
		o.instead = append(o.instead, b.instead(fmt.Sprintf("%s.holidays[%d]", at, i), one, "holiday", zone))
	}
	b.rotations[c.Name] = o
	b.names = append(b.names, c.Name)
}

func (b *builder) layer(at string, c Layer, zone *time.Location) layer {
	if len(c.People) == 0 {
		b.bad(at, "people is missing or empty")
	}
	for i, p := range c.People {
		b.checkPerson(fmt.Sprintf("%s.people[%d]", at, i), p)
	}
	switch {
	case c.Start.isZero():
		b.bad(at, "start is missing: the day of the first handover, as in start: 2027-01-04")
	case c.Handover.onDay && c.Period.days()%week != 0:
		b.bad(at+".handover", "a day of the week goes with a period of whole weeks; leave it out")
	case c.Handover.onDay && c.Start.weekday() != c.Handover.weekday:
		b.bad(at+".start", "%s is a %s, and the handover is on %s", c.Start.at(0, 0, time.UTC).Format(time.DateOnly),
			weekdayNames[c.Start.weekday()], weekdayNames[c.Handover.weekday])
	}
	l := layer{name: c.Name, people: c.People, start: c.Start, minute: c.Handover.minute, period: c.Period.days(), zone: zone}
	for i, h := range c.Hours {
		l.hours = append(l.hours, b.hours(fmt.Sprintf("%s.hours[%d]", at, i), h))
	}
	return l
}

func (b *builder) hours(at string, c Hours) (h hours) {
	var err error
	if h.days, err = weekdays(c.Weekdays); err != nil {
		b.bad(at+".weekdays", "%w", err)
	}
	h.from, h.to = c.From.minute, c.To.minute
	if !c.To.set {
		h.to = endOfDay
	}
	switch {
	case h.from == endOfDay:
		b.bad(at+".from", "24:00 is the end of a day: write 00:00, and the day after")
	case h.from == h.to:
		b.bad(at, "the hours begin where they end: a whole day is from 00:00 to 24:00")
	case !c.From.set && !c.To.set && len(c.Weekdays) == 0:
		b.bad(at, "neither days nor hours are named: leave hours out for always")
	}
	return h
}

func (b *builder) instead(at string, c Instead, kind string, zone *time.Location) instead {
	one := instead{why: c.Name, person: c.Person, rotation: c.Rotation}
	if one.why == "" {
		one.why = kind
	}
	if c.From.isZero() {
		b.bad(at, "from is missing: a day or a time, as in from: 2027-02-05")
		return one
	}
	to := c.To
	if to.isZero() {
		to = Moment{Date: c.From.Date}
	}
	one.from, one.to = c.From.begin(zone), to.end(zone)
	if !c.From.begin(time.UTC).Before(to.end(time.UTC)) { // by the calendar: a clock may skip all of it
		b.bad(at+".to", "it ends before it begins")
	}
	switch {
	case (c.Person == "") == (c.Rotation == ""):
		b.bad(at, "who is on call instead? Set person or rotation, and one of them only")
	case c.Person != "":
		b.checkPerson(at+".person", c.Person)
	}
	return one
}

func (b *builder) checkPerson(at, name string) {
	if _, ok := b.people[name]; !ok {
		b.bad(at, "there is no person %q under people", name)
	}
}

// checkInstead looks for rotations that are not there, or that lead back to the one they stand in for.
func (b *builder) checkInstead(at string, c Rotation) {
	check := func(key string, list []Instead) {
		for i, one := range list {
			place := fmt.Sprintf("%s.%s[%d].rotation", at, key, i)
			switch {
			case one.Rotation == "":
			case b.rotations[one.Rotation] == nil:
				b.bad(place, "there is no rotation %q", one.Rotation)
			case b.leads(one.Rotation, c.Name, map[string]bool{}):
				b.bad(place, "%q comes back to %q: who is on call would never be known", one.Rotation, c.Name)
			}
		}
	}
	check("overrides", c.Overrides)
	check("holidays", c.Holidays)
}

// leads reports whether a rotation asks another one, by whatever way.
func (b *builder) leads(from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	o := b.rotations[from]
	if o == nil || seen[from] {
		return false
	}
	seen[from] = true
	for i := range o.instead {
		if next := o.instead[i].rotation; next != "" && b.leads(next, to, seen) {
			return true
		}
	}
	return false
}
