package late

import (
	"net/netip"
	"reflect"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tocsin-security/tocsin/pipeline"
)

// at is a mount table that has every file below a directory, for now.
type at struct{ dir string }

func (a *at) AppendHostPath(dst []byte, ev *pipeline.Event) ([]byte, bool) {
	return append(append(dst, a.dir...), ev.FD.Name...), true
}

// TestCloneOwnsItsMemory fills every field of an event, strings in memory that is written over later, as decode
// does, and compares the copy with what was there.
func TestCloneOwnsItsMemory(t *testing.T) {
	var buffers [][]byte
	borrowed := func(s string) string {
		b := []byte(s)
		buffers = append(buffers, b)
		return unsafe.String(&b[0], len(b))
	}
	fd := func() pipeline.FD {
		return pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: borrowed("/etc/x"), Raw: borrowed("x"), Subtree: borrowed("x\x00"), Remote: netip.MustParseAddrPort("1.2.3.4:5")}
	}
	table := &at{"/host"}
	make := func() *pipeline.Event {
		e := &pipeline.Event{
			Type: pipeline.EventOpenat, Source: "syscall", Host: "h", Time: 7, TID: 3, FD: fd(), Passed: []pipeline.FD{fd(), fd()},
			Str: borrowed("str"), Data: borrowed("data"), Exe: borrowed("exe"), Mounts: table,
			Path: [2]pipeline.Path{{Raw: borrowed("r"), Name: borrowed("n"), Set: true}, {Raw: borrowed("r2"), Name: borrowed("n2")}},
		}
		parent := &pipeline.Process{PID: 1, Comm: "sh", Known: true}
		e.Proc = &pipeline.Process{PID: 2, Comm: "cat", Args: []string{"a"}, Env: []string{"E=1"}, Parent: parent, Known: true}
		return e
	}
	ev := make()
	got, bytes := clone(ev)
	table.dir = "/elsewhere"
	path, ok := got.Mounts.AppendHostPath(nil, got)
	for _, b := range buffers {
		clear(b)
	}
	passed := ev.Passed
	clear(passed)
	ev.Proc.Comm, ev.Proc.Parent.Comm = "changed", "changed" // decode goes on with the table's entry
	ev.Proc.Parent = nil

	want := make()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(pipeline.Event{}, "Mounts"), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
	if string(path) != "/host/etc/x" || !ok {
		t.Errorf("its path on the host = %q, %v, want /host/etc/x", path, ok)
	}
	if bytes < 1000 || bytes > 10000 {
		t.Errorf("it takes %d bytes: want about two kilobytes", bytes)
	}
}

// Whoever gives an event another field of memory has to copy that here.
func TestCloneKnowsEveryFieldWithMemory(t *testing.T) {
	copied := map[string]bool{"Source": true, "Host": true, "Places": true, "Proc": true, "Passed": true, "Mounts": true, "Str": true, "Data": true, "Exe": true,
		"FD.Name": true, "FD.Raw": true, "FD.Subtree": true, "Path.Raw": true, "Path.Name": true,
		"Extra": true} // of events that are not the kernel's, and do not wait; Places any goroutine may ask
	var look func(prefix string, of reflect.Type)
	look = func(prefix string, of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			switch f.Type.Kind() {
			case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
				if !copied[prefix+f.Name] {
					t.Errorf("Event.%s%s: is it copied by clone?", prefix, f.Name)
				}
			case reflect.Struct:
				if f.Type.PkgPath() == of.PkgPath() {
					look(prefix+f.Name+".", f.Type)
				}
			case reflect.Array:
				if f.Type.Elem().Kind() == reflect.Struct {
					look(prefix+f.Name+".", f.Type.Elem())
				}
			}
		}
	}
	look("", reflect.TypeFor[pipeline.Event]())
}

func TestCloneEndsWhereAncestorsLoop(t *testing.T) {
	p := &pipeline.Process{PID: 1, ContainerID: "a"}
	p.Parent = p
	got, _ := clone(&pipeline.Event{Proc: p})
	n := 0
	for q := got.Proc; q != nil; q = q.Parent {
		n++
	}
	if n != maxAncestors {
		t.Errorf("%d processes were copied, want %d", n, maxAncestors)
	}
	fill(got, &pipeline.Container{ID: "a", Complete: true})
	for q := got.Proc; q != nil; q = q.Parent {
		if !q.Container.Complete {
			t.Fatal("an ancestor in the container does not know of it")
		}
	}
}
