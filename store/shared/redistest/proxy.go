package redistest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is a line to a server, which can be made slow.
type Proxy struct {
	Addr string

	to    string
	delay atomic.Int64 // of what the server answers, ns
	done  chan struct{}
	work  sync.WaitGroup
}

// StartProxy makes a line to addr. It ends with the test.
func StartProxy(t testing.TB, addr string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), to: addr, done: make(chan struct{})}
	p.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.work.Go(func() { p.carry(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(p.done)
		p.work.Wait()
	})
	return p
}

// Slow makes every answer take so much longer.
func (p *Proxy) Slow(by time.Duration) { p.delay.Store(int64(by)) }

// carry carries one connection, until either side or the test ends.
func (p *Proxy) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	p.work.Go(func() {
		_, _ = io.Copy(server, client) // either end closes: that is how it ends
		ended <- struct{}{}
	})
	p.work.Go(func() {
		p.answer(client, server)
		ended <- struct{}{}
	})
	select {
	case <-ended:
	case <-p.done:
	}
}

func (p *Proxy) answer(client, server net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-time.After(time.Duration(p.delay.Load())):
		case <-p.done:
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}
