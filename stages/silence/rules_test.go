package silence

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestWhatIsRefused(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Max = 2
	for name, c := range map[string]struct {
		change func(*pipeline.Silence)
		want   string
	}{
		"no matchers":                         {func(s *pipeline.Silence) { s.Matchers = nil }, "no matchers"},
		"only matchers for what is not there": {func(s *pipeline.Silence) { s.Matchers = []pipeline.Matcher{like("alertname", ".*")} }, "at least one has to ask for something"},
		"a matcher without name":              {func(s *pipeline.Silence) { s.Matchers[0].Name = "" }, "a name must not be empty"},
		"an expression that is none":          {func(s *pipeline.Silence) { s.Matchers[0] = like("alertname", "a(") }, "missing closing )"},
		"no author":                           {func(s *pipeline.Silence) { s.CreatedBy = " " }, "createdBy is missing"},
		"no comment":                          {func(s *pipeline.Silence) { s.Comment = "" }, "comment is missing"},
		"no end":                              {func(s *pipeline.Silence) { s.EndsAt = time.Time{} }, "endsAt is missing"},
		"an end in the past":                  {func(s *pipeline.Silence) { s.EndsAt = t0.Add(-time.Second) }, "ends"},
		"an end now":                          {func(s *pipeline.Silence) { s.EndsAt = t0 }, "ends"},
		"an end before the start":             {func(s *pipeline.Silence) { s.StartsAt = t0.Add(2 * time.Hour) }, "before it starts"},
		"too long":                            {func(s *pipeline.Silence) { s.EndsAt = t0.Add(31 * 24 * time.Hour) }, "silences.max_duration"},
		"too large":                           {func(s *pipeline.Silence) { s.Comment = strings.Repeat("长", 6000) }, "silences.max_size"},
		"too broad":                           {func(s *pipeline.Silence) { s.Matchers = []pipeline.Matcher{is("severity", "critical")} }, "--annotation=tocsin_force=true"},
		"an odd word for force":               {func(s *pipeline.Silence) { s.Annotations = map[string]string{AnnotationForce: "yes"} }, "write true or false"},
		"no duration of idleness":             {func(s *pipeline.Silence) { s.Annotations = map[string]string{AnnotationIdleEnd: "soon"} }, "duration"},
		"idle too soon":                       {func(s *pipeline.Silence) { s.IdleEnd = pipeline.Duration(time.Minute) }, "10m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, files(t), "self", &clock{t0}, cfg)
			s := silenceOfRule("A")
			c.change(&s)
			_, err := w.Put(t.Context(), s)
			wantStatus(t, err, 400, c.want)
			if len(w.List(t0)) != 0 {
				t.Error("it was kept all the same")
			}
		})
	}
	t.Run("more than there may be", func(t *testing.T) {
		w := open(t, files(t), "self", &clock{t0}, cfg)
		w.put(t, silenceOfRule("A"))
		id := w.put(t, silenceOfRule("B"))
		_, err := w.Put(t.Context(), silenceOfRule("C"))
		wantStatus(t, err, 400, "at most 2 are kept")
		if err := w.Expire(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
		w.put(t, silenceOfRule("C")) // one that is over does not count
	})
	t.Run("what is not there", func(t *testing.T) {
		w := openOne(t)
		s := silenceOfRule("A")
		s.ID = "2f9b1f5e-7a55-4a7c-9d52-3a1f5f0a2f11"
		_, err := w.Put(t.Context(), s)
		wantStatus(t, err, 404, s.ID)
		wantStatus(t, w.Expire(t.Context(), s.ID, ""), 404, s.ID)
		_, err = w.Get(s.ID)
		wantStatus(t, err, 404, s.ID)
	})
}

func TestForcedSilencesMayBeBroad(t *testing.T) {
	w := openOne(t)
	s := silenceOfRule("")
	s.Matchers = []pipeline.Matcher{is("severity", "critical")}
	s.Annotations = map[string]string{AnnotationForce: "true", AnnotationTicket: "OPS-1", AnnotationIdleEnd: "24h", "x": "y"}
	one := w.get(t, w.put(t, s))
	if !one.Forced || one.Ticket != "OPS-1" || one.IdleEnd != pipeline.Duration(24*time.Hour) || one.Annotations["x"] != "y" {
		t.Errorf("kept %+v, want what the annotations say", one)
	}
	// A client that knows only Alertmanager's fields reads it, makes it longer and posts it again.
	again := pipeline.Silence{ID: one.ID, Matchers: one.Matchers, StartsAt: one.StartsAt, EndsAt: one.EndsAt.Add(time.Hour),
		CreatedBy: one.CreatedBy, Comment: one.Comment, Annotations: one.Annotations}
	got := w.get(t, w.put(t, again))
	if got.ID != one.ID || !got.Forced || got.Ticket != one.Ticket || got.IdleEnd != one.IdleEnd || !got.EndsAt.Equal(again.EndsAt) {
		t.Errorf("after the update %+v, want nothing but the end changed", got)
	}
	cfg := DefaultConfig()
	cfg.RequireScope = false
	s.Annotations = nil
	open(t, files(t), "self", &clock{t0}, cfg).put(t, s)
}

func TestIdleEndOfTheConfiguration(t *testing.T) {
	cfg := DefaultConfig()
	cfg.IdleEnd = pipeline.Duration(time.Hour)
	w := open(t, files(t), "self", &clock{t0}, cfg)
	s := silenceOfRule("A")
	if one := w.get(t, w.put(t, s)); one.IdleEnd != cfg.IdleEnd {
		t.Errorf("idle end = %s, want the configuration's", one.IdleEnd)
	}
	s.Annotations = map[string]string{AnnotationIdleEnd: "0"}
	one := w.get(t, w.put(t, s))
	if again := w.get(t, w.put(t, one)); one.IdleEnd != 0 || again.IdleEnd != 0 {
		t.Errorf("idle end = %s, and posted again %s, want none, as was said", one.IdleEnd, again.IdleEnd)
	}
}

func TestScope(t *testing.T) {
	not := func(m pipeline.Matcher) pipeline.Matcher { m.IsEqual = false; return m }
	for name, c := range map[string]struct {
		m    pipeline.Matcher
		want bool
	}{
		"a rule":                     {is("alertname", "A"), true},
		"a rule by our name":         {is("rule", "A"), true},
		"rules":                      {like("alertname", "A|B|Ab"), true},
		"rules with something open":  {like("alertname", "A|B.*"), false},
		"rules between anchors":      {like("alertname", "^(A|B)$"), true},
		"a beginning with an anchor": {like("k8s_pod_name", "^web-.*"), true},
		"a rule or none":             {like("alertname", "A|"), false},
		"a rule or none, shorter":    {like("alertname", "(?:A)?"), false},
		"any but a rule":             {not(is("alertname", "A")), false},
		"a beginning of rules":       {like("alertname", "Shadow.*"), false},
		"any case":                   {like("alertname", "(?i)shadow"), false},
		"a namespace":                {is("k8s_ns_name", "shop"), true},
		"no namespace":               {is("k8s_ns_name", ""), false},
		"a beginning of pods":        {like("k8s_pod_name", "web-.*"), true},
		"too short a beginning":      {like("k8s_pod_name", "we.*"), false},
		"any pod":                    {like("k8s_pod_name", ".+"), false},
		"a container":                {is("container_id", "3f2a9c81d7e4"), true},
		"everything that is none":    {is("container_id", "host"), false},
		"an instance of Prometheus'": {is("instance", "db-1:9100"), true},
		"a severity":                 {is("severity", "critical"), false},
		"a team":                     {is("team", "sec"), false},
	} {
		if got := scoped([]pipeline.Matcher{is("severity", "x"), c.m}); got != c.want {
			t.Errorf("%s: %+v names something: %v, want %v", name, c.m, got, c.want)
		}
	}
}

func TestUpdates(t *testing.T) {
	const in = 10 * time.Minute // the pending one starts so much later
	for name, c := range map[string]struct {
		old    func(*pipeline.Silence)
		after  time.Duration
		change func(*pipeline.Silence)
		same   bool // it is changed in place
		wake   bool
	}{
		"an active one is extended":         {nil, time.Minute, func(s *pipeline.Silence) { s.EndsAt = s.EndsAt.Add(time.Hour) }, true, false},
		"an active one is shortened":        {nil, time.Minute, func(s *pipeline.Silence) { s.EndsAt = s.EndsAt.Add(-time.Minute) }, true, true},
		"another comment":                   {nil, time.Minute, func(s *pipeline.Silence) { s.Comment = "x" }, true, false},
		"the same second of the start":      {nil, time.Minute, func(s *pipeline.Silence) { s.StartsAt = s.StartsAt.Truncate(time.Second).Add(time.Millisecond) }, true, false},
		"matchers in another order":         {nil, time.Minute, func(s *pipeline.Silence) { slices.Reverse(s.Matchers) }, true, false},
		"an active one's start is moved":    {nil, time.Minute, func(s *pipeline.Silence) { s.StartsAt = s.StartsAt.Add(-time.Hour) }, false, true},
		"an active one's start is left out": {nil, time.Minute, func(s *pipeline.Silence) { s.StartsAt = time.Time{} }, false, true},
		"other matchers":                    {nil, time.Minute, func(s *pipeline.Silence) { s.Matchers[0].Value = "B" }, false, true},
		"one matcher more":                  {nil, time.Minute, func(s *pipeline.Silence) { s.Matchers = append(s.Matchers, is("x", "y")) }, false, true},
		"one that is over":                  {nil, 2 * time.Hour, func(s *pipeline.Silence) { s.EndsAt = s.EndsAt.Add(4 * time.Hour) }, false, false},
		"a pending one starts later":        {func(s *pipeline.Silence) { s.StartsAt = t0.Add(in) }, time.Minute, func(s *pipeline.Silence) { s.StartsAt = t0.Add(2 * in) }, true, false},
		"a pending one starts in the past":  {func(s *pipeline.Silence) { s.StartsAt = t0.Add(in) }, time.Minute, func(s *pipeline.Silence) { s.StartsAt = t0 }, false, false},
		"a pending one gets other matchers": {func(s *pipeline.Silence) { s.StartsAt = t0.Add(in) }, time.Minute, func(s *pipeline.Silence) { s.Matchers[0].Value = "B" }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := openOne(t)
			w.clock.now = t0.Add(123456789 * time.Nanosecond)
			s := silenceOfRule("A")
			s.Matchers = append(s.Matchers, is("hostname", "h"))
			if c.old != nil {
				c.old(&s)
			}
			old := w.get(t, w.put(t, s))
			w.clock.pass(c.after)
			next := old
			next.Matchers = slices.Clone(old.Matchers)
			c.change(&next)
			id := w.put(t, next)
			if same := id == old.ID; same != c.same {
				t.Fatalf("in place: %v, want %v", same, c.same)
			}
			if woken := w.woken > 0; woken != c.wake {
				t.Errorf("groups were woken: %v, want %v", woken, c.wake)
			}
			now := w.get(t, id)
			if now.State(w.clock.now) == Active && now.StartsAt.After(w.clock.now) || !now.UpdatedAt.Equal(w.clock.now) {
				t.Errorf("kept %+v at %s", now, w.clock.now)
			}
			if c.same && old.State(w.clock.now) == Active && !now.StartsAt.Equal(old.StartsAt) {
				t.Errorf("it starts at %s, want %s as before", now.StartsAt, old.StartsAt)
			}
			if c.same {
				return
			}
			if before := w.get(t, old.ID); before.State(w.clock.now) != Expired {
				t.Errorf("the old one is %s, want it over", before.State(w.clock.now))
			} else if c.after < time.Hour && before.EndedWhy != "replaced by "+id {
				t.Errorf("it ended because: %q", before.EndedWhy)
			}
			if now.StartsAt.Before(w.clock.now) {
				t.Errorf("the new one starts in the past, at %s", now.StartsAt)
			}
		})
	}
}

func TestExpireTwiceChangesNothing(t *testing.T) {
	w := openOne(t)
	id := w.put(t, silenceOfRule("A"))
	w.clock.pass(time.Minute)
	if err := w.Expire(t.Context(), id, "li.na"); err != nil {
		t.Fatal(err)
	}
	first := w.get(t, id)
	w.clock.pass(time.Minute)
	if err := w.Expire(t.Context(), id, "somebody else"); err != nil {
		t.Fatal(err)
	}
	if again := w.get(t, id); !again.EndsAt.Equal(first.EndsAt) || again.EndedWhy != "expired by li.na" || w.woken != 1 {
		t.Errorf("after the second %+v, woken %d times, want the first one's %+v", again, w.woken, first)
	}
}

// Whatever is posted when, there is never a moment of the past that was quiet and is not in the list, one id never
// gets other matchers, and what was active keeps its start.
func TestUpdatesNeverRewriteThePast(t *testing.T) {
	cfg := DefaultConfig()
	rapid.Check(t, func(t *rapid.T) {
		at := func(name string, around time.Time) time.Time {
			return around.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, name)) * time.Minute)
		}
		rule := func() []pipeline.Matcher {
			return []pipeline.Matcher{is("alertname", rapid.SampledFrom([]string{"A", "B"}).Draw(t, "rule"))}
		}
		now := t0
		old := pipeline.Silence{ID: "old", Matchers: rule(), StartsAt: at("start", now), EndsAt: at("end", now), UpdatedAt: t0.Add(-time.Hour), CreatedBy: "x", Comment: "y"}
		if !old.EndsAt.After(old.StartsAt) {
			t.Skip("never was one")
		}
		posted := pipeline.Silence{ID: "old", Matchers: rule(), StartsAt: at("new start", now), EndsAt: at("new end", now), CreatedBy: "x", Comment: "y"}
		c := decide(&old, posted, now, "new")
		if cfg.check(&c.silence, now) != nil {
			return
		}
		state := old.State(now)
		if c.silence.ID == "old" {
			if state == Expired || !slices.Equal(c.silence.Matchers, old.Matchers) || state == Active && !c.silence.StartsAt.Equal(old.StartsAt) {
				t.Fatalf("%s %+v became %+v in place", state, old, c.silence)
			}
			return
		}
		if c.silence.StartsAt.Before(now) || !c.silence.EndsAt.After(now) {
			t.Fatalf("a new one that rewrites the past: %+v", c.silence)
		}
		if (c.replaces != nil) != (state != Expired) {
			t.Fatalf("replaces %+v, with an old one that was %s", c.replaces, state)
		}
		if r := c.replaces; r != nil && (r.State(now) != Expired || state == Active && !r.StartsAt.Equal(old.StartsAt) || !slices.Equal(r.Matchers, old.Matchers)) {
			t.Fatalf("%+v ended as %+v", old, r)
		}
		if c.wake != (state == Active) {
			t.Fatalf("wake %v, with an old one that was %s", c.wake, state)
		}
	})
}

func TestOrder(t *testing.T) {
	one := func(id string, starts, ends time.Duration) pipeline.Silence {
		return pipeline.Silence{ID: id, StartsAt: t0.Add(starts), EndsAt: t0.Add(ends)}
	}
	list := []pipeline.Silence{
		one("over long ago", -5*time.Hour, -4*time.Hour), one("later", 2*time.Hour, 3*time.Hour), one("ends later", -time.Hour, 3*time.Hour),
		one("over", -3*time.Hour, -time.Hour), one("soon", time.Hour, 9*time.Hour), one("ends soon", -time.Minute, time.Hour),
	}
	inOrder(list, t0)
	var got []string
	for _, s := range list {
		got = append(got, s.ID)
	}
	if want := []string{"ends soon", "ends later", "soon", "later", "over", "over long ago"}; !slices.Equal(got, want) {
		t.Errorf("order = %q, want %q", got, want)
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatalf("the default configuration: %v", err)
	}
	for key, change := range map[string]func(*Config){
		"silences.max: ":          func(c *Config) { c.Max = 0 },
		"silences.max_size: ":     func(c *Config) { c.MaxSize = 10 },
		"silences.max_duration: ": func(c *Config) { c.MaxDuration = 1 },
		"silences.idle_end: ":     func(c *Config) { c.IdleEnd = pipeline.Duration(time.Second) },
		"silences.ack_for: ":      func(c *Config) { c.AckFor = c.AckMax + 1 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("Validate = %v, want a mistake at %s", err, key)
		}
	}
}
