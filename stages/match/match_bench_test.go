package match

import (
	"fmt"
	"net/netip"
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

// generated are n rules that differ in their constants and match nothing: of five, two are about opens,
// two about new programs, one about connections.
func generated(n int) rules.Source {
	var file []byte
	for i := range n {
		var condition string
		switch i % 5 {
		case 0, 1:
			condition = fmt.Sprintf("evt.type in (open, openat, openat2) and fd.name startswith /gen/dir%d/ and not proc.name in (a%d, b%d)", i, i, i)
		case 2, 3:
			condition = fmt.Sprintf("evt.type in (execve, execveat) and proc.name = gen%d and not proc.pname in (p%d, q%d)", i, i, i)
		default:
			condition = fmt.Sprintf("evt.type = connect and fd.sport = %d and proc.name = gen%d", 10000+i%50000, i)
		}
		file = fmt.Appendf(file, "- {rule: g%d, desc: d, condition: %q, output: o, priority: INFO}\n", i, condition)
	}
	return text(string(file))
}

// BenchmarkMatchGenerated is an event against many rules: its cost must grow far slower than their number.
func BenchmarkMatchGenerated(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		m := load(b, Config{}, false, generated(n))
		exec, connect := shadowRead(), shadowRead()
		exec.Type, exec.FD, exec.Path = pipeline.EventExecve, pipeline.FD{}, [2]pipeline.Path{}
		connect.Type, connect.Path = pipeline.EventConnect, [2]pipeline.Path{}
		connect.FD = pipeline.FD{Kind: pipeline.FDIPv4, Num: 3, Server: netip.MustParseAddrPort("10.0.0.1:443")}
		for name, events := range map[string][]*pipeline.Event{"open": typical(), "exec": {exec}, "connect": {connect}} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { benchmark(b, m, events) })
		}
	}
}

// BenchmarkLoadStock reads and compiles the stock rule files.
func BenchmarkLoadStock(b *testing.B) {
	for b.Loop() {
		stock(b)
	}
}

// BenchmarkAlert is an event on which one rule fires.
func BenchmarkAlert(b *testing.B) {
	benchmark(b, load(b, Config{}, false, shared(b, "contract/rules.yaml")), []*pipeline.Event{shadowRead()})
}
