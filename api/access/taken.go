package access

import (
	"sync"
	"time"
)

// mostTaken is how many signed messages are remembered, some 10 MB. With more of them within twice the tolerance,
// the oldest are forgotten first, and could be replayed until their time is over.
const mostTaken = 100_000

// Taken remembers signed messages that were taken, for as long as their signatures hold: one that is sent again,
// by its sender who lost the answer or by somebody who listened, is not taken twice. It is safe for concurrent use.
type Taken struct {
	mu    sync.Mutex // guards what follows
	until map[takenKey]time.Time
	order []takenKey // as they came
}

type takenKey struct{ sender, id string }

// Has reports whether the caller's message was taken.
func (t *Taken) Has(c Caller, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return now.Before(t.until[takenKey{c.Name, c.Message.ID}])
}

// Add remembers the caller's message.
func (t *Taken) Add(c Caller, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.until == nil {
		t.until = map[takenKey]time.Time{}
	}
	for len(t.order) > 0 && (len(t.order) >= mostTaken || !now.Before(t.until[t.order[0]])) {
		delete(t.until, t.order[0])
		t.order = t.order[1:]
	}
	key := takenKey{c.Name, c.Message.ID}
	if _, ok := t.until[key]; !ok {
		t.order = append(t.order, key)
	}
	// Its signature may be of up to a tolerance ahead, and holds for another after that; sent again with a new
	// signature by then, it is the same message still.
	t.until[key] = now.Add(2 * tolerance)
}
