package connstat

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

var begin = time.Unix(1700000000, 0)

// kernel stands for the sensor's map.
type kernel map[[2]uint64]uint64 // group and errno → count

func (k kernel) read() ([]pipeline.Connects, error) {
	var counts []pipeline.Connects
	for key, n := range k {
		counts = append(counts, pipeline.Connects{ConnectGroup: groupOf(key[0]), Errno: uint32(key[1]), Count: n})
	}
	return counts, nil
}

func (k kernel) forget(counts []pipeline.Connects) error {
	for _, c := range counts {
		delete(k, [2]uint64{c.Group, uint64(c.Errno)})
	}
	return nil
}

func groupOf(id uint64) pipeline.ConnectGroup {
	if id == 0 {
		return pipeline.ConnectGroup{}
	}
	return pipeline.ConnectGroup{Group: id, Controller: 1}
}

func (k kernel) refresh(t *testing.T, table *Table, after time.Duration) {
	t.Helper()
	if err := table.Refresh(begin.Add(after), k.read, k.forget); err != nil {
		t.Fatal(err)
	}
}

func learn(table *Table, group uint64, container string) {
	table.Learn(&pipeline.Event{Type: pipeline.EventConnects, Time: begin.UnixNano(), Args: [6]uint64{group, 1},
		Proc: &pipeline.Process{Known: true, ContainerID: container}})
}

func nothing(string) *pipeline.Container { return nil }

func series(table *Table) []Series {
	all := table.Series()
	slices.SortFunc(all, func(a, b Series) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func TestCountsOfAContainerAddUp(t *testing.T) {
	pod := &pipeline.Container{Name: "app", PodName: "web-1", PodNS: "shop"}
	table := New(func(id string) *pipeline.Container {
		if id == strings.Repeat("a", 64) {
			return pod
		}
		return nil
	})
	k := kernel{{7, 0}: 2, {7, uint64(unix.ECONNREFUSED)}: 3, {8, 0}: 1, {1, 0}: 5}
	learn(table, 7, strings.Repeat("a", 64))
	learn(table, 8, strings.Repeat("a", 64)) // a group inside the container
	learn(table, 1, "")
	k.refresh(t, table, time.Second)
	k[[2]uint64{7, 0}] = 4
	k.refresh(t, table, 2*time.Second)
	k.refresh(t, table, 3*time.Second) // the same counts again
	want := []Series{
		{ID: "aaaaaaaaaaaa", Name: "app", PodName: "web-1", PodNS: "shop", Connects: 5, Errors: []Errors{{"ECONNREFUSED", 3}}},
		{ID: "host", Name: "host", Connects: 5},
	}
	if diff := cmp.Diff(want, series(table)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestNamesOutliveTheRuntimesMemory(t *testing.T) {
	pod := &pipeline.Container{Name: "app", PodName: "web-1", PodNS: "shop"}
	table := New(func(string) *pipeline.Container { return pod })
	learn(table, 7, "app")
	series(table)
	pod = nil
	want := []Series{{ID: "app", Name: "app", PodName: "web-1", PodNS: "shop"}}
	if diff := cmp.Diff(want, series(table)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestGroupsNobodyKnowsWaitAndThenAreOthers(t *testing.T) {
	table, k := New(nothing), kernel{{9, 0}: 2}
	k.refresh(t, table, 0)
	if got := series(table); len(got) != 0 {
		t.Errorf("at once: %v, want nothing yet", got)
	}
	k.refresh(t, table, wait)
	if diff := cmp.Diff([]Series{{ID: "other", Connects: 2}}, series(table)); diff != "" {
		t.Errorf("after the wait (-want +got):\n%s", diff)
	}
}

func TestLateEventLosesNoCount(t *testing.T) {
	table, k := New(nothing), kernel{{9, 0}: 2}
	k.refresh(t, table, 0)
	learn(table, 9, "late")
	k.refresh(t, table, time.Second)
	if diff := cmp.Diff([]Series{{ID: "late", Connects: 2}}, series(table)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestQuietGroupsAreForgotten(t *testing.T) {
	table, k := New(nothing), kernel{{7, 0}: 2, {1, 0}: 1, {0, 0}: 1}
	learn(table, 7, "gone")
	learn(table, 1, "")
	k.refresh(t, table, 0)
	k.refresh(t, table, keep+time.Second)
	want := []Series{{ID: "host", Name: "host", Connects: 1}, {ID: "other", Connects: 1}}
	if diff := cmp.Diff(want, series(table)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(kernel{{0, 0}: 1}, k); diff != "" {
		t.Errorf("what the kernel keeps (-want +got):\n%s", diff)
	}
	k[[2]uint64{7, 0}] = 1 // back, from zero
	learn(table, 7, "gone")
	k.refresh(t, table, keep+time.Minute)
	if got := series(table)[0]; got.ID != "gone" || got.Connects != 1 {
		t.Errorf("after it came back: %+v, want one connect", got)
	}
}

func TestTooManyContainersAreCountedTogether(t *testing.T) {
	table, k := New(nothing), kernel{}
	for i := range uint64(maxContainers + 5) {
		learn(table, 10+i, fmt.Sprintf("c%d", i))
		k[[2]uint64{10 + i, 0}] = 1
	}
	k.refresh(t, table, time.Second)
	all := series(table)
	if len(all) != maxContainers+1 {
		t.Fatalf("%d series, want %d and the rest", len(all), maxContainers)
	}
	if last := all[len(all)-1]; last.ID != "other" || last.Connects != 5 {
		t.Errorf("the rest is %+v, want 5 connects of other", last)
	}
}
