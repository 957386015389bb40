package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/sensor"
	"github.com/tocsin-security/tocsin/stages/enrich"
)

func healthy() *diagnosis {
	return &diagnosis{
		Version: "v1",
		Sensor: sensor.Facts{Kernel: "6.18.1", Arch: "amd64", BTF: "ok", HostPIDs: true,
			Ring: sensor.Ring{Bytes: 8 << 20, State: sensor.OK}},
		Hooks: []sensor.Hook{
			{Name: "sys_exit", State: sensor.OK, Without: "every system call", Required: true},
			{Name: "io_uring_complete", State: sensor.Blind, Why: "attach: invalid argument", Without: "what io_uring does"},
		},
		Host:     hostFacts{Cgroups: "v2", Proc: finding{What: "visible", OK: true}},
		Runtimes: []enrich.Socket{{Path: "/run/c.sock", Found: true, Why: "connection refused"}, {Path: "/run/d.sock", Found: true, Answers: true, Kind: "podman", Version: "4.3.1", Note: "a user's own"}},
		Config:   configFacts{File: "t.yaml", DataDir: finding{What: "/data", Why: "read-only"}, HTTP: finding{What: ":1", OK: true}, Rules: 3, Blind: []string{"R: cannot fire"}},
	}
}

func TestVerdict(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*diagnosis)
		want   string // part of the problem; "" runs
	}{
		"a hook it can do without":    {func(*diagnosis) {}, ""},
		"a hook it needs":             {func(d *diagnosis) { d.Hooks[0].State, d.Hooks[0].Why = sensor.Blind, "load: EPERM" }, "sys_exit: load: EPERM"},
		"a hook that was not tried":   {func(d *diagnosis) { d.Hooks[0].State, d.Hooks[0].Why = sensor.Unknown, "no rights" }, "no rights"},
		"no rights":                   {func(d *diagnosis) { d.Sensor.Refusal = "needs root" }, "needs root"},
		"a ring that cannot be made":  {func(d *diagnosis) { d.Sensor.Ring = sensor.Ring{State: sensor.Blind, Why: "too large"} }, "too large"},
		"a data_dir it cannot use":    {func(d *diagnosis) { d.Config.DataDir.OK = false }, ""},
		"a runtime that is not there": {func(d *diagnosis) { d.Runtimes = nil }, ""},
	} {
		d := healthy()
		c.change(d)
		if d.judge(); d.OK != (c.want == "") || !strings.Contains(d.Problem, c.want) {
			t.Errorf("%s: ok %v, problem %q; want %q", sentence, d.OK, d.Problem, c.want)
		}
	}
}

func TestDiagnosisAsText(t *testing.T) {
	d := healthy()
	d.judge()
	text := d.text()
	for _, want := range []string{
		"verdict  ok  the sensor can run here",
		"sys_exit           ok     every system call\n",
		"io_uring_complete  blind  without it: what io_uring does: attach: invalid argument\n",
		"/run/c.sock  blind  does not answer: connection refused\n",
		"/run/d.sock  ok     podman 4.3.1: a user's own\n",
		"data_dir       blind  /data: read-only\n",
		"R: cannot fire",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, " \n") {
		t.Errorf("lines end in blanks:\n%q", text)
	}
	d.Problem, d.OK = "needs root", false
	if text := d.text(); !strings.Contains(text, "verdict  blind  needs root") {
		t.Errorf("verdict of a machine that cannot:\n%s", text)
	}
}

// The shape that docs/doctor.md promises.
func TestDiagnosisAsJSON(t *testing.T) {
	var out strings.Builder
	d := healthy()
	d.judge()
	if err := d.print(&out, true); err != nil {
		t.Fatal(err)
	}
	var got struct {
		OK      bool
		Problem *string
		Sensor  struct {
			Missing *[]string `json:"missing"`
		}
		Hooks []struct{ Name, State, Why, Without string }
		Host  struct{ Cgroups string }
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if !got.OK || got.Problem == nil || len(got.Hooks) != 2 || got.Hooks[1].State != "blind" || got.Hooks[1].Why == "" || got.Host.Cgroups != "v2" {
		t.Errorf("JSON = %s", out.String())
	}
}

func TestHostFacts(t *testing.T) {
	for sentence, c := range map[string]struct{ mounts, want string }{
		"one hierarchy":        {"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", "v2"},
		"controllers only":     {"cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n", "v1"},
		"both":                 {"cgroup /a cgroup rw 0 0\ncgroup2 /b cgroup2 rw 0 0\n", "hybrid"},
		"none, or not visible": {"proc /proc proc rw 0 0\n", "unknown"},
	} {
		if got := cgroupLayout(c.mounts); got != c.want {
			t.Errorf("%s: layout %s, want %s", sentence, got, c.want)
		}
	}
	if got := procVisibility("proc /proc proc rw,hidepid=2 0 0\n"); got.OK && got.What != "mounted with hidepid=2" {
		t.Errorf("a /proc with hidepid = %+v", got)
	}
}

func TestDataDirAndAddressAreTried(t *testing.T) {
	dir := t.TempDir()
	if f := tryDataDir(filepath.Join(dir, "a/b")); !f.OK || !strings.Contains(f.What, "will be made in "+dir) {
		t.Errorf("a folder to be made = %+v", f)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := tryDataDir(filepath.Join(file)); f.OK || !strings.Contains(f.Why, "not a folder") {
		t.Errorf("a file = %+v", f)
	}
	if f := tryDataDir("/proc/self/none"); f.OK || f.Why == "" {
		t.Errorf("a place where nobody can write = %+v", f)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("trying left %v, %v", entries, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := l.Addr().String()
	if f := tryListen(taken); f.OK || !strings.Contains(f.Why, "in use") {
		t.Errorf("an address that is taken = %+v", f)
	}
	l.Close()
	if f := tryListen(taken); !f.OK {
		t.Errorf("a free address = %+v", f)
	}
}
