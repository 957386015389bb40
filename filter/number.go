package filter

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

func compareNumber(c *syntax.Check, left field.Ref) (func(*field.View) bool, error) {
	var tests []func(int64) bool
	var constants []int64
	for _, v := range c.Values {
		n, err := parseNumber(left, v)
		if err != nil {
			return nil, err
		}
		constants = append(constants, n)
		tests = append(tests, numberTest(c.Op, left.Def.Type.IsUnsigned(), n))
	}
	if left.Ends != nil {
		return onEnds(c, left, len(tests), func(i int, a netip.AddrPort) bool { return tests[i](int64(a.Port())) }), nil
	}
	test := combine(c.Modifier, tests)
	if c.Op.IsList() {
		test = func(n int64) bool { return slices.Contains(constants, n) }
	}
	return onNumber(left, test), nil
}

// onNumber applies a test to the field; to a field of all ancestors, until one passes.
func onNumber(left field.Ref, test func(int64) bool) func(*field.View) bool {
	if left.IntOfProcess == nil {
		return func(v *field.View) bool {
			n, ok := left.Int(v)
			return ok && test(n)
		}
	}
	return func(v *field.View) bool {
		holds := false
		field.Ancestors(v.Ev, func(p *pipeline.Process) bool {
			n, ok := left.IntOfProcess(v, p)
			holds = ok && test(n)
			return !holds
		})
		return holds
	}
}

// onEnds applies tests, one for each constant, to the two ends of a connection. Either end may pass a test,
// except that "!=" wants both.
func onEnds(c *syntax.Check, left field.Ref, tests int, test func(i int, a netip.AddrPort) bool) func(*field.View) bool {
	one := func(i int, a, b netip.AddrPort) bool {
		if c.Op == syntax.NotEq {
			return (!a.IsValid() || test(i, a)) && (!b.IsValid() || test(i, b))
		}
		return a.IsValid() && test(i, a) || b.IsValid() && test(i, b)
	}
	return func(v *field.View) bool {
		a, b, ok := left.Ends(v)
		if !ok {
			return false
		}
		n := 0
		for i := range tests {
			if one(i, a, b) {
				n++
			}
		}
		return enough(c.Modifier, n, tests)
	}
}

func numberTest(op syntax.Op, unsigned bool, want int64) func(int64) bool {
	if op.IsList() || op == syntax.Eq { // the most frequent one, without a second call
		return func(n int64) bool { return n == want }
	}
	return func(n int64) bool { return compareInts(op, unsigned, n, want) }
}

// compareInts compares signed numbers, or unsigned ones that are held in signed ones.
func compareInts(op syntax.Op, unsigned bool, a, b int64) bool {
	less := a < b
	if unsigned {
		less = uint64(a) < uint64(b)
	}
	switch op {
	case syntax.NotEq:
		return a != b
	case syntax.Less:
		return less
	case syntax.LessEq:
		return less || a == b
	case syntax.Greater:
		return !less && a != b
	case syntax.GreaterEq:
		return !less
	default:
		return a == b
	}
}

// parseNumber reads a decimal constant, which wraps when it is negative and the field is unsigned; a port
// may be a service's name.
func parseNumber(left field.Ref, v syntax.Value) (int64, error) {
	t := left.Def.Type
	if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
		switch t {
		case field.Uint:
			return int64(uint32(n)), nil
		case field.Port:
			return int64(uint16(n)), nil
		}
		return n, nil
	}
	if n, err := strconv.ParseUint(v.Text, 10, 64); err == nil && t.IsUnsigned() {
		return int64(n), nil
	}
	if _, err := strconv.ParseFloat(v.Text, 64); err == nil && t == field.Double {
		return 0, nil // no field of this type has a value to compare with
	}
	if p, err := net.LookupPort("tcp", v.Text); err == nil && t == field.Port {
		return int64(p), nil
	}
	return 0, syntax.Errorf(v.At, "%s is a number (%s), %q is not a decimal one", left.Text, t, v.Text)
}

func compareAddr(c *syntax.Check, left field.Ref) (func(*field.View) bool, error) {
	values := c.Values
	if left.Ends != nil && left.Def.Type == field.Net && c.Op.IsList() && len(values) > 1 {
		values = values[:1] // Falco tests only the first network of a list here; verdicts must agree
	}
	var tests []func(netip.Addr) bool
	for _, v := range values {
		test, err := addrTest(left, v)
		if err != nil {
			return nil, err
		}
		if c.Op == syntax.NotEq {
			equal := test
			test = func(a netip.Addr) bool { return !equal(a) }
		}
		tests = append(tests, test)
	}
	if left.Ends != nil {
		return onEnds(c, left, len(tests), func(i int, a netip.AddrPort) bool { return tests[i](a.Addr().Unmap()) }), nil
	}
	test := combine(c.Modifier, tests)
	return func(v *field.View) bool {
		a, ok := left.Addr(v)
		return ok && test(a.Unmap())
	}, nil
}

// addrTest compares with an address, or with a network for fields of that type. The other address
// family is never equal.
func addrTest(left field.Ref, v syntax.Value) (func(netip.Addr) bool, error) {
	if left.Def.Type == field.Net {
		prefix, err := netip.ParsePrefix(v.Text)
		if err != nil {
			return nil, &syntax.Error{At: v.At, Msg: fmt.Sprintf("%q is not a network", v.Text), Hint: "write address/length, as in 10.0.0.0/8"}
		}
		return prefix.Contains, nil
	}
	want, err := netip.ParseAddr(v.Text)
	if err != nil || want.Zone() != "" {
		return nil, &syntax.Error{At: v.At, Msg: fmt.Sprintf("%q is not an IP address", v.Text), Hint: "for networks there are fields such as fd.snet"}
	}
	want = want.Unmap()
	return func(a netip.Addr) bool { return a == want }, nil
}
