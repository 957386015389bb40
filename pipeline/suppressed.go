package pipeline

import "time"

// Why an alert is kept back. These are also the reasons in metrics.
const (
	BySilence        = "silence"
	ByInhibition     = "inhibition"
	ByMuteInterval   = "mute_time_interval"
	ByActiveInterval = "active_time_interval"
	ByAck            = "ack"
	ByQuota          = "quota" // of a channel: many notifications in one
)

// Suppressed is one reason why an alert is kept back.
type Suppressed struct {
	Why   string    `json:"why"`            // one of the above
	By    string    `json:"by"`             // id of the silence, fingerprint of the inhibiting alert, name of the interval, who acknowledged
	Rule  string    `json:"rule,omitempty"` // of an inhibition: the rule's name, or its number
	Note  string    `json:"note,omitempty"` // for people: who silenced it, and why
	Until time.Time `json:"until,omitzero"` // as far as is known; zero: not known
}

// Held sums up what a group kept back while something suppressed it.
type Held struct {
	Why    string     `json:"why"`             // mute_time_interval, active_time_interval, silence, inhibition, quota
	By     []string   `json:"by"`              // as of Suppressed, in the order they came; bounded. Of quota: how many notifications
	Notes  []string   `json:"notes,omitempty"` // likewise
	From   time.Time  `json:"from"`            // the first that was kept back
	To     time.Time  `json:"to"`              // when it was over
	Alerts uint64     `json:"alerts"`          // how many; repeats count
	Worst  Priority   `json:"worst"`           // of them
	Rules  []HeldRule `json:"rules"`           // the gravest first; bounded
	More   int        `json:"more,omitzero"`   // rules that are not in Rules
}

// HeldRule is what Held knows of one rule.
type HeldRule struct {
	Rule   string    `json:"rule"`
	Alerts uint64    `json:"alerts"`
	Worst  Priority  `json:"worst"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Sample string    `json:"sample,omitempty"` // output of the gravest, cut
}

// Routed is where an alert goes as the configuration stands, and what keeps it back.
type Routed struct {
	Suppressed []Suppressed // silences, inhibitions, acks
	Groups     []InGroup    // one per route that takes it
}

// InGroup is an alert's place in one route.
type InGroup struct {
	Key         string            `json:"key"`
	Path        []string          `json:"path"` // the routes from the root down: "{}", "{team=\"sec\"}"
	Receiver    string            `json:"receiver"`
	Labels      map[string]string `json:"labels"` // the group labels
	RouteLabels map[string]string `json:"route_labels,omitempty"`
	Wait        Duration          `json:"group_wait"`
	Interval    Duration          `json:"group_interval"`
	Repeat      Duration          `json:"repeat_interval"`
	Muted       []Suppressed      `json:"muted,omitempty"` // by time intervals
	Due         time.Time         `json:"due,omitzero"`    // next flush; zero: none is planned
}
