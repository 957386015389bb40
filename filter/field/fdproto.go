package field

import (
	"net/netip"

	"github.com/tocsin-security/tocsin/pipeline"
)

// portTextFields are the ports as text. Falco can show services' names there and does not by default.
func portTextFields() []Def {
	var defs []Def
	for _, e := range []struct {
		name, whose string
		end         func(*pipeline.FD) netip.AddrPort
	}{
		{"fd.cproto", "client", func(fd *pipeline.FD) netip.AddrPort { return fd.Client }},
		{"fd.sproto", "server", func(fd *pipeline.FD) netip.AddrPort { return fd.Server }},
		{"fd.lproto", "local end", func(fd *pipeline.FD) netip.AddrPort { return fd.Local }},
		{"fd.rproto", "remote end", func(fd *pipeline.FD) netip.AddrPort { return fd.Remote }},
	} {
		defs = append(defs, str(e.name, "port of the "+e.whose+" as text, in decimal", func(v *View) (string, bool) {
			p := e.end(&v.Ev.FD)
			if !p.Addr().IsValid() {
				return "", false
			}
			return v.decimal(int64(p.Port())), true
		}))
	}
	return defs
}

// typesField is a list for calls about many descriptors, poll and the like. Those are not watched, and of
// others the descriptor the event is about is all that is known.
func typesField() Def {
	list := func(v *View) ([]string, bool) {
		if !fdKnown(v.Ev) {
			return nil, false
		}
		return v.BuildList(func(dst []string) []string { return append(dst, fdType(&v.Ev.FD)) }), true
	}
	return Def{
		Name: "fd.types", Type: String, IsList: true, Plain: true, Arg: MayIndex, get: Getter{List: list},
		Doc: "list of the types of the event's descriptors; [n] that of descriptor n, if the event is about it",
		bind: func(arg string) (Getter, error) {
			n, err := parseIndex(arg)
			return Getter{List: func(v *View) ([]string, bool) {
				if v.Ev.FD.Num != int64(n) {
					return nil, false
				}
				return list(v)
			}}, err
		},
	}
}
