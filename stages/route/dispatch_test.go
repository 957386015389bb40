package route_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/stages/route"
)

// node draws a route with matchers in their older spelling, which the reference below reads by itself.
func node(t *rapid.T, depth int, names *int) *route.Config {
	c := &route.Config{Name: fmt.Sprint("n", *names), Continue: rapid.Bool().Draw(t, "continue")}
	*names++
	label := rapid.SampledFrom([]string{"a", "b", "c"})
	c.Match = rapid.MapOfN(label, rapid.SampledFrom([]string{"", "x", "y", "z"}), 0, 2).Draw(t, "match")
	c.MatchRE = rapid.MapOfN(label, rapid.SampledFrom([]string{"x|y", "x.*", "", "(y|z)x?", "[yz]", ".*"}), 0, 1).Draw(t, "match_re")
	if depth > 0 {
		for range rapid.IntRange(0, 12).Draw(t, "routes") {
			c.Routes = append(c.Routes, node(t, depth-1, names))
		}
	}
	return c
}

// walk is Alertmanager's rule as its documentation has it.
func walk(c *route.Config, set map[string]string) (taken []string) {
	for name, value := range c.Match {
		if set[name] != value {
			return nil
		}
	}
	for name, pattern := range c.MatchRE {
		if !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(set[name]) {
			return nil
		}
	}
	for _, child := range c.Routes {
		more := walk(child, set)
		taken = append(taken, more...)
		if len(more) > 0 && !child.Continue {
			break
		}
	}
	if taken == nil {
		taken = []string{c.Name}
	}
	return taken
}

func TestMatchIsThatOfAPlainWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := 0
		root := node(t, 2, &names)
		root.Receiver, root.Match, root.MatchRE = "r", nil, nil
		label(root)
		tr, err := route.NewTree(root, receivers("r"))
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			set := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.SampledFrom([]string{"", "x", "y", "z", "xx", "yx"})).Draw(t, "set")
			var got []string
			for _, r := range tr.Match(set) {
				got = append(got, r.Labels["route"])
			}
			if want := walk(root, set); !slices.Equal(got, want) {
				t.Fatalf("Match(%v) = %v, want %v", set, got, want)
			}
		}
	})
}

// label names each route in its labels, where a test can see it.
func label(c *route.Config) {
	c.Labels = map[string]string{"route": c.Name}
	for _, child := range c.Routes {
		label(child)
	}
}

// alertLabels is a usual number of labels.
func alertLabels(more map[string]string) map[string]string {
	set := map[string]string{"rule": "Terminal shell in container", "priority": "Notice", "severity": "info", "source": "syscall",
		"hostname": "node-17", "container_id": "0123456789ab", "k8s_ns_name": "shop", "k8s_pod_name": "shop-7f9c-x2x4z", "object": "/bin/bash"}
	maps.Copy(set, more)
	return set
}

func BenchmarkDispatch(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		for name, c := range map[string]struct {
			matcher func(i int) string
			value   string // of the label team, of the alert
		}{
			"equal":        {func(i int) string { return fmt.Sprintf(`team = "team-%d"`, i) }, "team-%d"},
			"alternatives": {func(i int) string { return fmt.Sprintf(`team =~ "team-%d|squad-%d"`, i, i) }, "squad-%d"},
			"prefixes":     {func(i int) string { return fmt.Sprintf(`team =~ "team-%d-.*"`, i) }, "team-%d-x"},
			"no match":     {func(i int) string { return fmt.Sprintf(`team =~ "team-%d|squad-%d"`, i, i) }, "other-%d"},
			"unlisted":     {func(i int) string { return fmt.Sprintf(`team =~ ".*-%d"`, i) }, "team-%d"}, // remembered
		} {
			cfg := &route.Config{Receiver: "r"}
			for i := range n {
				cfg.Routes = append(cfg.Routes, &route.Config{Matchers: []string{c.matcher(i)}})
			}
			tr, err := route.NewTree(cfg, receivers("r"))
			if err != nil {
				b.Fatal(err)
			}
			set := alertLabels(map[string]string{"team": fmt.Sprintf(c.value, n*7/10)})
			b.Run(fmt.Sprint(name, "/", n, " routes"), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if len(tr.Match(set)) != 1 {
						b.Fatal("no route")
					}
				}
			})
		}
	}
}
