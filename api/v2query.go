package api

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// alertQuery is which alerts somebody asked for. The flags include what they name; all do unless told otherwise.
type alertQuery struct {
	filter           labels.Matchers
	receiver         *regexp.Regexp  // nil: any
	receiverMatchers labels.Matchers // over the labels of receivers

	active, silenced, inhibited, unprocessed, muted bool

	receiverLabels map[string]map[string]string // by receiver
}

func (s *Server) alertQuery(params url.Values) (*alertQuery, error) {
	q := &alertQuery{receiverLabels: map[string]map[string]string{}}
	for name, flag := range map[string]*bool{
		"active": &q.active, "silenced": &q.silenced, "inhibited": &q.inhibited, "unprocessed": &q.unprocessed, "muted": &q.muted,
	} {
		var err error
		if *flag, err = boolParam(params, name); err != nil {
			return nil, err
		}
	}
	var err error
	if q.filter, err = filterParam(params, "filter"); err != nil {
		return nil, err
	}
	if q.receiverMatchers, err = filterParam(params, "receiver_matchers"); err != nil {
		return nil, err
	}
	if text := params.Get("receiver"); text != "" {
		if q.receiver, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
			return nil, fmt.Errorf("receiver=%q is no regular expression: %w", text, err)
		}
	}
	for _, r := range s.deps.V2.Receivers() {
		q.receiverLabels[r.Name] = r.labels()
	}
	return q, nil
}

// wantsReceiver reports whether the receiver is one that was asked for.
func (q *alertQuery) wantsReceiver(name string) bool {
	if q.receiver != nil && !q.receiver.MatchString(name) {
		return false
	}
	if len(q.receiverMatchers) == 0 {
		return true
	}
	set, known := q.receiverLabels[name]
	return known && matcher.Match(q.receiverMatchers, set)
}

// wants reports whether an alert in this state is one that was asked for.
func (q *alertQuery) wants(state *alertState) bool {
	switch {
	case !q.active && state.State == stateActive,
		!q.unprocessed && state.State == stateUnprocessed,
		!q.silenced && len(state.SilencedBy) > 0,
		!q.inhibited && len(state.InhibitedBy) > 0:
		return false
	default:
		return true
	}
}

// anyReceiver reports whether a receiver that was asked for gets the alert.
func (q *alertQuery) anyReceiver(to *pipeline.Routed) bool {
	if q.receiver == nil && len(q.receiverMatchers) == 0 {
		return true
	}
	for i := range to.Groups {
		if q.wantsReceiver(to.Groups[i].Receiver) {
			return true
		}
	}
	return false
}

// boolParam is a flag of the query; true where it is not there.
func boolParam(params url.Values, name string) (bool, error) {
	text := params.Get(name)
	if text == "" {
		return true, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s=%q is neither true nor false", name, text)
	}
	return v, nil
}

// filterParam reads a parameter that may be repeated, a matcher each.
func filterParam(params url.Values, name string) (labels.Matchers, error) {
	var all labels.Matchers
	for _, text := range params[name] {
		m, err := matcher.ParseOne(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, m)
	}
	return all, nil
}
