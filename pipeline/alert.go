package pipeline

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fingerprint names what an alert is about: FNV-1a 64 over the identity labels sorted by name, each
// name and value followed by 0xFF. Occurrences of one thing share it; time, pid and ephemeral ports
// never count.
type Fingerprint uint64

// String is 16 hex digits.
func (f Fingerprint) String() string {
	text, _ := f.AppendText(make([]byte, 0, 16)) // it has one
	return string(text)
}

// MarshalText writes the 16 hex digits.
func (f Fingerprint) MarshalText() ([]byte, error) { return f.AppendText(nil) }

// AppendText appends the 16 hex digits.
func (f Fingerprint) AppendText(b []byte) ([]byte, error) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(f))
	return hex.AppendEncode(b, n[:]), nil
}

// UnmarshalText reads the hex digits.
func (f *Fingerprint) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 16, 64)
	*f = Fingerprint(v)
	return err
}

// FingerprintOf hashes labels.
func FingerprintOf(labels map[string]string) Fingerprint {
	pairs := make([]labelPair, 0, 16)
	for name, value := range labels {
		pairs = append(pairs, labelPair{name, value})
	}
	return fingerprintOf(pairs)
}

type labelPair struct{ name, value string }

// fingerprintOf sorts the labels, which have different names, and hashes them.
func fingerprintOf(labels []labelPair) Fingerprint {
	slices.SortFunc(labels, func(a, b labelPair) int { return strings.Compare(a.name, b.name) })
	h := uint64(14695981039346656037)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	for _, l := range labels {
		add(l.name)
		add(l.value)
	}
	return Fingerprint(h)
}

// Fields are the values of an alert's fields by name: string, number, bool or nil.
type Fields map[string]any

// UnmarshalJSON keeps numbers as they are written (json.Number): evt.time, in nanoseconds, is beyond
// what a float64 holds exactly.
func (f *Fields) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return err
	}
	*f = m
	return nil
}

// Alert is one rule that fired on one event. Its JSON is one line in Falco's shape plus labels,
// annotations and fingerprint; the same JSON travels on the bus.
type Alert struct {
	ID           string            `json:"uuid"` // of event and rule: a redelivered or replayed alert has the same
	Time         time.Time         `json:"time"`
	Rule         string            `json:"rule"`
	Priority     Priority          `json:"priority"`
	Source       string            `json:"source"`
	Hostname     string            `json:"hostname"`
	Output       string            `json:"output"` // the rule's output text, formatted
	Tags         []string          `json:"tags"`
	OutputFields Fields            `json:"output_fields"` // as the rule language types them
	Labels       map[string]string `json:"labels"`        // what routes match and groups are made of; see docs/alerts.md
	Annotations  map[string]string `json:"annotations,omitempty"`
	Fingerprint  Fingerprint       `json:"fingerprint"`
	Enrichment   string            `json:"enrichment,omitempty"` // Partial, Late, or "": all was there
	Ancestry     string            `json:"ancestry,omitempty"`   // the process and those above it, the oldest first: "systemd(1) > sshd(812) > bash(4021)"

	Stateful *Stateful `json:"stateful,omitempty"` // it fires until it is resolved; nil: an event

	Lossy bool `json:"lossy,omitempty"` // the kernel lost events around Time: what belongs to this may be missing

	Window    *Sight     `json:"window,omitempty"`    // what the rule's window held in view when it fired
	Unjudged  *Unjudged  `json:"unjudged,omitempty"`  // not an alert yet: the store's window has to be asked
	Covered   *Covered   `json:"covered,omitempty"`   // not an alert: what an exception keeps quiet, for the account of that
	Completes *Completes `json:"completes,omitempty"` // not another alert: what was missing in the one with the same ID

	Place      *Place      `json:"place,omitempty"`      // where the remote address is
	Owner      *Owner      `json:"owner,omitempty"`      // whose it is
	Deployment *Deployment `json:"deployment,omitempty"` // the latest one of its workload
	Findings   []Findings  `json:"findings,omitempty"`   // what is known of its image, node or resource

	// QuietFor is how long repeats of this fingerprint stay quiet; 0 means the configured default.
	QuietFor time.Duration `json:"quiet_for,omitempty"`
	Cooldown time.Duration `json:"cooldown,omitempty"` // of the rule's window: repeats stay quiet for at least so long

	// Escalate and Summary are the rule's own settings of dedupe; nil means the configured default.
	Escalate *uint64 `json:"escalate,omitempty"`
	Summary  *bool   `json:"summary,omitempty"`

	// The rest is filled in by dedupe and grouping, on the way to a message.

	Count     uint64    `json:"count,omitempty"`     // occurrences this message stands for, this one included
	FirstSeen time.Time `json:"first_seen,omitzero"` // of those occurrences
	LastSeen  time.Time `json:"last_seen,omitzero"`
	Degraded  bool      `json:"degraded,omitempty"` // the window could not be asked: may be a repeat

	// An alert that passes because of those before it stands for all of its quiet time, and has one of these.
	Escalated bool `json:"escalated,omitempty"` // it goes on and on: this occurrence makes Count a power of the factor
	Closing   bool `json:"closing,omitempty"`   // no occurrence of its own: the quiet time is over, and this sums it up

	// Episode is the alert that opened the quiet time that Escalated or Closing are about; else empty.
	Episode string `json:"episode,omitempty"`
}

// FirstTime is when the first of the occurrences was that the alert stands for: its own, where dedupe has not said.
func (a *Alert) FirstTime() time.Time {
	if a.FirstSeen.IsZero() {
		return a.Time
	}
	return a.FirstSeen
}

// LastTime is when the last of them was, likewise.
func (a *Alert) LastTime() time.Time {
	if a.LastSeen.IsZero() {
		return a.Time
	}
	return a.LastSeen
}
