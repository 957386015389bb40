package pipeline

import (
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
)

// HostNames are the addresses of host names that rules compare with. What resolves them replaces the whole
// table; reading takes no lock. It is safe for concurrent use, and the zero value is empty.
type HostNames struct{ table atomic.Pointer[hostTable] }

type hostTable struct {
	addrs map[string][]netip.Addr
	names map[netip.Addr]string // of several names the first in the alphabet
}

// Set replaces the table.
func (h *HostNames) Set(addrs map[string][]netip.Addr) {
	t := hostTable{addrs: addrs, names: map[netip.Addr]string{}}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(addrs))) {
		for _, a := range addrs[name] {
			t.names[a] = name
		}
	}
	h.table.Store(&t)
}

// Has reports whether a is one of name's addresses.
func (h *HostNames) Has(name string, a netip.Addr) bool {
	t := h.table.Load()
	return t != nil && slices.Contains(t.addrs[name], a)
}

// Name is a name that has the address.
func (h *HostNames) Name(a netip.Addr) (string, bool) {
	t := h.table.Load()
	if t == nil {
		return "", false
	}
	name, ok := t.names[a]
	return name, ok
}
