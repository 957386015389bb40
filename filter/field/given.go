package field

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Given is what an event is made of that somebody wrote down field by field, to test rules. It goes into
// Event.Extra, where the getters of LookupGiven read it; a field that is not in it is null. Fields that
// Lookup finds never look there, so that live events pay nothing for it.
//
// A field of one end's address answers for the field that compares it with networks too (fd.sip for
// fd.snet), and a list of ancestors for each of them (proc.aname for proc.aname[2]).
type Given map[string]any

// LookupGiven finds the field an operand names as Lookup does, for events made of a Given.
func LookupGiven(o syntax.Operand) (Ref, error) {
	r, err := Lookup(o)
	if err != nil || r.Null() {
		return r, err
	}
	r.Getter = givenGetter(r, nameOf(o))
	return r, nil
}

// givenName is a field with its argument, however it was written.
type givenName struct {
	def    *Def
	arg    string
	hasArg bool
}

func nameOf(o syntax.Operand) givenName {
	def, arg, hasArg := find(o.Name)
	if o.HasArg {
		arg, hasArg = o.Arg, true
	}
	return givenName{def, arg, hasArg}
}

// key is the name under which the value is kept.
func (n givenName) key() string {
	name := n.def.Name
	if n.def.Type == Net {
		name = strings.TrimSuffix(name, "net") + "ip"
	}
	if n.hasArg {
		name += "[" + n.arg + "]"
	}
	return name
}

// generation is which ancestor the name stands for, from 1; 0 when it stands for none or for all.
func (n givenName) generation() int {
	if !n.hasArg || n.def.get.OfProcess == nil && n.def.get.IntOfProcess == nil {
		return 0
	}
	index, err := parseIndex(n.arg)
	if err != nil { // Lookup has said so
		return 0
	}
	return index
}

// givenGetter reads the value in the shape in which conditions ask for it.
func givenGetter(r Ref, n givenName) Getter {
	key := n.key()
	if g := n.generation(); g > 0 {
		return Getter{
			Str: when(r.Str != nil, func(v *View) (string, bool) { return ancestorGiven[string](v, n.def.Name, g) }),
			Int: when(r.Int != nil, func(v *View) (int64, bool) { return ancestorGiven[int64](v, n.def.Name, g) }),
		}
	}
	switch {
	case slices.Contains(TypeFields(), n.def.Name):
		return Getter{Str: func(v *View) (string, bool) {
			s, ok := r.Str(v)
			return s, ok && v.Ev.Type != pipeline.EventUnknown
		}}
	case r.OfProcess != nil:
		return Getter{OfProcess: func(v *View, p *pipeline.Process) (string, bool) {
			return ancestorGiven[string](v, key, int(p.PID))
		}}
	case r.IntOfProcess != nil:
		return Getter{IntOfProcess: func(v *View, p *pipeline.Process) (int64, bool) {
			return ancestorGiven[int64](v, key, int(p.PID))
		}}
	case r.Some != nil:
		return Getter{Some: func(v *View, test func(string) bool) bool {
			list, _ := v.Ev.Extra[key].([]string)
			return slices.ContainsFunc(list, test)
		}}
	case r.Def.IsList:
		return Getter{List: listGiven(key)}
	case r.List != nil:
		return Getter{List: listGiven(key), Str: func(v *View) (string, bool) {
			if s, ok := v.Ev.Extra[key].(string); ok {
				return s, true
			}
			list, ok := v.Ev.Extra[key].([]string)
			return strings.Join(list, " "), ok
		}}
	case r.Ends != nil:
		return Getter{Ends: func(v *View) (a, b netip.AddrPort, ok bool) {
			ends, ok := v.Ev.Extra[key].([2]netip.AddrPort)
			return ends[0], ends[1], ok
		}}
	case r.Addr != nil:
		return Getter{Addr: given(key, r.Addr, n.def)}
	case r.Bool != nil:
		return Getter{Bool: given(key, r.Bool, n.def)}
	case r.Int != nil:
		return Getter{Int: given(key, r.Int, n.def)}
	default:
		return Getter{Str: given(key, r.Str, n.def)}
	}
}

// listGiven reads a list; text that is made of elements may be given as one text.
func listGiven(key string) func(*View) ([]string, bool) {
	return func(v *View) ([]string, bool) {
		if s, ok := v.Ev.Extra[key].(string); ok {
			return strings.Fields(s), true
		}
		list, ok := v.Ev.Extra[key].([]string)
		return list, ok
	}
}

func when[F any](is bool, f F) (none F) {
	if is {
		return f
	}
	return none
}

// given reads a value; of what every event has (madeOfTime) what the event itself says.
func given[T any](key string, live func(*View) (T, bool), d *Def) func(*View) (T, bool) {
	always := hasAlways(d.Name)
	return func(v *View) (T, bool) {
		value, ok := v.Ev.Extra[key].(T)
		if !ok && always {
			return live(v)
		}
		return value, ok
	}
}

// hasAlways reports fields that follow from when an event is and where it stands in the test.
func hasAlways(name string) bool {
	return slices.Contains([]string{"evt.num", "evt.count", "evt.source", "evt.dir", "evt.datetime", "evt.datetime.s"}, name) ||
		strings.HasPrefix(name, "evt.time") || strings.HasPrefix(name, "evt.rawtime")
}

func ancestorGiven[T any](v *View, key string, generation int) (none T, ok bool) {
	list, _ := v.Ev.Extra[key].([]any)
	if generation < 1 || generation > len(list) {
		return none, false
	}
	value, ok := list[generation-1].(T)
	return value, ok
}

// Process is the event's process, as far as conditions walk up from it: as many ancestors as the longest
// list has, each with its generation as its process id.
func (g Given) Process() *pipeline.Process {
	longest := 0
	for _, value := range g {
		if list, ok := value.([]any); ok {
			longest = max(longest, len(list))
		}
	}
	p := &pipeline.Process{}
	for at, n := p, 1; n <= longest; n++ {
		at.Parent = &pipeline.Process{PID: int32(n), Known: true}
		at = at.Parent
	}
	return p
}
