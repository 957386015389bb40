package decode

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestSnapshotRestoresTheTable(t *testing.T) {
	d := New(Config{}, "h", testOffset)
	for _, s := range []pipeline.Sample{forked(1, 0, "init", 1), execed(10, 1, "sh", 10, argv("sh", "-x")),
		forked(5, 10, "younger", 12), forked(30, 1, "gone", 13), exited(30, 1, 14)} {
		decode(t, d, s)
	}
	d.Lookup(10).Container = &pipeline.Container{ID: "c", Labels: map[string]string{"a": "b"}, Complete: true}
	d.Lookup(10).User = "web"
	d.ports.stream.add(50051)
	d.ports.datagram.add(53)
	snapshot, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}

	r := New(Config{}, "h", testOffset)
	decode(t, r, forked(99, 0, "of before", 1))
	if err := r.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	if r.Processes() != 3 || r.Lookup(99) != nil || r.Lookup(30) != nil {
		t.Errorf("restored %d processes, 99: %v, 30: %v; want the three living ones", r.Processes(), r.Lookup(99), r.Lookup(30))
	}
	if !r.ports.stream.has(50051) || !r.ports.datagram.has(53) || r.ports.stream.has(53) {
		t.Errorf("restored ports %v and %v, want 50051 and 53", r.ports.stream.list(), r.ports.datagram.list())
	}
	for _, pid := range []int32{1, 5, 10} {
		if diff := cmp.Diff(d.Lookup(pid), r.Lookup(pid)); diff != "" {
			t.Errorf("process %d (-taken +restored):\n%s", pid, diff)
		}
	}
	if got := ancestors(r.Lookup(5)); !slices.Equal(got, []int32{5, 10, 1}) {
		t.Errorf("ancestors of 5 = %v, want 5, 10, 1", got)
	}
}

func TestRestoreRefusesGarbage(t *testing.T) {
	d := newDecoder(t)
	if err := d.Restore([]byte(`{"PID": 1}`)); err == nil {
		t.Error("Restore of something else = nil")
	}
	if d.Processes() != 2 {
		t.Errorf("after it the table has %d processes, want its 2", d.Processes())
	}
	if err := d.Restore([]byte(`{"processes":[{"PID":1,"PPID":2},{"PID":2,"PPID":1},{"PID":2,"PPID":2}]}`)); err != nil {
		t.Fatal(err)
	}
	checkTree(t, d)
}
