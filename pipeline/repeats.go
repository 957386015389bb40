package pipeline

import "time"

// Hit is one occurrence shown to a window of repeats.
type Hit struct {
	Key string        // what occurred: an alert's fingerprint
	ID  string        // which occurrence: the alert's uuid; the same again is a redelivery, not a repeat
	At  time.Time     // when it occurred
	For time.Duration // how long repeats stay quiet from here on; 0: they do not
}

// Seen is a window's answer to a Hit.
type Seen struct {
	First     bool      // it opened a quiet time: tell people; false: a repeat, counted for the next message
	Count     uint64    // occurrences to tell: with First this one and the untold repeats before it, else 0
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
