package filter

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// whyNoNames is why fields that stand for a host's name are null when nobody resolves names.
const whyNoNames = "names of hosts are not looked up: rules.resolve_names is off"

// ResolveNames says that somebody will fill table with the addresses of Names. It must come before the first
// Compile; without it, fields that stand for a host's name are null.
func (p *Program) ResolveNames(table *pipeline.HostNames) { p.hosts = table }

// HostNames is the table that ResolveNames was given, or nil.
func (p *Program) HostNames() *pipeline.HostNames { return p.hosts }

// Names are the names of hosts that conditions compare addresses with, sorted.
func (p *Program) Names() []string { return slices.Sorted(maps.Keys(p.names)) }

// comparesHosts reports whether a check asks whether an address is a named host's.
func comparesHosts(c *syntax.Check, left field.Ref) bool {
	return left.HostAddr != nil && (c.Op == syntax.Eq || c.Op == syntax.NotEq || c.Op == syntax.In || c.Op == syntax.Intersects)
}

// compareHost compares an address with those of the names in a check.
func compareHost(c *syntax.Check, left field.Ref) func(*field.View) bool {
	return func(v *field.View) bool {
		a, ok := left.HostAddr(v)
		if !ok || v.Hosts == nil {
			return false
		}
		n := 0
		for i := range c.Values {
			if hostTest(c.Op, v.Hosts, c.Values[i].Text, a) {
				n++
			}
		}
		return enough(c.Modifier, n, len(c.Values))
	}
}

func hostTest(op syntax.Op, hosts *pipeline.HostNames, name string, a netip.Addr) bool {
	return hosts.Has(name, a.Unmap()) != (op == syntax.NotEq)
}
