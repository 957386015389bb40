package route

import (
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// input is all that the decision about one due group depends on.
type input struct {
	now       time.Time
	group     *pipeline.Claimed // as it was claimed; Alerts and Members are not looked at
	route     *Route
	receiver  Receiver
	memory    memory
	members   *members // with what came merged in
	events    []merged // that came
	summaries Summaries
	watch     watch
	// mine reports whether an alert with these labels still goes to this group.
	mine func(labels map[string]string) bool
}

// watch says what keeps alerts back at the time of the decision. It answers from memory.
type watch struct {
	muted     []pipeline.Suppressed // the route's time intervals
	silenced  func(labels map[string]string) []pipeline.Suppressed
	inhibited func(labels map[string]string, of pipeline.Fingerprint) []pipeline.Suppressed
	acked     func(of pipeline.Fingerprint) (pipeline.Suppressed, bool)
}

// back returns everything that keeps an alert back, in the order in which one of them is named as the reason:
// inhibition, time intervals, silences; of several silences, the one that lasts longest.
func (w *watch) back(labels map[string]string, of pipeline.Fingerprint) []pipeline.Suppressed {
	silenced := w.silenced(labels)
	slices.SortStableFunc(silenced, func(a, b pipeline.Suppressed) int { return b.Until.Compare(a.Until) })
	inhibited := w.inhibited(labels, of)
	if len(inhibited) == 0 && len(w.muted) == 0 {
		return silenced
	}
	return slices.Concat(inhibited, w.muted, silenced)
}

// over is when everything in by has ended, as far as is known; zero: it is not known.
func over(by []pipeline.Suppressed) (last time.Time) {
	for _, s := range by {
		if s.Until.IsZero() {
			return time.Time{}
		}
		if s.Until.After(last) {
			last = s.Until
		}
	}
	return last
}

// output is what is to be done about a group.
type output struct {
	notifications []pipeline.Notification
	settled       pipeline.Settled
	steps         []pipeline.Step
	suppressed    map[string]int // alerts that began to be kept back, by reason
	hits          map[string]int // of silences
	err           error          // it cannot be encoded for the store: nothing may be done
}

// decision is an output in the making.
type decision struct {
	*input
	output
	due     planned
	out     []pipeline.Alert // events to tell
	firing  []*member        // those that nothing keeps back
	waiting []*member        // of firing, those that nobody takes care of
	gone    []*member        // resolved, and nothing keeps them back
	hidden  bool             // a member fires that is kept back
	unsure  bool             // what an earlier flush was to tell may be out; nobody noted it
	remove  []*member
}

// decide says whom a due group tells what, and what the group keeps. It has no side effects but on in's members and
// memory, which are the caller's to throw away.
func decide(in input) output {
	d := &decision{input: &in, unsure: in.group.Retaken || in.memory.Unsure}
	in.memory.Unsure = false
	d.suppressed, d.hits = map[string]int{}, map[string]int{}
	d.settled = pipeline.Settled{Key: in.group.Key, Token: in.group.Token, Upto: in.group.Upto}
	for i := range in.events {
		d.event(&in.events[i])
	}
	for _, m := range in.members.all {
		d.member(m)
	}
	told := d.notify()
	told = d.sumUp() || told
	if told {
		d.memory.Number++
		d.memory.Ready = in.now.Add(in.route.GroupInterval)
	}
	d.plan()
	d.settle()
	return d.output
}

// event tells an event or keeps it back; in either case the inbox is rid of it.
func (d *decision) event(e *merged) {
	if ack, acked := d.watch.acked(e.Fingerprint); acked {
		d.keptBack(e.Fingerprint, ack)
		return
	}
	by := d.watch.back(e.Labels, e.Fingerprint)
	if len(by) == 0 {
		d.out = append(d.out, *e.Alert)
		return
	}
	d.withhold(e, by)
}

// withhold is for what is done with, though nobody was told: it is counted, and summed up where that is wanted.
func (d *decision) withhold(e *merged, by []pipeline.Suppressed) {
	d.keptBack(e.Fingerprint, by[0])
	d.hit(by, 1)
	if d.summaries.of(by[0].Why) {
		d.memory.hold(e, by[0])
	}
}

// keptBack counts and notes that an alert is kept back.
func (d *decision) keptBack(of pipeline.Fingerprint, by pipeline.Suppressed) {
	if d.route.role == plain { // else it counts where it escalates from
		d.suppressed[by.Why]++
	}
	step := d.step(of, verdictOf[by.Why])
	step.Detail = by.By
	if by.Rule != "" {
		step.Detail = "rule " + by.Rule + ", source " + by.By
	}
	d.steps = append(d.steps, step)
}

// hit counts n alerts to each silence among by; 0: it still holds what it held.
func (d *decision) hit(by []pipeline.Suppressed, n int) {
	for _, s := range by {
		if s.Why == pipeline.BySilence && d.route.role == plain {
			d.hits[s.By] += n
		}
	}
}

var verdictOf = map[string]string{
	pipeline.ByInhibition: "inhibited", pipeline.BySilence: "silenced", pipeline.ByAck: "acknowledged",
	pipeline.ByMuteInterval: "muted", pipeline.ByActiveInterval: "muted",
}

func (d *decision) step(of pipeline.Fingerprint, verdict string) pipeline.Step {
	return pipeline.Step{At: d.now, Fingerprint: of, Stage: "flush", Verdict: verdict, Receiver: d.group.Receiver, GroupKey: d.group.Key}
}

// member sorts a member: it fires, it is resolved, or it is kept back.
func (d *decision) member(m *member) {
	a := &m.Alert
	if m.fresh && d.route.role == plain {
		d.steps = append(d.steps, routed(a.Fingerprint, d.group.Key, d.group.Receiver, d.now))
	}
	resolved := a.Stateful.Resolved(d.now)
	if d.unsure && resolved && len(m.Told) == 0 && !m.expired() {
		d.mayKnow(m)
	}
	if by := d.watch.back(a.Labels, a.Fingerprint); len(by) > 0 {
		d.hide(m, by, resolved)
		return
	}
	ack, acked := d.watch.acked(a.Fingerprint)
	if d.route.role != plain && !resolved && len(m.Told) == 0 && d.early(m, ack, acked) {
		return
	}
	switch {
	case resolved && len(m.Told) > 0 && m.expired() && !d.mine(a.Labels):
		// It goes to another group by now, which tells its end; here it only was heard of no more.
		d.remove = append(d.remove, m)
	case resolved && (acked || !d.owed(m)):
		d.gone = append(d.gone, m)
		d.remove = append(d.remove, m)
	case acked:
		d.firing = append(d.firing, m)
		d.due.held(ack.Until)
	default:
		d.firing = append(d.firing, m)
		d.waiting = append(d.waiting, m)
	}
}

// hide keeps a member back.
func (d *decision) hide(m *member, by []pipeline.Suppressed, resolved bool) {
	untold := len(m.Told) == 0
	if resolved && untold { // nobody knows of it, and it is over
		d.withhold(alone(&m.Alert), by)
		d.remove = append(d.remove, m)
		return
	}
	if began := m.keep(by[0].Why); began {
		d.keptBack(m.Alert.Fingerprint, by[0])
		d.hit(by, 1)
	} else {
		d.hit(by, 0)
	}
	if d.route.role != plain && untold {
		m.begin(later(over(by), d.now))
	}
	d.hidden = d.hidden || !resolved
	d.due.held(over(by))
	if untold {
		d.due.by(m.Alert.Stateful.EndsAt) // then only the account knows of it
	}
}

// mayKnow notes that people may have been told that a member fires, which is resolved by now: to them it would fire for
// good.
func (d *decision) mayKnow(m *member) {
	for _, to := range d.receiver.Integrations {
		m.tell(to.Topic)
	}
}

// alone is a stateful alert as an account takes it.
func alone(a *pipeline.Alert) *merged {
	return &merged{Alert: a, episode: pipeline.Episode{ID: a.ID}, counted: 1}
}

// owed reports whether a member that is resolved has to be told as firing first: nobody but us says that it is over,
// and nobody was told that it began. Whoever posts once, as producers of events do, would else never be heard.
func (d *decision) owed(m *member) bool {
	return m.expired() && len(m.Told) == 0 && len(d.receiver.Integrations) > 0 && d.route.role == plain
}

// settle is what the store is told.
func (d *decision) settle() {
	s := &d.settled
	for _, m := range d.remove {
		m.changed = false
		if !m.fresh {
			s.Remove = append(s.Remove, m.Alert.Fingerprint)
		}
	}
	for _, m := range d.members.all {
		if !m.changed {
			continue
		}
		stored, err := m.stored()
		if err != nil {
			d.err = err
			return
		}
		s.Set = append(s.Set, stored)
	}
	s.State, d.err = d.memory.encode()
	s.Ready, s.Due, s.Holds, s.Gone = d.memory.Ready, d.due.at, d.due.holds, d.due.gone
}
