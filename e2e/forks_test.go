package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Processes by the hundred thousand leave nothing behind: no entry of the table, no memory.
func TestForksLeaveNothingBehind(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("makes 200,000 processes or more")
	}
	const (
		perRound, everyExecs = "100000", "50"
		others               = 100      // processes that come and go on a machine that tests
		memory               = 12 << 10 // KiB; a leak of 150 bytes a process is more
		rounds               = 3
	)
	program := compile(t, "testdata/forks.c")
	l := newLayout(t, shadowRules)
	p := start(t, l.dir, "run", l.config("0s", "stdout_configs: [{}]"))
	before := p.metric(t, "tocsin_processes")
	forks := func() {
		t.Helper()
		if out, err := exec.Command(program, perRound, everyExecs).CombinedOutput(); err != nil {
			t.Fatalf("forks: %v\n%s", err, out)
		}
		eventually(t, "the table is as it was", func() error {
			must(t, exec.Command("true").Run()) // time passes with events: a machine at rest keeps its last dead
			if now := p.metric(t, "tocsin_processes"); now > before+others {
				return fmt.Errorf("%v processes, before there were %v", now, before)
			}
			return nil
		})
	}
	forks() // what the first of them need stays: buffers, the heap's reserve

	// A heap grows by chance, too, when its collector is late; a leak does so each time.
	for round := 1; ; round++ {
		warm := p.resident(t)
		forks()
		now := p.resident(t)
		if now <= warm+memory {
			break
		}
		t.Logf("round %d: resident memory went from %d to %d KiB", round, warm, now)
		if round == rounds {
			t.Errorf("resident memory grew in each of %d rounds while as many processes as before came and went", rounds)
			break
		}
	}
	if n := p.metric(t, "tocsin_losses_total", `cause="process_table_full"`); n != 0 {
		t.Errorf("%v processes found no place in the table", n)
	}
	if n := p.metric(t, "tocsin_events_total"); n < 200000 {
		t.Errorf("%v records arrived, too few for what happened", n)
	}
	t.Logf("processes %v to %v, resident %d KiB at the end", before, p.metric(t, "tocsin_processes"), p.resident(t))
}

// resident is the memory of the process that is in RAM, in KiB.
func (p *process) resident(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	must(t, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatalf("VmRSS of tocsin: %v\n%s", err, status)
	}
	return kib
}
