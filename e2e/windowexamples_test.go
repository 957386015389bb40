package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// windowExamples are the rules that ship, with a rate that a test can wait for.
func windowExamples(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../configs/rules/windows.yaml")
	must(t, err)
	const shipped, quick = "rate: {over: 10/s, for: 2m}", "rate: {over: 10/s, for: 2s, within: 1s}"
	if !strings.Contains(string(text), shipped) {
		t.Fatalf("configs/rules/windows.yaml has no %q", shipped)
	}
	return strings.Replace(string(text), shipped, quick, 1)
}

// The tests of the rules that ship pass.
func TestWindowRulesPassTheirTests(t *testing.T) {
	if out, err := exec.Command(binary, "test", "../configs/rules/tests/windows.yaml").CombinedOutput(); err != nil {
		t.Errorf("tocsin test: %v\n%s", err, out)
	}
}

// The rules that ship fire at their thresholds, not one before, with windows in memory and in Redis: on what
// containers do, and on what is posted.
func TestWindowExamples(t *testing.T) {
	needRoot(t)
	for sentence, store := range map[string]func(*testing.T) string{
		"windows in memory": func(*testing.T) string { return "store: embedded" },
		"windows in redis":  func(t *testing.T) string { return "store: " + redistest.Start(t).URL() },
	} {
		t.Run(sentence, func(t *testing.T) {
			l, sink := newLayout(t, windowExamples(t)), newWebhookSink(t)
			p := start(t, l.dir, "run", l.config("0s", webhookReceiver(sink), store(t)))
			x := windowExample{t, p, sink}
			t.Run("ports of one host", x.ports)
			t.Run("one address from many containers", x.addresses)
			t.Run("connects keep failing", x.rate)
			t.Run("shell, download, execution", x.sequence)
			t.Run("failed logins", x.logins)
			t.Run("a login unlike any before", x.unlike)
		})
	}
}

type windowExample struct {
	t    *testing.T
	p    *process
	sink *webhookSink
}

// told are the outputs of a rule's alerts that have arrived.
func (x windowExample) told(rule string) (all []string) {
	for _, p := range x.sink.received() {
		for _, a := range p.Alerts {
			if a.Labels["rule"] == rule {
				all = append(all, a.Annotations["output"])
			}
		}
	}
	return all
}

// fires waits for the only alert of a rule, which says all of want.
func (x windowExample) fires(t *testing.T, rule string, want ...string) {
	t.Helper()
	eventually(t, rule+" has fired", func() error {
		if len(x.told(rule)) == 0 {
			return fmt.Errorf("nothing came")
		}
		return nil
	})
	got := x.told(rule)
	if len(got) != 1 || slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(got[0], s) }) {
		t.Errorf("%s said %q, want one alert with %q", rule, got, want)
	}
}

// connects is a script that tries n ports of host from one on.
func connects(host string, from, n int) string {
	return fmt.Sprintf("p=%d; while [ $p -lt %d ]; do /bin/nc -w 1 %s $p </dev/null; p=$((p+1)); done; true", from, from+n, host)
}

func (x windowExample) ports(t *testing.T) {
	near, over := newContainer(t), newContainer(t)
	near.run(t, 0, "sh", "-c", connects("127.0.0.1", 1, 20))
	over.run(t, 0, "sh", "-c", connects("127.0.0.1", 1, 21))
	x.fires(t, "Port scan", "target=127.0.0.1", "ports=21", "latest=12, 13, 14, 15, 16, 17, 18, 19, 20, 21", "container="+over.shortID(), "proc=nc")
}

// Each container has the address for itself, on its loopback device.
func (x windowExample) addresses(t *testing.T) {
	reach := func(n int) {
		c := newContainer(t)
		c.capabilities = []string{"CAP_NET_ADMIN"}
		c.run(t, 0, "sh", "-c", "busybox ip link set lo up; busybox ip address add 192.0.2.9/32 dev lo; i=0; while [ $i -lt "+
			fmt.Sprint(n)+" ]; do nc -w 1 192.0.2.9 443 </dev/null; i=$((i+1)); done; true")
	}
	for range 5 {
		reach(20)
	}
	reach(1)
	x.fires(t, "One address reached from many containers", "target=192.0.2.9", "containers=6", "connections=101")
}

func (x windowExample) rate(t *testing.T) {
	slow, fast := newContainer(t), newContainer(t)
	slow.run(t, 0, "sh", "-c", "i=0; while [ $i -lt 20 ]; do nc 127.0.0.1 1; sleep 0.2; i=$((i+1)); done; true")
	fast.run(t, 0, "sh", "-c", "end=$(($(busybox date +%s)+8)); while [ $(busybox date +%s) -lt $end ]; do for i in 1 2 3 4 5; do nc 127.0.0.1 1; done; done; true")
	x.fires(t, "Connects keep failing", "container="+fast.shortID(), "error=ECONNREFUSED")
}

func (x windowExample) sequence(t *testing.T) {
	const execution = "; busybox cp /bin/busybox /tmp/true; /tmp/true"
	without, whole := newContainer(t), newContainer(t)
	without.run(t, 0, "sh", "-c", "true"+execution)
	whole.run(t, 0, "sh", "-c", "nc -w 1 127.0.0.1 80 </dev/null; true"+execution)
	x.fires(t, "Download and execution from a shell", "exe=/tmp/true", "steps=shell ", "download ", "execution ", "container="+whole.shortID())
}

func (x windowExample) logins(t *testing.T) {
	login := func(user string, n int) {
		for range n {
			postEvents(t, x.p, "", `{"type":"login","ok":false,"address":"192.0.2.7","user":{"name":"`+user+`"}}`, http.StatusAccepted)
		}
	}
	login("li", 10)
	login("wang", 11)
	x.fires(t, "Many failed logins of one user", "user=wang", "failures=11")
	login("li", 1)
	eventually(t, "the 11th of the other is told too", func() error {
		if got := x.told("Many failed logins of one user"); len(got) != 2 || !strings.Contains(got[1], "user=li failures=11") {
			return fmt.Errorf("told %q", got)
		}
		return nil
	})
}

func (x windowExample) unlike(t *testing.T) {
	login := func(ago time.Duration, user, country, agent string, n int) {
		for range n {
			postEvents(t, x.p, "", fmt.Sprintf(`{"type":"login","ok":true,"time":%q,"user":{"name":%q},"country":%q,"agent":%q}`,
				time.Now().Add(-ago).Format(time.RFC3339Nano), user, country, agent), http.StatusAccepted)
		}
	}
	for _, user := range []string{"same country", "known agent", "too few", "unlike"} {
		login(time.Hour, user, "CN", "app", 1)
	}
	login(0, "same country", "CN", "curl", 6)
	login(0, "known agent", "FR", "app", 6)
	login(0, "too few", "FR", "curl", 4)
	login(0, "unlike", "FR", "curl", 5)
	x.fires(t, "Login unlike any before", "user=unlike", "country=FR", "before=CN", "agent=curl", "attempts=5")
}
