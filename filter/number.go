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
		tests = append(tests, numberTest(c.Op, n))
	}
	test := combine(c.Modifier, tests)
	if c.Op.IsList() {
		test = func(n int64) bool { return slices.Contains(constants, n) }
	}
	return onNumber(c.Op, left, test), nil
}

// onNumber applies a test to the field. Of a field with two ends either may pass, except that "!="
// wants both.
func onNumber(op syntax.Op, left field.Ref, test func(int64) bool) func(*field.View) bool {
	switch {
	case left.Ends != nil:
		return onEnds(op, left, func(a netip.AddrPort) bool { return test(int64(a.Port())) })
	case left.IntOfProcess != nil:
		return func(v *field.View) bool {
			holds := false
			field.Ancestors(v.Ev, func(p *pipeline.Process) bool {
				n, ok := left.IntOfProcess(v, p)
				holds = ok && test(n)
				return !holds
			})
			return holds
		}
	default:
		return func(v *field.View) bool {
			n, ok := left.Int(v)
			return ok && test(n)
		}
	}
}

func onEnds(op syntax.Op, left field.Ref, test func(netip.AddrPort) bool) func(*field.View) bool {
	return func(v *field.View) bool {
		a, b, ok := left.Ends(v)
		if !ok {
			return false
		}
		if op == syntax.NotEq {
			return (!a.IsValid() || test(a)) && (!b.IsValid() || test(b))
		}
		return a.IsValid() && test(a) || b.IsValid() && test(b)
	}
}

func numberTest(op syntax.Op, want int64) func(int64) bool {
	if op == syntax.Eq { // the most frequent one, without a second call
		return func(n int64) bool { return n == want }
	}
	return func(n int64) bool { return compareInts(op, n, want) }
}

// parseNumber reads a decimal constant; a port may be a service's name.
func parseNumber(left field.Ref, v syntax.Value) (int64, error) {
	n, err := strconv.ParseInt(v.Text, 10, 64)
	switch {
	case err == nil && left.Def.Type == field.Uint && n < 0:
		return int64(uint32(n)), nil
	case err == nil:
		return n, nil
	case left.Def.Type == field.Port:
		if p, err := net.LookupPort("tcp", v.Text); err == nil {
			return int64(p), nil
		}
	}
	return 0, syntax.Errorf(v.At, "%s is a number (%s), %q is not a decimal one", left.Text, left.Def.Type, v.Text)
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
	test := combine(c.Modifier, tests)
	if left.Ends != nil {
		return onEnds(c.Op, left, func(a netip.AddrPort) bool { return test(a.Addr().Unmap()) }), nil
	}
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
	if err != nil {
		return nil, &syntax.Error{At: v.At, Msg: fmt.Sprintf("%q is not an IP address", v.Text), Hint: "for networks there are fields such as fd.snet"}
	}
	want = want.Unmap()
	return func(a netip.Addr) bool { return a == want }, nil
}
