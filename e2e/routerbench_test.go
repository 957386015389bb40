package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Programs to measure beside tocsin, built elsewhere; those not given are left out.
var (
	falcosidekickPath = flag.String("falcosidekick", "", "Falcosidekick's program, to measure beside")
	alertmanagerPath  = flag.String("alertmanager", "", "Alertmanager's program, to measure beside")
	benchScale        = flag.Int("bench-scale", 1, "divides how many alerts a benchmark sends")
)

// BenchmarkRouter measures the program as it runs: its own process, its own files, real HTTP. Run it with
// `make bench-router`; docs/performance.md says how to read it. Each benchmark is meant to run once (-benchtime 1x)
// and reports what it measured; nothing here passes or fails by a figure.
func BenchmarkRouter(b *testing.B) {
	b.Run("ingest single/tocsin", func(b *testing.B) { benchIngest(b, groupPerAlert, 60_000, 1) })
	b.Run("ingest single/falcosidekick", benchFalcosidekickIngest)
	b.Run("ingest batches one group/tocsin", func(b *testing.B) { benchIngest(b, oneGroup, 200_000, 100) })
	b.Run("ingest batches one group/alertmanager", func(b *testing.B) { benchAlertmanagerIngest(b, oneGroup, 100_000) })
	b.Run("ingest batches group per alert/tocsin", func(b *testing.B) { benchIngest(b, groupPerAlert, 200_000, 100) })
	b.Run("ingest batches group per alert/alertmanager", func(b *testing.B) { benchAlertmanagerIngest(b, groupPerAlert, 20_000) })
	b.Run("out drain/tocsin", benchDrain)
	b.Run("out through/tocsin", benchThrough)
	b.Run("out through/falcosidekick", benchFalcosidekickThrough)
	b.Run("latency/tocsin", benchLatency)
	b.Run("latency/falcosidekick", benchFalcosidekickLatency)
	b.Run("latency/alertmanager", benchAlertmanagerLatency)
	b.Run("due/tocsin", benchDue)
	b.Run("live one group/tocsin", func(b *testing.B) { benchLive(b, oneGroup) })
	b.Run("live group per alert/tocsin", func(b *testing.B) { benchLive(b, groupPerAlert) })
	b.Run("live group per alert/alertmanager", benchAlertmanagerLive)
}

// Ways of grouping, in the configuration's words.
const (
	oneGroup      = "[rule]"
	groupPerAlert = "['...']"
)

// scaled is a part of n that batches of 100 make up.
func scaled(n int) int { return max(n / *benchScale / 100, 1) * 100 }

// startBenchRouter runs tocsin as a router whose one receiver is sink. Posts may hang for 30 s: after 10, as by default,
// the sink that benchDrain holds would count as down, and be left alone for a while after it answers.
func startBenchRouter(b *testing.B, sink *rawSink, groupBy, wait string) *process {
	b.Helper()
	dir := b.TempDir()
	for name, text := range map[string]string{"rules.yaml": "[]\n", "whitelist.yaml": "[]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return start(b, dir, "router", fmt.Sprintf(`data_dir: %s
sensor: {enabled: false}
rules: {files: [rules.yaml]}
whitelist: {files: [whitelist.yaml]}
http: {listen: "{http}"}
route: {receiver: sink, group_by: %s, group_wait: %s, group_interval: 5m}
receivers: [{name: sink, webhook_configs: [{url: %q, timeout: 30s}]}]
`, filepath.Join(dir, "data"), groupBy, wait, sink.url+"/hook"))
}

// falcoTo posts alerts in Falco's shape to tocsin, per of them a request.
func falcoTo(p *process, prefix string, conns, per int) load {
	l := load{addr: p.addr(), path: "/api/v1/falco", conns: conns}
	l.body = func(n int) string { return falcoLoad(fmt.Sprintf("/%s/%d", prefix, n)) }
	if per > 1 {
		l.body = func(n int) string { return batchOf(falcoLoad, prefix, n, per) }
	}
	return l
}

func (p *process) addr() string { return strings.TrimPrefix(p.base, "http://") }

// benchIngest posts distinct alerts into groups that wait for longer than it takes.
func benchIngest(b *testing.B, groupBy string, total, per int) {
	p := startBenchRouter(b, newRawSink(b), groupBy, "1h")
	total = scaled(total)
	conns := 64
	if per > 1 {
		conns = 8
	}
	falcoTo(p, "warm", conns, per).run(b, max(total/per/20, conns), 0)
	before, ticks, begin := p.handled(b, 0), p.cpu(b), time.Now()
	accepted := falcoTo(p, "load", conns, per).run(b, total/per, 0)
	p.handled(b, before+total)
	handled := time.Since(begin)
	b.ReportMetric(float64(total)/accepted.Seconds(), "accepted/s")
	b.ReportMetric(float64(total)/handled.Seconds(), "handled/s")
	p.reportCPU(b, ticks, total)
	p.reportRSS(b)
}

// handled waits until all alerts that were received, and at least least, are handled, and returns how many.
func (p *process) handled(tb testing.TB, least int) int {
	tb.Helper()
	for {
		done := int(p.metric(tb, "tocsin_alerts_handled_total"))
		if done >= least && done >= int(p.metric(tb, "tocsin_alerts_received_total")) {
			return done
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// benchDrain fills the way to a webhook that hangs, then lets it answer: a message per alert.
func benchDrain(b *testing.B) {
	sink := newRawSink(b)
	p := startBenchRouter(b, sink, groupPerAlert, "0s")
	total := scaled(50_000)
	sink.hold(true)
	falcoTo(p, "load", 8, 100).run(b, total/100, 0)
	p.handled(b, total)
	ticks, begin := p.cpu(b), time.Now()
	sink.hold(false)
	b.ReportMetric(float64(total)/sink.wait(b, total).Sub(begin).Seconds(), "messages/s")
	p.reportCPU(b, ticks, total)
	p.reportRSS(b)
}

// benchThrough posts alerts one by one and counts the messages that come out, one each.
func benchThrough(b *testing.B) {
	sink := newRawSink(b)
	p := startBenchRouter(b, sink, groupPerAlert, "0s")
	through(b, sink, falcoTo(p, "load", 64, 1), p)
}

func through(b *testing.B, sink *rawSink, l load, p *process) {
	total := scaled(50_000)
	ticks, begin := p.cpu(b), time.Now()
	l.run(b, total, 0)
	b.ReportMetric(float64(total)/sink.wait(b, total).Sub(begin).Seconds(), "messages/s")
	p.reportCPU(b, ticks, total)
	p.reportRSS(b)
}

// wait waits until the sink has had total posts and returns when the last came.
func (s *rawSink) wait(tb testing.TB, total int) time.Time {
	tb.Helper()
	progress, seen := time.Now(), 0
	for {
		n, last := s.count()
		if n >= total {
			return last
		}
		if n > seen {
			progress, seen = time.Now(), n
		}
		if time.Since(progress) > patience {
			tb.Fatalf("%d of %d messages came, and none for %s", n, total, patience)
		}
		time.Sleep(time.Millisecond)
	}
}

// benchLatency is the way of single alerts to the webhook, at 1,000/s.
func benchLatency(b *testing.B) {
	sink := newRawSink(b)
	p := startBenchRouter(b, sink, groupPerAlert, "0s")
	l := falcoTo(p, "", 16, 1)
	l.body = func(int) string { return falcoLoad(stamped()) }
	latency(b, sink, l)
	p.reportRSS(b)
}

func stamped() string { return fmt.Sprint(stamp, time.Now().UnixNano()) }

func latency(b *testing.B, sink *rawSink, l load) {
	const pace = 1000
	total := scaled(10 * pace)
	sink.onlyFrom = total / 10 // connections open and pools fill
	l.run(b, total, pace)
	sink.wait(b, total*99/100)
	time.Sleep(time.Second)
	sink.report(b)
}

func (s *rawSink) report(b *testing.B) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.delays)
	for name, q := range map[string]float64{"p50-ms": 0.5, "p90-ms": 0.9, "p99-ms": 0.99, "max-ms": 1} {
		d := s.delays[min(int(float64(len(s.delays))*q), len(s.delays)-1)]
		b.ReportMetric(float64(d.Microseconds())/1000, name)
	}
}

// benchDue posts alerts that make groups that wait for 2 s, and reports how late their messages come.
func benchDue(b *testing.B) {
	sink := newRawSink(b)
	p := startBenchRouter(b, sink, groupPerAlert, "2s")
	l := falcoTo(p, "", 4, 1)
	l.body = func(int) string { return falcoLoad(stamped()) }
	total := scaled(1000)
	l.run(b, total, 100)
	sink.wait(b, total)
	sink.mu.Lock()
	for i := range sink.delays {
		sink.delays[i] -= 2 * time.Second
	}
	sink.mu.Unlock()
	sink.report(b)
}

// liveSettles is how long after the last alert memory is looked at: what the burst took is given back by then.
const liveSettles = 10 * time.Second

// benchLive is what a router takes that keeps many alerts in groups that wait.
func benchLive(b *testing.B, groupBy string) {
	p := startBenchRouter(b, newRawSink(b), groupBy, "1h")
	falcoTo(p, "live", 4, 100).run(b, scaled(100_000)/100, 0)
	p.handled(b, scaled(100_000))
	time.Sleep(liveSettles)
	p.reportRSS(b)
}
