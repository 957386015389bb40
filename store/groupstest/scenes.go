package groupstest

import (
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	sec  = time.Second
	hour = time.Hour
)

func newGroupWaits(s *scene) {
	s.put(0, 10*sec, lot("a", 30*sec, "1", "2"), lot("b", 10*sec, "3"))
	atOnce := lot("c", hour, "4")
	atOnce.AtOnce = true
	s.put(sec, sec, atOnce)
	s.due(sec)
	c := s.one(sec, "c", "4")
	if c.Retaken || c.State != nil || len(c.Members) > 0 || c.More || !c.Due.Equal(at(sec)) || c.Route != "root" || c.Receiver != "ops" || c.Labels["rule"] != "c" {
		s.Errorf("a new group is %+v", c)
	}
	s.settle(sec, settled(c, hour))
	s.claim(10*sec - time.Microsecond)
	b := s.one(10*sec, "b", "3")
	s.settle(10*sec, settled(b, hour))
	s.one(30*sec, "a", "1", "2")
}

func joins(s *scene) {
	s.put(0, 10*sec, lot("a", 10*sec, "1"))
	later := lot("a", 30*sec, "2")
	later.Route, later.Receiver, later.Labels, later.AtOnce = "other", "oncall", map[string]string{"rule": "b"}, true
	s.put(sec, 10*sec, later)             // it is due sooner already, and AtOnce is for new groups
	s.put(2*sec, 7*sec, lot("a", 5*sec))  // sooner, and it takes over what it has of its own
	s.put(3*sec, 7*sec, later)            // the latest counts
	s.put(3*sec, 3*sec, lot("x", 0, "9")) // the earliest of these
	x := s.one(3*sec, "x", "9")
	s.settle(3*sec, settled(x, hour))
	c := s.one(7*sec, "a", "1", "2", "2")
	if c.Route != "other" || c.Receiver != "oncall" || c.Labels["rule"] != "b" {
		s.Errorf("the group is %+v, want route other, receiver oncall, rule b", c)
	}
}

func notBeforeReady(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	done := settled(s.one(0, "a", "1"), hour)
	done.Ready = at(60 * sec)
	s.settle(0, done)
	s.due(hour)
	s.put(10*sec, 60*sec, lot("a", 5*sec, "2"))
	s.due(60 * sec)
	done = settled(s.one(60*sec, "a", "2"), hour)
	done.Ready = at(90 * sec)
	s.settle(60*sec, done)
	s.put(80*sec, 110*sec, lot("a", 30*sec, "3")) // its own wait is longer
	s.put(81*sec, 90*sec, lot("a", 0, "4"))
	s.one(90*sec, "a", "3", "4")
}

func severalLots(s *scene) {
	s.put(0, 5*sec, lot("a", 10*sec, "1"), lot("b", 20*sec, "2"), lot("a", 5*sec, "3"), lot("a", 50*sec, "4"))
	s.one(5*sec, "a", "1", "3", "4")
}

func ifThere(s *scene) {
	alone := lot("a", sec, "c1")
	alone.IfThere = true
	next, absent, err := s.g.Put(s.Context(), at(0), []pipeline.Inbox{alone, lot("b", sec, "1"), alone}, nil)
	if err != nil || !next.Equal(at(sec)) || !slices.Equal(absent, []string{"a", "a"}) {
		s.Fatalf("Put = %v, %q, %v, want b due after a second and a absent, twice", next, absent, err)
	}
	if next, absent, err = s.g.Put(s.Context(), at(0), []pipeline.Inbox{alone}, nil); err != nil || !next.IsZero() || !slices.Equal(absent, []string{"a"}) {
		s.Fatalf("Put of completions only = %v, %q, %v, want no time and a absent", next, absent, err)
	}
	s.put(0, 5*sec, lot("a", 5*sec, "2"))
	s.put(0, sec, alone)
	got := s.claim(sec, "a", "b")
	if ids := idsOf(got[0].Alerts); !slices.Equal(ids, []string{"2", "c1"}) {
		s.Errorf("the inbox of a has %q, want the alert and its completion", ids)
	}
}

func leases(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	first := s.one(0, "a", "1")
	s.claim(0)
	s.due(Lease)
	s.claim(Lease - time.Microsecond)
	second := s.one(Lease, "a", "1")
	if !second.Retaken || second.Token == first.Token || !second.Due.Equal(at(0)) {
		s.Errorf("the second claim is %+v, want Retaken, with a token of its own, due at the beginning", second)
	}
	s.settle(Lease, settled(second, 20*sec))
	if third := s.one(20*sec, "a"); third.Retaken {
		s.Error("a group is Retaken whose claim was settled")
	}
}

func lostLease(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	first := s.one(0, "a", "1")
	second := s.one(Lease, "a", "1")
	done := settled(first, hour)
	done.Gone = true
	s.settle(Lease, done, "a")
	done.Token = ""
	s.settle(Lease, done, "a")
	twice := []pipeline.Settled{settled(second, 20*sec), settled(second, 12*sec)}
	if lost, err := s.g.Settle(s.Context(), at(Lease), twice); err != nil || !slices.Equal(lost, []string{"a"}) {
		s.Fatalf("Settle of the same claim twice = %q, %v, want it lost the second time", lost, err)
	}
	s.settle(Lease, settled(second, 15*sec), "a") // it is not leased any more
	done.Key = "never"
	s.settle(Lease, done, "never")
	s.due(20 * sec)
}

func lateSettle(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	c := s.one(0, "a", "1")
	s.settle(hour, settled(c, 2*hour))
	s.due(2 * hour)
}

func longestFirst(s *scene) {
	var want []string
	for _, key := range []string{"d", "b", "e", "a", "c"} {
		s.put(0, time.Duration(len(want))*sec, lot(key, time.Duration(len(want))*sec, "1"))
		want = append(want, key)
	}
	var got []string
	for _, limit := range []int{2, 2, 1, 1} {
		claimed, err := s.g.Claim(s.Context(), at(5*sec), limit)
		if err != nil || len(claimed) > limit {
			s.Fatalf("Claim of %d = %d groups, %v", limit, len(claimed), err)
		}
		for _, c := range claimed {
			got = append(got, c.Key)
		}
	}
	if s.parts {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		s.Errorf("claimed %q, want %q", got, want)
	}
}

func meanwhile(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	done := settled(s.one(0, "a", "1"), hour)
	s.put(2*sec, Lease, lot("a", 30*sec, "2")) // where there is a claim, it can be claimed when that ends
	s.put(3*sec, Lease, lot("a", 4*sec, "3"))
	s.put(4*sec, Lease, lot("a", 30*sec, "4"))
	done.Ready = at(5 * sec)
	s.settle(5*sec, done)
	s.due(7 * sec) // as 3 asked
	done = settled(s.one(7*sec, "a", "2", "3", "4"), hour)
	s.put(7*sec, 7*sec+Lease, lot("a", sec, "5"))
	done.Ready = at(20 * sec)
	s.settle(7*sec, done)
	s.due(20 * sec)
	done = settled(s.one(20*sec, "a", "5"), 25*sec)
	s.put(20*sec, 20*sec+Lease, lot("a", 10*sec, "6"))
	s.settle(20*sec, done)
	s.due(25 * sec) // it was to be due then anyway
	// What came during a claim that was not settled is the next one's.
	s.one(25*sec, "a", "6")
	s.put(25*sec, 25*sec+Lease, lot("a", 0, "7"))
	done = settled(s.one(25*sec+Lease, "a", "6", "7"), hour)
	s.settle(40*sec, done)
	s.due(hour)
}

func gone(s *scene) {
	s.put(0, 0, lot("a", 0, "1"), lot("b", 0, "2"), lot("c", 0, "3"))
	groups := s.claim(0, "a", "b", "c")
	s.put(0, Lease, lot("b", 5*sec, "4"))
	for _, c := range groups {
		s.settle(sec, pipeline.Settled{
			Key: c.Key, Token: c.Token, Upto: c.Upto, State: []byte("s"), Gone: true, Ready: at(7 * sec), Set: []pipeline.Member{{Fingerprint: 1, Body: []byte("x")}},
		})
	}
	s.due(7 * sec)
	if got, err := s.g.Due(s.Context(), []string{"a", "b", "c", "never"}); err != nil || len(got) != 1 || !got["b"].Equal(at(7*sec)) {
		s.Errorf("Due = %v, %v, want only b, after 7 s", got, err)
	}
	if c := s.one(7*sec, "b", "4"); string(c.State) != "s" || len(c.Members) != 1 {
		s.Errorf("the group that stayed is %+v, want its state and its member", c)
	}
}

// A group that stays although it was to go has lost the members that were to.
func goneInPart(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	done := settled(s.one(0, "a", "1"), sec)
	done.Set = []pipeline.Member{member(1, "one"), member(2, "two")}
	s.settle(0, done)
	done = settled(s.one(sec, "a"), 0)
	s.put(sec, sec+Lease, lot("a", 0, "2"))
	done.Gone, done.Due, done.Remove = true, time.Time{}, []pipeline.Fingerprint{1}
	s.settle(sec, done)
	wantMembers(s, s.one(sec, "a", "2"), map[pipeline.Fingerprint]string{2: "two"})
}

// A group that is not to stay but whose inbox was not emptied is due at once: nothing says when else.
func partly(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	done := settled(s.one(0, "a", "1"), 20*sec)
	done.Upto = 0
	s.settle(0, done)
	s.due(20 * sec)
	done = settled(s.one(20*sec, "a", "1"), hour)
	done.Upto, done.Gone = 0, true
	s.settle(20*sec, done)
	s.one(20*sec, "a", "1")
}

func wake(s *scene) {
	s.put(0, 0, lot("a", 0, "1"), lot("b", 0, "2"), lot("c", 0, "3"))
	for _, c := range s.claim(0, "a", "b", "c") {
		done := settled(c, hour)
		done.Ready = at(hour)
		done.Holds = c.Key != "b"
		s.settle(0, done)
	}
	if err := s.g.Wake(s.Context(), at(5*sec)); err != nil {
		s.Fatal(err)
	}
	s.due(5 * sec)
	groups := s.claim(5*sec, "a", "c")
	if !groups[0].Due.Equal(at(5 * sec)) {
		s.Errorf("the woken group was due at %s, want when it was woken", groups[0].Due)
	}
	for _, c := range groups {
		s.settle(5*sec, settled(c, hour)) // they hold nothing any more
	}
	if err := s.g.Wake(s.Context(), at(6*sec)); err != nil {
		s.Fatal(err)
	}
	s.claim(6 * sec)
}

func wakeClaimed(s *scene) {
	s.put(0, 0, lot("a", 0, "1"), lot("b", 0, "2"))
	groups := s.claim(0, "a", "b")
	if err := s.g.Wake(s.Context(), at(sec)); err != nil {
		s.Fatal(err)
	}
	s.due(Lease) // they stay their claimer's
	for _, c := range groups {
		done := settled(c, hour)
		done.Holds = c.Key == "a"
		s.settle(2*sec, done)
	}
	a := s.one(2*sec, "a")
	done := settled(a, hour)
	done.Holds = true
	s.settle(2*sec, done) // this claim was made after it was woken
	s.claim(3 * sec)
}

func again(s *scene) {
	s.put(0, 0, lot("a", 0, "1"))
	c := s.one(0, "a", "1")
	done := settled(c, hour)
	done.Set = []pipeline.Member{{Fingerprint: 7, Body: []byte("x")}}
	done.Holds, done.Ready = true, at(hour)
	s.settle(0, done)
	c = s.one(hour, "a")
	done = settled(c, hour)
	done.Gone = true
	s.settle(hour, done)
	s.due(-1)
	s.put(hour, hour+sec, lot("a", sec, "2"))
	if c = s.one(hour+sec, "a", "2"); c.State != nil || len(c.Members) > 0 || c.Retaken {
		s.Errorf("the group is %+v, want a new one", c)
	}
}

func microseconds(s *scene) {
	s.put(300, 10*sec, lot("a", 10*sec, "1"))
	s.claim(10*sec - time.Microsecond)
	s.one(10*sec+300, "a", "1")
}

func nothing(s *scene) {
	s.due(-1)
	s.claim(0)
	next, absent, err := s.g.Put(s.Context(), at(0), nil, nil)
	if err != nil || !next.IsZero() || len(absent) > 0 {
		s.Errorf("Put of nothing = %v, %v, %v", next, absent, err)
	}
	if lost, err := s.g.Settle(s.Context(), at(0), nil); err != nil || len(lost) > 0 {
		s.Errorf("Settle of nothing = %v, %v", lost, err)
	}
	if err := s.g.Wake(s.Context(), at(0)); err != nil {
		s.Errorf("Wake: %v", err)
	}
	if due, err := s.g.Due(s.Context(), nil); err != nil || len(due) > 0 {
		s.Errorf("Due of nothing = %v, %v", due, err)
	}
	for _, keys := range [][]string{nil, {"never", ""}} {
		if got, err := s.g.Sources(s.Context(), at(0), keys); err != nil || len(got) > 0 {
			s.Errorf("Sources(%q) = %v, %v", keys, got, err)
		}
	}
}
