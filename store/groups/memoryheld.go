package groups

import "slices"

// maxHeld is how many alerts of lots are in memory beside the journal, each of some 5 KB: those that came last, of which
// most are claimed at once, need not be read again.
const maxHeld = 1024

// hold has lots that were written in memory, too, as far as there is room. It needs m.mu.
func (m *Memory) hold(put []putLot) {
	for _, p := range put {
		g := m.groups[p.id]
		if g == nil || m.held+len(p.Alerts) > maxHeld {
			continue
		}
		if i := slices.IndexFunc(g.inbox, func(l lot) bool { return l.mark == p.mark }); i >= 0 {
			g.inbox[i].held = p.Alerts
			m.held += len(p.Alerts)
			if g.labels == p.labels { // else others came with the same row
				g.meaning = &meaning{p.Key, p.Labels}
			}
		}
	}
}

// meaning is what a group is called. It is in memory where lots are, too: with them, nothing of most groups is read.
type meaning struct {
	key    string
	labels map[string]string
}

// drop is for a lot that goes. It needs m.mu.
func (m *Memory) drop(l *lot) {
	m.release(l.piece)
	m.held -= len(l.held)
	l.held = nil
}
