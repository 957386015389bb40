package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Without rights doctor works, gives a reason for all it could not look at, and says that nothing runs.
func TestDoctorWithoutRights(t *testing.T) {
	needRoot(t) // to become somebody else
	doctor := exec.Command(binary, "doctor", "--json")
	doctor.Dir = os.TempDir()
	doctor.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var stderr bytes.Buffer
	doctor.Stderr = &stderr
	out, err := doctor.Output()
	if code := doctor.ProcessState.ExitCode(); code != 1 {
		t.Errorf("doctor ended with %d, %v; want 1", code, err)
	}
	if !strings.Contains(stderr.String(), "CAP_BPF") {
		t.Errorf("stderr = %s, want what is missing", stderr.String())
	}
	var d struct {
		OK      bool
		Problem string
		Sensor  struct {
			Kernel  string
			Missing []string
			Ring    struct{ State, Why string } `json:"ring_buffer"`
		}
		Hooks  []struct{ Name, State, Why, Without string }
		Config struct {
			DataDir struct {
				OK  bool
				Why string
			} `json:"data_dir"`
		}
	}
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("doctor --json: %v\n%s", err, out)
	}
	if d.OK || !strings.Contains(d.Problem, "CAP_BPF") || len(d.Sensor.Missing) != 5 || d.Sensor.Kernel == "" {
		t.Errorf("ok %v, problem %q, missing %v on %q", d.OK, d.Problem, d.Sensor.Missing, d.Sensor.Kernel)
	}
	if len(d.Hooks) != 9 {
		t.Errorf("%d hooks, want 9", len(d.Hooks))
	}
	for _, h := range d.Hooks {
		if h.State != "unknown" || !strings.Contains(h.Why, "CAP_BPF") {
			t.Errorf("hook %+v, want it unknown for want of rights", h)
		}
	}
	if d.Sensor.Ring.State != "unknown" || d.Config.DataDir.OK || d.Config.DataDir.Why == "" {
		t.Errorf("ring buffer %+v, data_dir %+v; want reasons", d.Sensor.Ring, d.Config.DataDir)
	}
}
