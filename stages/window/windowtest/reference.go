package windowtest

import (
	"context"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
)

// Reference judges by the meaning of windows and nothing else: it keeps every occurrence and searches them
// all. Slow, unbounded, and what every engine has to agree with. It is not safe for concurrent use.
type Reference struct {
	cfg  window.Config
	keys map[string]*key
	n    int // occurrences so far
}

// key is what is counted together.
type key struct {
	touched   int64       // when the latest occurrence arrived
	timelines []*timeline // the one touched last first; at most two

	last     *value  // the last value of Changed
	previous string  // the one before the latest change
	known    []value // values of New

	fired   bool // at least once; the last time
	firedAt int64
	firedID string
}

type value struct {
	text string
	at   int64
	n    int // as in occurrence
}

// timeline is a story of occurrences whose clocks agree.
type timeline struct {
	latest  int64 // M
	touched int64
	seen    []occurrence // by time, then by arrival

	breached bool
	breach   int64 // since when the rate is exceeded
	changes  []int64
	news     []int64
}

type occurrence struct {
	at       int64
	n        int // it was the nth to arrive
	id       string
	distinct string
	steps    uint16
}

// NewReference makes a Reference.
func NewReference(cfg window.Config) *Reference { return &Reference{cfg: cfg, keys: map[string]*key{}} }

// Observe judges observed one after the other.
func (r *Reference) Observe(_ context.Context, observed []pipeline.Observation) ([]pipeline.Judged, error) {
	judged := make([]pipeline.Judged, len(observed))
	for i := range observed {
		judged[i] = r.judge(&observed[i])
	}
	return judged, nil
}

func (r *Reference) judge(o *pipeline.Observation) pipeline.Judged {
	w := o.Window
	span, reach := w.Span().Microseconds(), r.cfg.Reach(w).Microseconds()
	at, arrived := o.At.UnixMicro(), o.Arrived.UnixMicro()
	if at > arrived+time.Duration(r.cfg.Lateness).Microseconds() {
		at = arrived
	}
	k := r.keys[o.Key]
	if k == nil || arrived-k.touched > r.cfg.Life(w).Microseconds() {
		k = &key{touched: arrived}
		r.keys[o.Key] = k
	}
	k.timelines = slices.DeleteFunc(k.timelines, func(tl *timeline) bool { return arrived-tl.touched > reach })

	if j, redelivered := k.redelivered(w, o.ID, at, reach); redelivered {
		return j
	}
	r.n++
	this := occurrence{at: at, n: r.n, id: o.ID, distinct: o.Distinct, steps: o.Steps}
	tl := k.pick(at, reach)
	switch {
	case span == 0:
		tl = &timeline{latest: at}
	case tl == nil:
		tl = k.begin(at)
	case at <= tl.latest-span:
		return pipeline.Judged{}
	default:
		k.touch(tl)
	}
	k.touched = max(k.touched, arrived)
	tl.touched = max(tl.touched, arrived)

	tl.add(w, this)
	changed := w.Changed > 0 && k.change(w, tl, o.Changed, this)
	isNew := w.New > 0 && k.learn(w, tl, o.New, this, r.cfg.Exact)
	holds := tl.holds(w, this, changed, isNew)
	if holds && !(k.fired && abs(at-k.firedAt) < w.Cooldown.Microseconds()) {
		k.fired, k.firedAt, k.firedID = true, at, o.ID
		return pipeline.Judged{Fired: true, Sight: k.sight(w, tl, this)}
	}
	return pipeline.Judged{}
}

// redelivered answers for an occurrence that is known.
func (k *key) redelivered(w *pipeline.Window, id string, at, reach int64) (j pipeline.Judged, ok bool) {
	if id == "" {
		return j, false
	}
	this, tl := occurrence{at: at, id: id}, k.pick(at, reach)
	known := false
	for _, other := range k.timelines {
		for _, o := range other.inView(w.Span().Microseconds()) {
			if o.id == id {
				known, this, tl = true, o, other
			}
		}
	}
	if k.fired && k.firedID == id {
		return pipeline.Judged{Fired: true, Sight: k.sight(w, tl, this)}, true
	}
	return j, known
}

// pick finds the timeline that at belongs to; nil: none.
func (k *key) pick(at, reach int64) *timeline {
	for _, tl := range k.timelines {
		if abs(at-tl.latest) <= reach {
			return tl
		}
	}
	return nil
}

func (k *key) begin(at int64) *timeline {
	tl := &timeline{latest: at}
	if len(k.timelines) == 2 {
		k.timelines = k.timelines[:1]
	}
	k.timelines = slices.Insert(k.timelines, 0, tl)
	return tl
}

func (k *key) touch(tl *timeline) {
	if k.timelines[0] != tl {
		slices.Reverse(k.timelines)
	}
}

// add counts an occurrence, and sees whether the rate is exceeded since some time.
func (tl *timeline) add(w *pipeline.Window, this occurrence) {
	limit, rateSpan := w.Rate*w.RateSpan.Seconds(), w.RateSpan.Microseconds()
	if this.at >= tl.latest {
		before := 0
		for _, o := range tl.seen {
			if o.at > this.at-rateSpan && o.at < this.at {
				before++
			}
		}
		if float64(before) <= limit {
			tl.breached = false
		}
	}
	tl.latest = max(tl.latest, this.at)
	i, _ := slices.BinarySearchFunc(tl.seen, this, inOrder)
	tl.seen = slices.Insert(tl.seen, i, this)
	if n := len(tl.inView(rateSpan)); w.Rate > 0 && float64(n) > limit && !tl.breached {
		tl.breached, tl.breach = true, tl.latest
	}
}

func inOrder(a, b occurrence) int {
	if a.at != b.at {
		return int(a.at - b.at)
	}
	return a.n - b.n
}

// inView is the occurrences in (M - span, M].
func (tl *timeline) inView(span int64) []occurrence {
	var all []occurrence
	for _, o := range tl.seen {
		if o.at > tl.latest-span {
			all = append(all, o)
		}
	}
	return all
}

// change reports whether an occurrence's value differs from the last one.
func (k *key) change(w *pipeline.Window, tl *timeline, text string, this occurrence) bool {
	now := value{text: text, at: this.at}
	switch {
	case text == "":
		return false
	case k.last == nil || this.at-k.last.at > w.Changed.Microseconds():
		k.last = &now
		return false
	case this.at < k.last.at:
		return false
	}
	differs := text != k.last.text
	if differs {
		k.previous = k.last.text
		tl.changes = append(tl.changes, this.at)
	}
	k.last = &now
	return differs
}

// learn reports whether an occurrence's value was unknown, or forgotten.
func (k *key) learn(w *pipeline.Window, tl *timeline, text string, this occurrence, exact int) bool {
	if text == "" {
		return false
	}
	isNew := true
	i := slices.IndexFunc(k.known, func(v value) bool { return v.text == text })
	switch {
	case i < 0:
		k.known = append(k.known, value{text, this.at, this.n})
	case this.at >= k.known[i].at:
		isNew = this.at-k.known[i].at > w.New.Microseconds()
		k.known[i].at, k.known[i].n = this.at, this.n
	default:
		isNew = false
	}
	slices.SortFunc(k.known, func(a, b value) int { return inOrder(occurrence{at: a.at, n: a.n}, occurrence{at: b.at, n: b.n}) })
	if len(k.known) > exact {
		k.known = k.known[1:]
	}
	if isNew {
		tl.news = append(tl.news, this.at)
	}
	return isNew
}

// holds reports whether all that is asked for is so.
func (tl *timeline) holds(w *pipeline.Window, this occurrence, changed, isNew bool) bool {
	within := w.Within.Microseconds()
	recent := func(times []int64) bool {
		return slices.ContainsFunc(times, func(at int64) bool { return at > tl.latest-within && at <= tl.latest })
	}
	return (w.Count == 0 || uint64(len(tl.inView(within))) > w.Count) &&
		(w.Distinct == 0 || uint64(len(tl.values(within))) > w.Distinct) &&
		(w.Rate == 0 || tl.breached && tl.latest-tl.breach >= w.RateFor.Microseconds()) &&
		(w.Changed == 0 || changed || recent(tl.changes)) &&
		(w.New == 0 || isNew || recent(tl.news)) &&
		(w.Steps == 0 || tl.chain(w, this) != nil)
}

// values are the distinct values in view, the one most recently seen last.
func (tl *timeline) values(within int64) []string {
	var all []string
	for _, o := range tl.inView(within) {
		if o.distinct != "" {
			all = slices.DeleteFunc(all, func(v string) bool { return v == o.distinct })
			all = append(all, o.distinct)
		}
	}
	return all
}

// chain is the steps of a sequence that this is one of, latest first at each step; nil: there is none.
func (tl *timeline) chain(w *pipeline.Window, this occurrence) []occurrence {
	view := tl.inView(w.Within.Microseconds())
	var search func(step, from int, chain []occurrence) []occurrence
	search = func(step, from int, chain []occurrence) []occurrence {
		if step == w.Steps {
			if slices.ContainsFunc(chain, func(o occurrence) bool { return o.n == this.n }) {
				return slices.Clone(chain)
			}
			return nil
		}
		for i := len(view) - 1; i >= from; i-- {
			if view[i].steps>>step&1 == 1 {
				if found := search(step+1, i+1, append(chain, view[i])); found != nil {
					return found
				}
			}
		}
		return nil
	}
	return search(0, 0, nil)
}

// sight is what is in view of a timeline; nil: of none.
func (k *key) sight(w *pipeline.Window, tl *timeline, this occurrence) pipeline.Sight {
	s := pipeline.Sight{Count: 1, First: timeOf(this.at), Last: timeOf(this.at)}
	if w.Changed > 0 {
		s.Previous = window.Shown(k.previous)
	}
	if tl == nil || w.Span() == 0 {
		return s
	}
	view := tl.inView(window.View(w).Microseconds())
	s.Count, s.First, s.Last = uint64(len(view)), timeOf(view[0].at), timeOf(view[len(view)-1].at)
	if w.Rate > 0 {
		s.Rate = float64(len(tl.inView(w.RateSpan.Microseconds()))) / w.RateSpan.Seconds()
	}
	if w.Distinct > 0 {
		values := tl.values(w.Within.Microseconds())
		s.Distinct = uint64(len(values))
		for _, v := range values[max(0, len(values)-pipeline.MaxValues):] {
			s.Values = append(s.Values, window.Shown(v))
		}
	}
	if w.Steps > 0 {
		for _, o := range tl.chain(w, this) {
			s.Steps = append(s.Steps, timeOf(o.at))
		}
	}
	return s
}

func timeOf(us int64) time.Time { return time.UnixMicro(us).UTC() }

func abs(v int64) int64 { return max(v, -v) }
