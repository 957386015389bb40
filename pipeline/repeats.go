package pipeline

import "time"

// Hit is one occurrence shown to a window of repeats.
type Hit struct {
	Key string        // what occurred: an alert's fingerprint
	ID  string        // which occurrence: the alert's uuid; the same again is a redelivery, not a repeat
	At  time.Time     // when it occurred
	For time.Duration // how long repeats stay quiet from here on; 0: they do not

	Arrived  time.Time // when it reached us; zero: when it occurred
	Escalate uint64    // repeats pass again when the count is a power of this; under 2: never
	Alert    *Alert    // what to sum the quiet time up with when it is over; nil: nobody wants that
}

// Seen is a window's answer to a Hit.
type Seen struct {
	First     bool      // it opened a quiet time: tell people; false: a repeat, counted for the next message
	Escalated bool      // a repeat that is to be told: Count is a power of the factor
	Episode   string    // with Escalated: the occurrence that opened the quiet time
	Count     uint64    // with First: this one and the untold repeats before it; with Escalated: all of the quiet time; else 0
	FirstSeen time.Time // of those occurrences
	LastSeen  time.Time
	Degraded  bool // the shared window could not be asked; a local one answered
}

// Episode names one quiet time: the key and the occurrence that opened it.
type Episode struct{ Key, ID string }

// Repeats are what an Episode has seen after the occurrence that opened it.
type Repeats struct {
	Episode
	N    uint64
	Last time.Time // when the latest of them occurred; zero when there are none
}

// Ending is an Episode that is over and has repeats that no message has told.
type Ending struct {
	Repeats
	Opened time.Time // when the occurrence that opened it was
	Alert  Alert     // that occurrence
}
