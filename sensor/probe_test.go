package sensor

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cilium/ebpf"

	"github.com/tocsin-security/tocsin/bpf"
)

// This machine has all hooks: what is loaded and attached one by one is what Open attaches at once.
func TestAllHooksAreOKHere(t *testing.T) {
	needKernel(t)
	hooks := ProbeHooks()
	if len(hooks) != len(hookPrograms) {
		t.Fatalf("ProbeHooks = %+v, want %d hooks", hooks, len(hookPrograms))
	}
	for _, h := range hooks {
		if h.State != OK || h.Why != "" || h.Without == "" {
			t.Errorf("hook %+v, want it ok", h)
		}
	}
	f := Look(DefaultConfig())
	if f.Refusal != "" || f.BTF != "ok" || f.Ring.State != OK || f.Ring.Bytes != 8<<20 || f.Kernel == "" || f.CPUs == 0 || f.Scratch == 0 {
		t.Errorf("Look = %+v, want a machine on which the sensor runs", f)
	}
	for _, o := range f.Optional {
		if o.State == Unknown {
			t.Errorf("optional facility %+v was not looked for", o)
		}
	}
}

// A program the kernel refuses is said to be refused, in a line.
func TestARefusedProgramIsOneLine(t *testing.T) {
	needKernel(t)
	spec, _, err := prepare(minRingBuffer, 0)
	if err != nil {
		t.Fatal(err)
	}
	broken := spec.Programs[bpf.SensorProgSysExit]
	broken.Instructions = broken.Instructions[:1] // falls off its end
	_, err = ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type: broken.Type, AttachType: broken.AttachType, AttachTo: broken.AttachTo, License: broken.License, Instructions: broken.Instructions,
	}, ebpf.ProgramOptions{})
	if err == nil {
		t.Fatal("the kernel took a program without an end")
	}
	if line := oneLine(err); strings.ContainsAny(line, "\n\t") || line == "" {
		t.Errorf("oneLine = %q", line)
	}
}

func TestARingThatDoesNotFitIsSaid(t *testing.T) {
	needKernel(t)
	cfg := DefaultConfig()
	cfg.RingBuffer = 3 << 20
	if f := Look(cfg); f.Ring.State != Blind || !strings.Contains(f.Ring.Why, "power of two") {
		t.Errorf("ring = %+v, want its refusal", f.Ring)
	}
}

func TestOneLineIsBounded(t *testing.T) {
	got := oneLine(errors.New("load:\n\tinvalid " + strings.Repeat("ü", 1000)))
	if len(got) > 410 || strings.ContainsAny(got, "\n\t") || !utf8.ValidString(got) || !strings.HasPrefix(got, "load: invalid") {
		t.Errorf("oneLine = %d bytes %q", len(got), got[:20])
	}
}
