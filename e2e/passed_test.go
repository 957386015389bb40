package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Who is handed a file opens nothing: the rule asks what came with the message.
func TestAPassedFileIsSeen(t *testing.T) {
	needRoot(t)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("x"), 0o600))
	rule := `
- rule: Secret passed
  desc: d
  condition: evt.type = recvmsg and fd.passed = ` + secret + ` and proc.exepath endswith e2e.test
  output: "received %fd.passed over a socket of type %fd.type"
  priority: INFO
`
	alerts := string(recordAndReplay(t, rule, func() {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		must(t, err)
		file, err := os.Open(secret)
		must(t, err)
		for _, rights := range [][]byte{nil, unix.UnixRights(int(file.Fd()))} {
			must(t, unix.Sendmsg(pair[0], []byte("x"), rights, nil, 0))
			_, _, _, _, err = unix.Recvmsg(pair[1], make([]byte, 1), make([]byte, 64), 0)
			must(t, err)
		}
	}))
	if want := "received " + secret + " over a socket of type unix"; strings.Count(alerts, `"uuid"`) != 1 || !strings.Contains(alerts, want) {
		t.Errorf("want once %q in:\n%s", want, alerts)
	}
}
