package decode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// What a recorder's decoder reads of its machine reaches the decoder of a replay, which has no /proc.
func TestWhatIsLookedUpIsNotedForAReplay(t *testing.T) {
	procfs := fakeProc(t, "7 (odd\xff) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0", "Uid:\t5\t6\t5\t5\n")
	for _, dir := range []string{"7/root/usr", "7/ns"} {
		if err := os.MkdirAll(filepath.Join(procfs, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"7/root/bin": "usr/bin", "7/ns/mnt": "mnt:[77]"} {
		if err := os.Remove(filepath.Join(procfs, link)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(procfs, link)); err != nil {
			t.Fatal(err)
		}
	}
	live, replay := newDecoder(t), newDecoder(t)
	live.table.machine.procfs = procfs
	live.Note(func(text []byte) {
		if err := replay.Learn(text); err != nil {
			t.Fatal(err)
		}
	})
	sample := build(syscallEvent{Header: header(7, pipeline.EventOpenat)}, func(e *syscallEvent) *eventHeader { return &e.Header }, nil)
	ev := decode(t, live, sample)
	if ev.Proc.Comm != "odd\xff" || ev.Proc.Links != pipeline.LinkUsr {
		t.Fatalf("live has %+v, want what /proc says", ev.Proc)
	}
	decode(t, replay, sample)
	if diff := cmp.Diff(live.Lookup(7), replay.Lookup(7)); diff != "" {
		t.Errorf("process 7 (-live +replay):\n%s", diff)
	}
	if diff := cmp.Diff(live.links, replay.links); diff != "" {
		t.Errorf("links (-live +replay):\n%s", diff)
	}
}

// A full table is swept in a replay as it was live, by the list of processes of that moment.
func TestASweepIsNotedForAReplay(t *testing.T) {
	replay := New(Config{MaxProcesses: 2}, "h", 0)
	decode(t, replay, forked(1, 0, "init", 1))
	decode(t, replay, forked(30, 1, "lost", 30))
	if err := replay.Learn([]byte(`{"running":[1]}`)); err != nil {
		t.Fatal(err)
	}
	decode(t, replay, forked(40, 1, "d", 60))
	if replay.Lookup(30) != nil || replay.Lookup(40) == nil || replay.TableFull() != 0 {
		t.Errorf("after the sweep: 30 is %v, 40 is %v, counted %d", replay.Lookup(30), replay.Lookup(40), replay.TableFull())
	}
}

func TestPackKeepsEveryByte(t *testing.T) {
	p := pipeline.Process{PID: 1, Comm: "a\xffb", Args: []string{"", "\xc3\x28", "ü"}, Env: []string{"A=\x80"}, Cgroup: "/\xfe"}
	packed := pack(p)
	if p.Args[1] != "\xc3\x28" || packed.Args[1] == p.Args[1] {
		t.Fatalf("pack changed its argument, or nothing: %q, %q", p.Args, packed.Args)
	}
	d := New(Config{}, "h", 0)
	d.table.insert(&entry{Process: p}, 0)
	text, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	r := New(Config{}, "h", 0)
	if err := r.Restore(text); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&p, r.Lookup(1)); diff != "" {
		t.Errorf("process (-before +after):\n%s", diff)
	}
	if err := r.Restore([]byte(`{"processes":[{"PID":2,"Comm":"\u0000!"}]}`)); err == nil || r.Lookup(1) == nil {
		t.Error("Restore of a process that is no base64 = nil, or the table is gone")
	}
}

// Links of none are known too: a container's process must not inherit its runtime's.
func TestASnapshotKnowsRootsWithoutLinks(t *testing.T) {
	d, r := newDecoder(t), New(Config{}, "h", 0)
	d.links.set(70, 0)
	text, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Restore(text); err != nil {
		t.Fatal(err)
	}
	if got := r.links.of(&r.table.machine, 5, 70, pipeline.LinkUsr); got != 0 {
		t.Errorf("links of a root without any = %b after a restore, want none", got)
	}
}
