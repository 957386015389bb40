package match

import (
	"fmt"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

var stockFiles = []string{"falco-rules/falco_rules.yaml", "falco-rules/falco-incubating_rules.yaml", "falco-rules/falco-sandbox_rules.yaml"}

// stock loads all rules of the stock files that run by default.
func stock(tb testing.TB) *Matcher {
	var sources []rules.Source
	for _, name := range stockFiles {
		sources = append(sources, shared(tb, name))
	}
	return load(tb, Config{}, false, sources...)
}

// typical are file opens as a busy machine makes them; no stock rule fires on them.
func typical() []*pipeline.Event {
	var events []*pipeline.Event
	for i, path := range []string{
		"/usr/lib/x86_64-linux-gnu/libc.so.6", "/proc/self/maps", "/var/lib/app/data/0001.db", "/tmp/build/obj/main.o",
		"/home/li/project/src/main.go", "/usr/share/zoneinfo/Asia/Shanghai", "/sys/fs/cgroup/memory.current", "/opt/app/config.json",
	} {
		ev := shadowRead()
		ev.FD.Name, ev.FD.Raw = path, path
		ev.Path[0] = pipeline.Path{Raw: path, Name: path, Set: true}
		ev.Proc.Comm, ev.Proc.Cmdline = "worker", fmt.Sprintf("worker --id %d", i)
		if i%2 == 0 {
			ev.Proc.ContainerID, ev.Proc.Container = "", &pipeline.Container{Type: "host", Complete: true}
		}
		events = append(events, ev)
	}
	return events
}

func TestEventsThatDoNotMatchDoNotAllocate(t *testing.T) {
	for name, m := range map[string]*Matcher{
		"contract": load(t, Config{}, false, shared(t, "contract/rules.yaml")), "stock": stock(t),
	} {
		events := typical()
		fired := 0
		emit := func(pipeline.Alert) { fired++ }
		n := testing.AllocsPerRun(20, func() {
			for _, ev := range events {
				m.Match(ev, emit)
			}
		})
		if n != 0 || fired != 0 {
			t.Errorf("%s rules: %v allocations, %d alerts for %d events, want none", name, n, fired, len(events))
		}
	}
}

func benchmark(b *testing.B, m *Matcher, events []*pipeline.Event) {
	emit := func(pipeline.Alert) {}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Match(events[i%len(events)], emit)
		i++
	}
}

// BenchmarkMatchContract is an open event that no contract rule fires on.
func BenchmarkMatchContract(b *testing.B) {
	benchmark(b, load(b, Config{}, false, shared(b, "contract/rules.yaml")), typical())
}

// BenchmarkMatchStock is an open event that no stock rule fires on.
func BenchmarkMatchStock(b *testing.B) { benchmark(b, stock(b), typical()) }

// BenchmarkMatchGenerated is an open event against many rules that differ in one constant.
func BenchmarkMatchGenerated(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var file []byte
			for i := range n {
				file = fmt.Appendf(file, "- rule: g%d\n  condition: evt.type in (open, openat) and fd.name startswith /gen/%d and proc.name != p%d\n  output: o\n  desc: d\n  priority: INFO\n", i, i, i)
			}
			benchmark(b, load(b, Config{}, false, text(string(file))), typical())
		})
	}
}

// BenchmarkAlert is an event on which one rule fires.
func BenchmarkAlert(b *testing.B) {
	benchmark(b, load(b, Config{}, false, shared(b, "contract/rules.yaml")), []*pipeline.Event{shadowRead()})
}
