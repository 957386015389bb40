// Package redistest starts real redis-servers for tests, alone, as a cluster, behind a Sentinel, with TLS or
// behind a slow line, on free ports of the loopback address.
package redistest

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a redis-server of the test's own; it ends with the test.
type Server struct {
	Addr string // host:port

	t    testing.TB
	args []string
	cmd  *exec.Cmd
}

// Start starts a server that keeps nothing on disk; args come after ours.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	port := freePort(t)
	return start(t, port, append([]string{
		"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no",
	}, args...)...)
}

// start starts redis-server with nothing but these arguments, and waits for it to listen on the port.
func start(t testing.TB, port string, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is missing: install Debian's redis-server")
		}
		t.Skip("redis-server is missing: install Debian's redis-server")
	}
	s := &Server{t: t, Addr: net.JoinHostPort("127.0.0.1", port), args: args}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// Start starts the server, again after Stop, and returns when it listens.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	Eventually(s.t, "redis listens", func() bool {
		c, err := net.Dial("tcp", s.Addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// Signal sends a signal, such as SIGSTOP.
func (s *Server) Signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
}

// Stop kills the server.
func (s *Server) Stop() {
	s.Signal(syscall.SIGKILL)
	_ = s.cmd.Wait() // it was killed, and says so
}

// URL is the server's address as a configuration has it.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Client is a client of the server, for looking behind the code under test.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	s.t.Cleanup(func() { _ = c.Close() }) // of a server that may be dead
	return c
}

// Do runs a command in the server.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	reply, err := s.Client().Do(s.t.Context(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return reply
}

// DoAs runs a command as the default user with a password.
func (s *Server) DoAs(password string, args ...any) {
	s.t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr, Password: password})
	defer c.Close()
	if err := c.Do(s.t.Context(), args...).Err(); err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
}

// Eventually waits up to 20 s for ok.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
