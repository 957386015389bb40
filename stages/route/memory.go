package route

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// memory is what a group keeps from one flush to the next, beside its members.
type memory struct {
	// Told is when each integration was told of members last, by topic. That of those which are no longer
	// configured is kept too: they may come back.
	Told map[string]time.Time `json:"told,omitempty"`
	// Number counts flushes that told something. It is part of delivery ids: the same alerts told again after
	// repeat_interval are another message, the same told again after a crash are not.
	Number uint64    `json:"number,omitempty"`
	Ready  time.Time `json:"ready,omitzero"` // group_interval after the latest notification
	Held   []account `json:"held,omitempty"`
	Unsure bool      `json:"unsure,omitempty"` // what the latest flush was to tell may be out, though it failed
	Recent recent    `json:"recent,omitempty"` // events that it has dealt with
}

// encode writes it as encoding/json does: each flush of a group does.
func (m *memory) encode() ([]byte, error) {
	w := alertjson.Begin(make([]byte, 0, 128))
	w.Some("told", len(m.Told) > 0, m.Told)
	w.SomeUint("number", m.Number)
	w.SomeTime("ready", m.Ready)
	w.Some("held", len(m.Held) > 0, m.Held)
	w.Flag("unsure", m.Unsure)
	w.SomeText("recent", base64.StdEncoding.EncodeToString(m.Recent))
	return w.End()
}

func readMemory(stored []byte) (m memory, err error) {
	if len(stored) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(stored, &m); err != nil {
		return memory{}, fmt.Errorf("a group's state cannot be read: %w", err)
	}
	return m, nil
}
