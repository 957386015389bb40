package pipeline

import (
	"encoding/json"
	"time"
)

// Structured is an event that somebody posted: a JSON object of a named source. It owns its memory.
type Structured struct {
	ID     string          // given by the intake; the same when the event is delivered again
	Source string          // json, or a name from the configuration
	At     time.Time       // when the intake took it
	Body   json.RawMessage // a JSON object
}
