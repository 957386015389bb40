package enrich

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// TestMain lets this program serve a socket as somebody else: see TestASocketIsServedByWhoItsFileSays.
func TestMain(m *testing.M) {
	if path := os.Getenv("TOCSIN_TEST_LISTEN"); path != "" {
		l, err := net.Listen("unix", path)
		if err != nil {
			os.Exit(1)
		}
		for {
			if _, err := l.Accept(); err != nil {
				os.Exit(1)
			}
		}
	}
	os.Exit(m.Run())
}

// A user can put a link to root's socket into his folder, and his own socket in its place afterwards.
func TestASocketIsServedByWhoItsFileSays(t *testing.T) {
	runtimetest.Need(t)
	dir, err := os.MkdirTemp("", "rt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/serve", program, 0o755); err != nil { // where anybody may run it
		t.Fatal(err)
	}
	path := dir + "/x.sock"
	server := exec.Command(dir + "/serve")
	server.Dir, server.Env = dir, []string{"TOCSIN_TEST_LISTEN=" + path}
	server.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill() // an error means that it is gone
		server.Wait()         // killed: its state says nothing
	})
	runtimetest.Eventually(t, "somebody else serves a socket", func() bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if conn, err := (socket{path: path}).dial(context.Background()); err == nil || !strings.Contains(err.Error(), "served by user 65534") {
		t.Errorf("dial of a socket taken for root's = %v, %v; want a refusal", conn, err)
	}
	conn, err := (socket{path: path, users: true}).dial(context.Background())
	if err != nil {
		t.Fatalf("dial of a user's socket = %v", err)
	}
	conn.Close()
}
