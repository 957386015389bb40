package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load posts over keep-alive connections, as cheaply as it can.
type load struct {
	addr  string
	path  string
	conns int
	body  func(n int) string // of request number n
}

// run posts until total requests were answered with 2xx, and returns how long that took. With a pace it starts so
// many requests a second, whatever the answers do.
func (l load) run(tb testing.TB, total int, pace float64) time.Duration {
	tb.Helper()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	begin := time.Now()
	var group sync.WaitGroup
	for range l.conns {
		group.Go(func() {
			if err := l.connection(&next, total, begin, pace); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		tb.Fatalf("post to %s: %v", l.addr, *err)
	}
	return time.Since(begin)
}

func (l load) connection(next *atomic.Int64, total int, begin time.Time, pace float64) error {
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		n := int(next.Add(1)) - 1
		if n >= total {
			return nil
		}
		if pace > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(float64(n) / pace * float64(time.Second)))))
		}
		body := l.body(n)
		request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", l.path, len(body), body)
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		h, err := readHead(r)
		if err != nil {
			return err
		}
		if _, err := r.Discard(h.length); err != nil {
			return err
		}
		if h.status/100 != 2 {
			return fmt.Errorf("status %d", h.status)
		}
	}
}

// falcoLoad is an alert in Falco's shape, of the size that its stock rules make, about object.
func falcoLoad(object string) string {
	return `{"uuid":"","hostname":"node-1","output":"10:02:03.000000001: Warning Sensitive file opened for reading by non-trusted program (file=` + object +
		` gparent=systemd ggparent=<NA> gggparent=<NA> evt_type=openat user=root user_uid=0 user_loginuid=-1 process=cat proc_exepath=/usr/bin/cat parent=bash command=cat ` + object +
		` terminal=34816 container_id=3ad7b26ded6d container_name=web)","output_fields":{"container.id":"3ad7b26ded6d","container.name":"web","evt.time.iso8601":1763892123000000001,"evt.type":"openat","fd.name":"` + object +
		`","proc.aname[2]":"systemd","proc.cmdline":"cat ` + object + `","proc.exepath":"/usr/bin/cat","proc.name":"cat","proc.pname":"bash","proc.tty":34816,"user.loginuid":-1,"user.name":"root","user.uid":0},"priority":"Warning","rule":"Read sensitive file untrusted","source":"syscall","tags":["T1555","container","filesystem","host","maturity_stable","mitre_credential_access"],"time":"` + time.Now().UTC().Format(time.RFC3339Nano) + `"}`
}

// alertmanagerLoad is the same as Falcosidekick gives it to Alertmanager, less the labels that it should not.
func alertmanagerLoad(object string) string {
	return `[{"labels":{"alertname":"Read sensitive file untrusted","rule":"Read sensitive file untrusted","source":"falco","eventsource":"syscall","hostname":"node-1","priority":"Warning","severity":"warning","container_id":"3ad7b26ded6d","container_name":"web","fd_name":"` + object +
		`","proc_name":"cat","proc_pname":"bash","user_name":"root"},"annotations":{"description":"Sensitive file opened for reading by non-trusted program (file=` + object + ` process=cat)","summary":"Read sensitive file untrusted"}}]`
}

// batchOf joins arrays or objects to one array of n, about different objects.
func batchOf(one func(string) string, prefix string, request, n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strings.TrimSuffix(strings.TrimPrefix(one(fmt.Sprintf("/%s/%d-%d", prefix, request, i)), "["), "]")
	}
	return "[" + strings.Join(parts, ",") + "]"
}
