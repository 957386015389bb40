package groups

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// maxLotBytes is how much of a batch is one lot: a claim reads at least one.
const maxLotBytes = 256 << 10

// brought is an Inbox as it is written.
type brought struct {
	*pipeline.Inbox
	id     id
	labels []byte
	begin  int   // of its lots, in the bytes of all
	ends   []int // of each lot
}

// bodies hold lots until they are in a row.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// Put adds alerts to inboxes and sources to what inhibits.
func (m *Memory) Put(_ context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error) {
	body := bodies.Get().(*[]byte)
	defer bodies.Put(body)
	all, err := encode(body, in)
	if err != nil {
		return next, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	size := len(*body)
	for i := range all {
		size += len(all[i].Key) + len(all[i].labels) + 200
	}
	p := bringing{m: m, row: slices.Grow(m.begin(), size), now: now.UnixMicro(), body: *body, next: never, after: make(map[id]known, len(all))}
	for i := range all {
		p.take(&all[i])
	}
	for i := range sources {
		p.row = appendSource(p.row, &sources[i])
	}
	defer m.keep(p.row)
	if err := m.write(p.row); err != nil {
		return next, nil, fmt.Errorf("store alerts: %w", err)
	}
	m.hold(p.whole)
	m.expireSources(now)
	if p.next != never {
		next = time.UnixMicro(p.next)
	}
	return next, p.absent, nil
}

// encode writes the lots of all, into body.
func encode(body *[]byte, in []pipeline.Inbox) ([]brought, error) {
	all, b := make([]brought, len(in)), (*body)[:0]
	for i := range in {
		all[i] = brought{Inbox: &in[i], id: idOf(in[i].Key), labels: alertjson.AppendPairs(nil, in[i].Labels), begin: len(b)}
		var err error
		if b, all[i].ends, err = alertjson.AppendRows(b, in[i].Alerts, maxLotBytes); err != nil {
			return nil, fmt.Errorf("store alerts of group %s: %w", in[i].Key, err)
		}
	}
	*body = b
	return all, nil
}

// bringing is a Put while its row is written. Nothing changes before all of it is.
type bringing struct {
	m      *Memory
	row    []byte
	now    int64
	body   []byte
	after  map[id]known // of groups in the row
	next   int64
	absent []string
	whole  []putLot // inboxes that are one lot
}

// putLot is an Inbox that became one lot.
type putLot struct {
	*pipeline.Inbox
	id     id
	mark   int64
	labels uint64 // hash of them
}

// known is what is changed about a group when alerts come.
type known struct {
	status
	way    way
	labels uint64
}

// knownOf is what is there of a group, in the row if it is in that.
func (p *bringing) knownOf(of id) (k known, there bool) {
	if k, there = p.after[of]; there {
		return k, true
	}
	if g := p.m.groups[of]; g != nil {
		return known{g.status, *g.way, g.labels}, true
	}
	return known{}, false
}

// take adds what came for one group.
func (p *bringing) take(b *brought) {
	was, there := p.knownOf(b.id)
	if !there && b.IfThere {
		p.absent = append(p.absent, b.Key)
		return
	}
	is := known{was.status, way{b.Route, b.Receiver}, hashOf(b.labels)}
	if there {
		is.join(b.Inbox, p.now)
	} else {
		is.status = made(b.Inbox, p.now)
	}
	if !there || is.way != was.way || is.labels != was.labels {
		p.row = appendMeta(p.row, b.id, b.Inbox, b.labels)
	}
	if !there || is.status != was.status {
		p.row = appendTimes(p.row, b.id, &is.status)
	}
	p.after[b.id] = is
	p.next = min(p.next, is.at)
	begin, left := b.begin, len(b.Alerts)
	for i, end := range b.ends {
		n := left / (len(b.ends) - i) // about
		left -= n
		p.m.lastMark++
		p.row = appendLot(p.row, b.id, p.m.lastMark, n, p.body[begin:end])
		begin = end
	}
	if len(b.ends) == 1 {
		p.whole = append(p.whole, putLot{b.Inbox, b.id, p.m.lastMark, is.labels})
	}
}

// made is the status of a new group.
func made(in *pipeline.Inbox, now int64) status {
	at := now
	if !in.AtOnce {
		at += in.Wait.Microseconds()
	}
	return status{at: at, due: at}
}

// join is what alerts change about a group that is there.
func (s *status) join(in *pipeline.Inbox, now int64) {
	switch due := now + in.Wait.Microseconds(); {
	case s.token == 0:
		if due = max(due, s.ready); due < s.due {
			s.at, s.due = due, due
		}
	case s.wish == 0 || due < s.wish:
		s.wish = due
	}
}

// Sources returns what inhibits by these keys at now.
func (m *Memory) Sources(_ context.Context, now time.Time, keys []string) (sources []pipeline.Source, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	asked := make(map[string]bool, len(keys))
	for _, key := range keys {
		if asked[key] {
			continue
		}
		asked[key] = true
		for _, both := range []bool{false, true} {
			sources = append(sources, m.longest(key, both, now)...)
		}
	}
	return sources, nil
}

// longest are the sources of a key that last longest.
func (m *Memory) longest(key string, both bool, now time.Time) (some []pipeline.Source) {
	for _, s := range m.sources[key] {
		if s.Both == both && s.Ends.After(now) {
			some = append(some, s.Source)
		}
	}
	slices.SortFunc(some, func(a, b pipeline.Source) int { return b.Ends.Compare(a.Ends) })
	return some[:min(len(some), maxSources)]
}

// sweepEvery is how often sources that are over are looked for.
const sweepEvery = time.Minute

// expireSources forgets sources that are over, now and then.
func (m *Memory) expireSources(now time.Time) {
	if now.Before(m.sweep) {
		return
	}
	m.sweep = now.Add(sweepEvery)
	for key, all := range m.sources {
		left := all[:0]
		for _, s := range all {
			if s.Ends.After(now) {
				left = append(left, s)
			} else {
				m.release(s.piece)
			}
		}
		if len(left) == 0 {
			delete(m.sources, key)
		} else {
			m.sources[key] = left
		}
	}
}
