package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// valve stands between tocsin and a real containerd: shut, nothing of what containerd says comes through until it
// is opened again.
type valve struct {
	socket string
	target string

	mu   sync.Mutex // guards what follows
	shut chan struct{}
}

// newValve listens on a socket beside the runtime's; it is open.
func newValve(t *testing.T, socket string) *valve {
	t.Helper()
	v := &valve{socket: filepath.Join(filepath.Dir(socket), "v.sock"), target: socket}
	l, err := net.Listen("unix", v.socket)
	must(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed
			}
			all.Go(func() { v.forward(client) })
		}
	})
	t.Cleanup(func() {
		v.open()
		l.Close()
		all.Wait()
	})
	return v
}

// forward carries one connection until either side ends it.
func (v *valve) forward(client net.Conn) {
	server, err := net.Dial("unix", v.target)
	if err != nil {
		client.Close()
		return
	}
	var both sync.WaitGroup
	pipe := func(to, from net.Conn, wait func()) {
		both.Go(func() {
			defer to.Close()
			b := make([]byte, 64<<10)
			for {
				n, err := from.Read(b)
				if err != nil {
					return
				}
				wait()
				if _, err := to.Write(b[:n]); err != nil {
					return
				}
			}
		})
	}
	pipe(server, client, func() {})
	pipe(client, server, v.wait)
	both.Wait()
}

func (v *valve) wait() {
	v.mu.Lock()
	shut := v.shut
	v.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

func (v *valve) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = make(chan struct{})
}

func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shut != nil {
		close(v.shut)
		v.shut = nil
	}
}

// lateRules have one as stock rules are written: it holds for everything but known containers, and for one whose
// name is not known by mere absence.
const lateRules = `
- rule: Not a known container
  desc: a container that nobody knows read the password hashes
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/shadow and fd.num >= 0 and container.id startswith tocsin-late and not container.name in (web)
  output: unknown (container=%container.name)
  priority: CRITICAL
- rule: Read in a container
  desc: the password hashes were read in a container
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/shadow and fd.num >= 0 and container.id startswith tocsin-late
  output: read (container=%container.name team=%container.label.team user=%user.name parents=%proc.ancestry)
  priority: WARNING
- rule: Read on the host
  desc: a marked file was read on the host
  condition: evt.type in (open, openat, openat2) and fd.name endswith .tocsin-late and container.id = host and proc.name = cat
  output: host (file=%fd.name)
  priority: WARNING
`

// lateRun is a tocsin that hears of containers through a valve.
type lateRun struct {
	*process
	*valve
	runtime *runtimetest.Containerd
	sink    *webhookSink
	layout  layout
	config  string
}

// startLate runs tocsin behind a valve, which is shut once the runtime is found.
func startLate(t *testing.T, wait, groupWait string) *lateRun {
	t.Helper()
	r := &lateRun{runtime: runtimetest.StartContainerd(t), sink: newWebhookSink(t), layout: newLayout(t, lateRules)}
	r.valve = newValve(t, r.runtime.Socket)
	r.config = r.layout.config(groupWait, webhookReceiver(r.sink), fmt.Sprintf("enrich: {containers: {sockets: %s, wait: %s}}", r.socket, wait))
	r.process = start(t, r.layout.dir, "run", r.config)
	eventually(t, "it knows the runtime", func() error {
		if !strings.Contains(r.stderr.String(), "container runtime found") {
			return fmt.Errorf("stderr: %s", r.stderr)
		}
		return nil
	})
	r.close()
	return r
}

// holds waits until an event is held.
func (r *lateRun) holds(t *testing.T) {
	t.Helper()
	eventually(t, "the container's event is held", func() error {
		if r.metric(t, "tocsin_late_events") == 0 {
			return errors.New("none is")
		}
		return nil
	})
}

// readOnce runs a container that lives some milliseconds, as a user of its own, and stays known to its runtime.
func (r *lateRun) readOnce(t *testing.T, id string) {
	t.Helper()
	c := newContainer(t)
	must(t, os.WriteFile(filepath.Join(c.bundle, "rootfs/etc/passwd"), []byte("keeper:x:4711:4711::/:/bin/sh\n"), 0o644))
	c.writeSpec(t, filepath.Join(c.bundle, "rootfs"), "/default/"+id, 4711, []string{"/bin/cat", "/etc/shadow"})
	must(t, r.runtime.Ctr("run", "--label", "nerdctl/name=web", "--label", "team=shop", "--config", filepath.Join(c.bundle, "config.json"), id))
	t.Cleanup(func() { must(t, r.runtime.Ctr("containers", "delete", id)) })
}

// The first event of a container waits for its metadata; no other event does. A rule that holds for want of the
// metadata alone does not fire.
func TestAnEventWaitsForItsContainer(t *testing.T) {
	r := startLate(t, "1m", "0s")
	r.readOnce(t, "tocsin-late-test")
	r.holds(t)
	marked := filepath.Join(t.TempDir(), "x.tocsin-late")
	must(t, os.WriteFile(marked, nil, 0o644))
	must(t, exec.Command("cat", marked).Run())
	if got := r.sink.waitFor(t, 1); got[0].Alerts[0].Labels["rule"] != "Read on the host" {
		t.Errorf("the first message is %+v, want the host's, which does not wait", got[0])
	}
	if n := r.metric(t, "tocsin_late_events_total"); n != 0 {
		t.Errorf("%v events were let go, want none: nothing was told and the wait is not over", n)
	}
	r.open()
	got := r.sink.waitFor(t, 2)
	a := got[1].Alerts[0]
	if a.Labels["rule"] != "Read in a container" || a.Labels["container_name"] != "web" {
		t.Errorf("labels = %v, want those of the container web", a.Labels)
	}
	output := a.Annotations["output"]
	if !strings.Contains(output, "container=web team=shop user=keeper") {
		t.Errorf("output = %q, want the container's name, label and user", output)
	}
	if parents := a.Annotations["ancestry"]; !strings.Contains(output, "parents="+parents) || !strings.Contains(parents, "containerd-shim") || !strings.Contains(parents, " > cat(") {
		t.Errorf("ancestry = %q in %q, want the chain from the runtime down to cat", parents, output)
	}
	r.stop(t)
	for _, wrong := range []string{"Not a known container", `"enrichment"`} {
		if strings.Contains(r.stdout.String(), wrong) {
			t.Errorf("an alert has %q:\n%s", wrong, r.stdout)
		}
	}
}

// When the wait is over the alert goes on without the metadata; the message that it waits for has it all the same.
func TestAnAlertThatWentOnIsCompleted(t *testing.T) {
	r := startLate(t, "200ms", "15s") // the second longer than it takes to open the valve
	r.readOnce(t, "tocsin-late-test")
	eventually(t, "the alert goes on without the metadata", func() error {
		if strings.Count(r.stdout.String(), `"enrichment":"partial"`) < 2 {
			return fmt.Errorf("stdout: %s", r.stdout)
		}
		return nil
	})
	r.open()
	seen := map[string]bool{}
	for _, post := range r.sink.waitFor(t, 2) {
		for _, a := range post.Alerts {
			rule := a.Labels["rule"]
			seen[rule] = true
			if a.Labels["container_name"] != "web" || a.Annotations["count"] != "" {
				t.Errorf("%s: labels %v, count %q; want web and a single occurrence", rule, a.Labels, a.Annotations["count"])
			}
			want := map[string]string{"Not a known container": "late"}[rule] // with the metadata it does not hold
			if got := a.Annotations["enrichment"]; got != want {
				t.Errorf("%s: enrichment %q, want %q", rule, got, want)
			}
		}
	}
	if len(seen) != 2 {
		t.Errorf("messages about %v, want one for each rule", seen)
	}
	if n := r.metric(t, "tocsin_late_completed_total"); n != 2 {
		t.Errorf("%v alerts were completed, want 2", n)
	}
	if n := r.metric(t, "tocsin_dedupe_alerts_total", `outcome="repeat"`); n != 0 {
		t.Errorf("%v repeats were counted: a completion is no occurrence", n)
	}
}

// A stop loses nothing of what waits: it is durable, and told after the next start at the latest.
func TestWhatWaitsOutlivesAStop(t *testing.T) {
	r := startLate(t, "1m", "0s")
	r.readOnce(t, "tocsin-late-test")
	r.holds(t)
	r.stop(t)
	start(t, r.layout.dir, "run", r.config)
	for _, post := range r.sink.waitFor(t, 2) {
		if a := post.Alerts[0]; a.Labels["container_id"] != "tocsin-late-" || a.Annotations["enrichment"] != "partial" {
			t.Errorf("message of %v, %v; want one of the container, partial", a.Labels, a.Annotations["enrichment"])
		}
	}
}
