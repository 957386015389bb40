package store_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/groupstest"
)

// The suite and the stage that uses the groups ask the same of them.
var (
	_ route.Groups      = (*store.Groups)(nil)
	_ groupstest.Groups = route.Groups(nil)
	_ route.Groups      = groupstest.Groups(nil)
)

func TestGroups(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	groupstest.Run(t, groupstest.Engine{Fresh: func() groupstest.Groups {
		if err := s.EmptyGroups(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s.Groups()
	}})
}

func claim(t *testing.T, g *store.Groups, now time.Duration) []pipeline.Claimed {
	t.Helper()
	claimed, err := g.Claim(t.Context(), t0.Add(now), 100)
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return claimed
}

// What is there is there after a restart, where nobody else can have a claim.
func TestGroupsAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	s := open(t, path)
	g := s.Groups()
	in := []pipeline.Inbox{
		{Key: "claimed", Wait: time.Second, Alerts: []pipeline.Alert{{ID: "1"}}},
		{Key: "waits", Wait: time.Hour, Alerts: []pipeline.Alert{{ID: "2"}}},
	}
	if _, _, err := g.Put(t.Context(), t0, in, []pipeline.Source{{Key: "k", Fingerprint: 1, Ends: t0.Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	before := claim(t, g, time.Second)
	if len(before) != 1 || before[0].Key != "claimed" {
		t.Fatalf("claimed %+v, want the one that is due", before)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	g = open(t, path).Groups()
	if sources, err := g.Sources(t.Context(), t0, []string{"k"}); err != nil || len(sources) != 1 {
		t.Errorf("Sources = %v, %v, want one", sources, err)
	}
	after := claim(t, g, 2*time.Second)
	if len(after) != 1 || !after[0].Retaken || after[0].Token == before[0].Token || len(after[0].Alerts) != 1 || !after[0].Due.Equal(t0.Add(time.Second)) {
		t.Fatalf("claimed after a restart %+v, want the group again, Retaken", after)
	}
	lost, err := g.Settle(t.Context(), t0, []pipeline.Settled{{Key: "claimed", Token: before[0].Token, Gone: true, Upto: 1 << 40}})
	if err != nil || len(lost) != 1 {
		t.Errorf("the claim of before was settled: lost %q, %v", lost, err)
	}
	// Ids of rows go on where they were.
	if _, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{{Key: "claimed", Alerts: []pipeline.Alert{{ID: "3"}}}, {Key: "new", AtOnce: true}}, nil); err != nil {
		t.Fatal(err)
	}
	done := pipeline.Settled{Key: "claimed", Token: after[0].Token, Upto: after[0].Upto, Due: t0}
	if lost, err := g.Settle(t.Context(), t0, []pipeline.Settled{done}); err != nil || len(lost) > 0 {
		t.Fatalf("Settle = %q, %v", lost, err)
	}
	all := claim(t, g, 2*time.Hour)
	var got []string
	for _, c := range all {
		for _, a := range c.Alerts {
			got = append(got, c.Key+" "+a.ID)
		}
	}
	slices.Sort(got)
	if len(all) != 3 || !slices.Equal(got, []string{"claimed 3", "waits 2"}) {
		t.Errorf("in the end there are %d groups with %q", len(all), got)
	}
}

// Alerts that waited in a file of before come along.
func TestGroupsOfAnOlderFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	raw(t, path, store.SchemaThree())
	ns := func(d time.Duration) int64 { return t0.Add(d).UnixNano() }
	raw(t, path, fmt.Sprintf(`INSERT INTO groups (key, receiver, labels, interval, due, told) VALUES
		('{}:{rule="终端"}', 'ops', '{"rule":"终端"}', 1, %d, 1), ('idle', 'ops', '{}', 1, %d, 1), ('b', 'oncall', '{}', 1, %d, 0)`,
		ns(time.Minute), ns(0), ns(time.Second)))
	raw(t, path, `INSERT INTO pending (group_key, alerts) VALUES
		('{}:{rule="终端"}', '[{"uuid":"1"},{"uuid":"2"}]'), ('b', '[{"uuid":"3"}]'), ('{}:{rule="终端"}', '[{"uuid":"4"}]'), ('nobody', '[{"uuid":"5"}]')`)
	g := open(t, path).Groups()
	if next, err := g.NextDue(t.Context()); err != nil || !next.Equal(t0.Add(time.Second)) {
		t.Errorf("NextDue = %v, %v, want what it was", next, err)
	}
	if _, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{{Key: "b", Route: "root", Wait: time.Hour, Alerts: []pipeline.Alert{{ID: "6"}}}}, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range claim(t, g, time.Minute) {
		text := fmt.Sprintf("%s of %s%v %q:", c.Key, c.Receiver, c.Labels, c.Route)
		for _, a := range c.Alerts {
			text += " " + a.ID
		}
		got = append(got, text)
	}
	want := []string{`b of map[] "root": 3 6`, `{}:{rule="终端"} of opsmap[rule:终端] "": 1 2 4`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was there (-want +got):\n%s", diff)
	}
}

// On a full disk nothing of a Put is kept, and the store goes on.
func TestGroupsOnAFullDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	if err := s.LimitPages(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	g := s.Groups()
	in := []pipeline.Inbox{{Key: "small", Alerts: []pipeline.Alert{{ID: "1"}}}, {Key: "large", Alerts: []pipeline.Alert{{ID: "2", Output: strings.Repeat("x", 500_000)}}}}
	if _, _, err := g.Put(t.Context(), t0, in, nil); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("Put on a full disk: %v", err)
	}
	if all := claim(t, g, 0); len(all) > 0 {
		t.Errorf("claimed %v, want none of what was refused", all)
	}
	if _, _, err := g.Put(t.Context(), t0, in[:1], nil); err != nil {
		t.Errorf("Put of what fits: %v", err)
	}
	if all := claim(t, g, 0); len(all) != 1 || len(all[0].Alerts) != 1 {
		t.Errorf("claimed %v, want what fits", all)
	}
}

// What cannot be read is lost; it does not stop what can.
func TestADamagedGroupStopsNoOther(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	g := s.Groups()
	put := func(key, id string) {
		t.Helper()
		in := []pipeline.Inbox{{Key: key, AtOnce: true, Labels: map[string]string{"l": key}, Alerts: []pipeline.Alert{{ID: id}}}}
		if _, _, err := g.Put(t.Context(), t0, in, nil); err != nil {
			t.Fatal(err)
		}
	}
	put("bad", "1")
	put("worse", "2")
	if err := s.DamageInboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	put("bad", "3")
	put("good", "4")
	got := map[string]pipeline.Claimed{}
	for _, c := range claim(t, g, 0) {
		got[c.Key] = c
	}
	for key, want := range map[string]struct {
		id      string
		damaged bool
	}{"bad": {"3", true}, "worse": {"", true}, "good": {"4", false}} {
		c := got[key]
		id := ""
		for _, a := range c.Alerts {
			id += a.ID
		}
		if id != want.id || (c.Damaged != nil) != want.damaged || c.Upto == 0 {
			t.Errorf("claimed of %s: alerts %q up to %d, damaged: %v; want %q", key, id, c.Upto, c.Damaged, want.id)
		}
	}
}
