package groupstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tocsin-security/tocsin/pipeline"
)

func members(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	c := s.one(0, "a", "1")
	done := settled(c, 10*sec)
	done.State = []byte{0, 1, 0xff, '"'}
	done.Set = []pipeline.Member{member(1, "one"), member(1<<63, "\x00\xff"), {Fingerprint: 3}}
	s.settle(0, done)
	c = s.one(10*sec, "a")
	wantMembers(s, c, map[pipeline.Fingerprint]string{1: "one", 1 << 63: "\x00\xff", 3: ""})
	if string(c.State) != string(done.State) {
		s.Errorf("the state is %q, want %q", c.State, done.State)
	}
	done = settled(c, 20*sec)
	done.State, done.Set, done.Remove = nil, []pipeline.Member{member(1, "two"), member(4, "four")}, []pipeline.Fingerprint{3, 5}
	s.settle(10*sec, done)
	c = s.one(20*sec, "a")
	wantMembers(s, c, map[pipeline.Fingerprint]string{1: "two", 1 << 63: "\x00\xff", 4: "four"})
	if len(c.State) > 0 {
		s.Errorf("the state is %q, want none", c.State)
	}
	s.put(20*sec, 20*sec, lot("b", 0, "1"))
	wantMembers(s, s.one(20*sec, "b", "1"), nil)
}

func member(of pipeline.Fingerprint, body string) pipeline.Member {
	return pipeline.Member{Fingerprint: of, Body: []byte(body)}
}

func wantMembers(s *scene, c pipeline.Claimed, want map[pipeline.Fingerprint]string) {
	s.Helper()
	got := map[pipeline.Fingerprint]string{}
	for _, m := range c.Members {
		got[m.Fingerprint] = string(m.Body)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || len(got) != len(c.Members) {
		s.Fatalf("members of %q, %d (-want +got):\n%s", c.Key, len(c.Members), diff)
	}
}

func content(s *scene) {
	escalate := uint64(10)
	in := lot("a", 0)
	in.Labels = map[string]string{"rule": "终端 \"Shell\" <&>", "empty": "", "\x00": "\n"}
	in.Alerts = []pipeline.Alert{{
		ID: "1", Time: t0.Add(123456789), Rule: "终端 <b>", Priority: pipeline.Critical, Source: "syscall", Hostname: "h",
		Output: "a\x00b\u2028", Tags: []string{"x"}, Labels: in.Labels, Annotations: map[string]string{"summary": "s"}, Fingerprint: 1 << 63,
		OutputFields: pipeline.Fields{"evt.time": json.Number("1790000000123456789"), "none": nil, "yes": true, "text": "\"'"},
		Escalate:     &escalate, Count: 3, FirstSeen: t0, LastSeen: t0.Add(1),
		Stateful: &pipeline.Stateful{StartsAt: t0, EndsAt: t0.Add(hour), UpdatedAt: t0, Timeout: true},
	}, {ID: "2", Time: t0}}
	if _, _, err := s.g.Put(s.Context(), at(0), []pipeline.Inbox{in}, nil); err != nil {
		s.Fatal(err)
	}
	c := s.claim(0, "a")[0]
	if diff := cmp.Diff(in.Labels, c.Labels); diff != "" {
		s.Errorf("group labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(in.Alerts, c.Alerts, cmpopts.EquateEmpty()); diff != "" {
		s.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func oddKeys(s *scene) {
	keys := []string{"", " ", "a", "A", "a ", "a\x00", "a\x00b", "结点", "\xff\xfe", "{}'\"*:\r\n", "%s", strings.Repeat("k", 5000)}
	for _, key := range keys {
		in := lot(key, 0, key)
		in.Labels = nil
		s.put(0, 0, in)
	}
	due, err := s.g.Due(s.Context(), append(slices.Clone(keys), "b"))
	if err != nil || len(due) != len(keys) {
		s.Errorf("Due tells of %d groups, %v, want %d", len(due), err, len(keys))
	}
	for _, c := range s.claim(0, slices.Clone(keys)...) {
		if !utf8Equal(c.Alerts[0].ID, c.Key) || len(c.Labels) != 0 {
			s.Errorf("group %.20q has the alert of %.20q, labels %v", c.Key, c.Alerts[0].ID, c.Labels)
		}
		s.settle(0, settled(c, hour))
	}
	s.due(hour)
}

// utf8Equal compares an id that went through JSON with what it was.
// utf8Equal: what is no UTF-8 may come as it is, or as JSON has it.
func utf8Equal(id, was string) bool { return id == was || id == string([]rune(was)) }

// largeInbox brings more than one claim hands out.
func largeInbox(s *scene) {
	const batches, each = 150, 40
	var want []string
	for i := range batches {
		var ids []string
		for j := range each {
			ids = append(ids, fmt.Sprintf("%d/%d", i, j))
		}
		want = append(want, ids...)
		s.put(0, 0, lot("a", 0, ids...))
	}
	var got []string
	claims := 0
	for ; ; claims++ {
		c := s.claim(0, "a")[0]
		got = append(got, idsOf(c.Alerts)...)
		done := settled(c, hour)
		if done.Ready = at(hour); claims == 0 {
			s.put(0, Lease, lot("a", hour, "last"))
			want = append(want, "last")
		}
		s.settle(0, done)
		if !c.More {
			break
		}
		s.due(0) // there is more
	}
	if !slices.Equal(got, want) {
		s.Errorf("%d alerts were handed out in %d claims, want %d in their order", len(got), claims+1, len(want))
	}
	if claims == 0 {
		s.Error("everything was handed out at once")
	}
	s.due(hour)
}

func large(s *scene) {
	in := lot("a", 0)
	for i := range 40 {
		in.Alerts = append(in.Alerts, pipeline.Alert{ID: fmt.Sprint(i), Time: t0, Output: strings.Repeat("x", 50_000)})
	}
	s.put(0, 0, in, lot("b", 0, "1"))
	var got []string
	var fingerprints []pipeline.Fingerprint
	for n := 0; len(got) < len(in.Alerts)+1; n++ {
		if n > 100 {
			s.Fatal("it does not end")
		}
		groups, err := s.g.Claim(s.Context(), at(0), 10)
		if err != nil || len(groups) == 0 {
			s.Fatalf("Claim = %d groups, %v, with %d alerts read", len(groups), err, len(got))
		}
		for _, c := range groups {
			got = append(got, idsOf(c.Alerts)...)
			done := settled(c, hour)
			if c.Key == "a" && !c.More {
				done.State = make([]byte, 300_000)
				for f := range pipeline.Fingerprint(5000) {
					done.Set = append(done.Set, pipeline.Member{Fingerprint: f, Body: []byte(strings.Repeat("m", 200))})
					fingerprints = append(fingerprints, f)
				}
			}
			s.settle(0, done)
		}
	}
	for _, c := range s.claim(hour, "a", "b") {
		done := settled(c, 2*hour)
		if c.Key == "a" {
			if len(c.Members) != len(fingerprints) || len(c.State) != 300_000 {
				s.Fatalf("the group has %d members, %d bytes of state", len(c.Members), len(c.State))
			}
			done.Remove = fingerprints[1:]
		}
		s.settle(hour, done)
	}
	wantMembers(s, s.claim(2*hour, "a", "b")[0], map[pipeline.Fingerprint]string{0: strings.Repeat("m", 200)})
}

func source(key string, fingerprint pipeline.Fingerprint, ends time.Duration, both bool) pipeline.Source {
	return pipeline.Source{Key: key, Fingerprint: fingerprint, Ends: at(ends), Both: both}
}

func (s *scene) wantSources(now time.Duration, keys []string, want ...pipeline.Source) {
	s.Helper()
	got, err := s.g.Sources(s.Context(), at(now), keys)
	if err != nil {
		s.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameSources...); diff != "" {
		s.Fatalf("Sources at %s (-want +got):\n%s", now, diff)
	}
}

var sameSources = cmp.Options{cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b pipeline.Source) bool {
	return a.Key < b.Key || a.Key == b.Key && a.Fingerprint < b.Fingerprint
})}

func sources(s *scene) {
	put := func(now time.Duration, sources ...pipeline.Source) {
		s.Helper()
		if _, _, err := s.g.Put(s.Context(), at(now), nil, sources); err != nil {
			s.Fatal(err)
		}
	}
	a, b, c := source("k", 1, 10*sec, false), source("k", 1<<63+5, 20*sec, true), source("结\x00", 1, 20*sec, false)
	put(0, a, b, c)
	s.wantSources(0, []string{"k", "k", "other"}, a, b)
	s.wantSources(0, []string{"k", "结\x00"}, a, b, c)
	s.wantSources(10*sec-time.Microsecond, []string{"k"}, a, b)
	s.wantSources(10*sec, []string{"k"}, b)
	b.Both, b.Ends = false, at(hour)
	put(11*sec, b) // takes the place of the other
	s.wantSources(30*sec, []string{"k", "结\x00"}, b)
	b.Ends = at(30 * sec)
	put(30*sec, b) // it is over
	s.wantSources(30*sec, []string{"k"})
	put(30*sec, a, c) // and these were over long ago
	s.wantSources(30*sec, []string{"k", "结\x00"})
	a.Ends = at(2 * hour)
	put(40*sec, a, source("k", 2, hour, false))
	s.wantSources(hour, []string{"k"}, a)
	s.due(-1)
}

func manySources(s *scene) {
	var all []pipeline.Source
	for i := range 3000 {
		all = append(all, source("k", pipeline.Fingerprint(i), time.Duration(i+1)*sec, i >= 1500))
	}
	if _, _, err := s.g.Put(s.Context(), at(0), nil, all); err != nil {
		s.Fatal(err)
	}
	got, err := s.g.Sources(s.Context(), at(0), []string{"k"})
	if err != nil {
		s.Fatal(err)
	}
	longest := map[pipeline.Fingerprint]bool{}
	for _, x := range got {
		longest[x.Fingerprint] = true
	}
	if len(got) < 4 || !longest[2999] || !longest[2998] || !longest[1499] || !longest[1498] {
		s.Errorf("%d sources are told, want those that last longest of either kind", len(got))
	}
	s.wantSources(2999*sec, []string{"k"}, all[2999])
}
