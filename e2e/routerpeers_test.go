package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reportRSS reports the process' memory: what it has and the most it had.
func (p *process) reportRSS(b *testing.B) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		name, rest, _ := strings.Cut(string(line), ":")
		unit := map[string]string{"VmRSS": "rss-MiB", "VmHWM": "peak-MiB"}[name]
		if unit == "" {
			continue
		}
		kib, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(kib)/1024, unit)
	}
}

// peer runs another program until the benchmark ends, and waits until it listens on addr.
func peer(b *testing.B, path, addr string, args ...string) *process {
	b.Helper()
	if path == "" {
		b.Skip("its path is not given")
	}
	p := &process{cmd: exec.Command(path, args...), stderr: &lines{}, base: "http://" + addr}
	p.cmd.Dir = b.TempDir()
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		p.cmd.Process.Kill() // an error means that it is gone already
		p.cmd.Wait()         // it says that it was killed
	})
	eventually(b, path+" listens", func() error {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err
	})
	return p
}

func startFalcosidekick(b *testing.B, sink *rawSink) (*process, load) {
	addr := freeAddr(b)
	host, port, _ := strings.Cut(addr, ":")
	file := filepath.Join(b.TempDir(), "config.yaml")
	text := fmt.Sprintf("listenaddress: %s\nlistenport: %s\nwebhook: {address: %q}\n", host, port, sink.url+"/hook")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	p := peer(b, *falcosidekickPath, addr, "-c", file)
	l := load{addr: addr, path: "/", conns: 64, body: func(n int) string { return falcoLoad(fmt.Sprint("/load/", n)) }}
	return p, l
}

// benchFalcosidekickIngest has a webhook, as it takes nothing without an output; what comes out is in its way, as
// it is in ours that alerts go to the disk.
func benchFalcosidekickIngest(b *testing.B) {
	p, l := startFalcosidekick(b, newRawSink(b))
	total, ticks := scaled(30_000), p.cpu(b)
	b.ReportMetric(float64(total)/l.run(b, total, 0).Seconds(), "accepted/s")
	p.settle(b)
	p.reportCPU(b, ticks, total)
	p.reportRSS(b)
}

func benchFalcosidekickThrough(b *testing.B) {
	sink := newRawSink(b)
	p, l := startFalcosidekick(b, sink)
	through(b, sink, l, p)
}

func benchFalcosidekickLatency(b *testing.B) {
	sink := newRawSink(b)
	p, l := startFalcosidekick(b, sink)
	l.conns, l.body = 16, func(int) string { return falcoLoad(stamped()) }
	latency(b, sink, l)
	p.reportRSS(b)
}

func startAlertmanager(b *testing.B, sink *rawSink, groupBy, wait string) (*process, load) {
	file := filepath.Join(b.TempDir(), "config.yaml")
	text := fmt.Sprintf("route: {receiver: sink, group_by: %s, group_wait: %s, group_interval: 5m}\nreceivers: [{name: sink, webhook_configs: [{url: %q}]}]\n",
		groupBy, wait, sink.url+"/hook")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	addr := freeAddr(b)
	p := peer(b, *alertmanagerPath, addr, "--config.file", file, "--storage.path", b.TempDir(), "--web.listen-address", addr,
		"--cluster.listen-address=", "--log.level=error")
	return p, load{addr: addr, path: "/api/v2/alerts", conns: 8}
}

// benchAlertmanagerIngest counts what its metrics say that it has received; what it has grouped it does not say.
func benchAlertmanagerIngest(b *testing.B, groupBy string, total int) {
	p, l := startAlertmanager(b, newRawSink(b), groupBy, "1h")
	total = scaled(total)
	l.body = func(n int) string { return batchOf(alertmanagerLoad, "load", n, 100) }
	ticks, begin := p.cpu(b), time.Now()
	l.run(b, total/100, 0)
	b.ReportMetric(float64(total)/time.Since(begin).Seconds(), "accepted/s")
	p.settle(b)
	b.ReportMetric(float64(total)/time.Since(begin).Seconds(), "handled/s")
	p.reportCPU(b, ticks, total)
	p.reportRSS(b)
}

// settle waits until a process computes no more.
func (p *process) settle(b *testing.B) {
	b.Helper()
	for {
		before := p.cpu(b)
		time.Sleep(100 * time.Millisecond)
		if p.cpu(b)-before < 2 {
			return
		}
	}
}

// reportCPU reports what each of n took of the process' time since cpu said before. Other than a rate it depends little on
// what else the machine does.
func (p *process) reportCPU(b *testing.B, before, n int) {
	b.Helper()
	const tick = 10_000 // µs; sysconf(_SC_CLK_TCK) is 100 on every Linux that Go runs on
	b.ReportMetric(float64(p.cpu(b)-before)*tick/float64(n), "cpu-µs/alert")
}

// cpu is the time a process has computed, in clock ticks (proc(5): fields 14 and 15 of stat).
func (p *process) cpu(b *testing.B) int {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		b.Fatal(err)
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		b.Fatal(err)
	}
	return user + system
}

func benchAlertmanagerLatency(b *testing.B) {
	sink := newRawSink(b)
	p, l := startAlertmanager(b, sink, groupPerAlert, "0s")
	l.conns, l.body = 16, func(int) string { return alertmanagerLoad(stamped()) }
	latency(b, sink, l)
	p.reportRSS(b)
}

func benchAlertmanagerLive(b *testing.B) {
	p, l := startAlertmanager(b, newRawSink(b), groupPerAlert, "1h")
	l.body = func(n int) string { return batchOf(alertmanagerLoad, "live", n, 100) }
	l.run(b, scaled(100_000)/100, 0)
	p.settle(b)
	p.reportRSS(b)
}
