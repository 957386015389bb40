package alertjson

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// ReadAll reads a JSON array of alerts.
func ReadAll(body []byte) ([]pipeline.Alert, error) {
	alerts, err := readAll(textOf(body)) // each alert copies its part
	if err == nil {
		return alerts, nil
	}
	alerts = nil
	if err := json.Unmarshal(body, &alerts); err != nil {
		return nil, fmt.Errorf("decode a batch of alerts: %w", err)
	}
	return alerts, nil
}

// Read reads an alert. The error is encoding/json's.
func Read(body []byte) (pipeline.Alert, error) {
	a, err := read(textOf(body)) // it copies it
	if err == nil {
		return a, nil
	}
	a = pipeline.Alert{}
	return a, json.Unmarshal(body, &a)
}

// ReadPairs reads a JSON object of texts.
func ReadPairs(body []byte) (pairs map[string]string, err error) {
	p := NewScanner(string(body))
	if pairs, err = p.Pairs(); err == nil && p.End() && len(pairs) > 0 {
		return pairs, nil
	}
	pairs = nil
	return pairs, json.Unmarshal(body, &pairs)
}

// ReadNotification reads a notification, whose texts are parts of body: that is not to change any more.
func ReadNotification(body []byte) (n pipeline.Notification, err error) {
	if n, err = readNotification(textOf(body)); err == nil {
		return n, nil
	}
	n = pipeline.Notification{}
	if err := json.Unmarshal(body, &n); err != nil {
		return n, fmt.Errorf("decode a notification: %w", err)
	}
	return n, nil
}

func readNotification(text string) (n pipeline.Notification, err error) {
	p := NewScanner(text)
	var seen []string
	err = p.Object(func(key string) (err error) {
		if slices.Contains(seen, key) {
			return ErrOdd
		}
		seen = append(seen, key)
		switch key {
		case "id":
			n.ID, err = p.String()
		case "receiver":
			n.Receiver, err = p.String()
		case "integration":
			n.Integration, err = p.String()
		case "group_key":
			n.GroupKey, err = p.String()
		case "group_labels":
			n.GroupLabels, err = p.Pairs()
		case "route_labels":
			n.RouteLabels, err = p.Pairs()
		case "reason":
			n.Reason, err = p.String()
		case "via":
			n.Via, err = p.String()
		case "alerts":
			n.Alerts, err = p.alerts(p.sharing) // they are kept as long as each other
		case "created_at":
			n.CreatedAt, err = p.Time()
		default:
			return p.rare(key, map[string]any{"held": &n.Held, "again": &n.Again})
		}
		return err
	})
	if err == nil && !p.End() {
		err = ErrOdd
	}
	return n, err
}

// rare reads what is rare, with encoding/json, into the member of that name.
func (p *Scanner) rare(key string, into map[string]any) error {
	member, known := into[key]
	if !known {
		return ErrOdd
	}
	text, err := p.Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), member)
}

func readAll(body string) ([]pipeline.Alert, error) {
	p := NewScanner(body)
	alerts, err := p.alerts(p.own)
	if err == nil && !p.End() {
		err = ErrOdd
	}
	return alerts, err
}

// alerts reads an array of alerts, or null, each with one.
func (p *Scanner) alerts(one func() (pipeline.Alert, error)) ([]pipeline.Alert, error) {
	if p.null() {
		return nil, nil
	}
	alerts := make([]pipeline.Alert, 0, (len(p.s)-p.i)/ShortSize)
	err := p.Array(func() error {
		a, err := one()
		alerts = append(alerts, a)
		return err
	})
	return alerts, err
}

// own reads an alert that has its text for itself.
func (p *Scanner) own() (a pipeline.Alert, err error) {
	text, err := p.Raw()
	if err != nil {
		return a, err
	}
	return read(text)
}

// sharing reads an alert that keeps the whole text.
func (p *Scanner) sharing() (a pipeline.Alert, err error) {
	r := reader{Scanner: *p, a: &a}
	r.seen = r.space[:0]
	err = r.Object(r.member)
	p.i = r.i
	return a, err
}

// read reads an alert. It copies the text first: an alert that is kept does not keep the batch that it came in.
func read(text string) (a pipeline.Alert, err error) {
	r := reader{Scanner: Scanner{s: strings.Clone(text)}, a: &a}
	r.seen = r.space[:0]
	if err := r.Object(r.member); err != nil {
		return a, err
	}
	if !r.End() {
		return a, ErrOdd
	}
	return a, nil
}

// reader reads members of an alert.
type reader struct {
	Scanner
	a     *pipeline.Alert
	seen  []string // few enough to look through
	space [32]string
}

func (r *reader) member(key string) (err error) {
	if slices.Contains(r.seen, key) {
		return ErrOdd
	}
	r.seen = append(r.seen, key)
	a := r.a
	switch key {
	case "uuid":
		a.ID, err = r.String()
		a.ID = strings.Clone(a.ID) // it is remembered for long, and would keep the whole text
	case "time":
		a.Time, err = r.Time()
	case "rule":
		a.Rule, err = r.String()
	case "priority":
		var s string
		if s, err = r.String(); err == nil {
			a.Priority, err = pipeline.ParsePriority(s)
		}
	case "source":
		a.Source, err = r.String()
	case "hostname":
		a.Hostname, err = r.String()
	case "output":
		a.Output, err = r.String()
	case "tags":
		a.Tags, err = r.Texts()
	case "output_fields":
		a.OutputFields, err = r.Fields()
	case "labels":
		a.Labels, err = r.Pairs()
	case "annotations":
		a.Annotations, err = r.Pairs()
	case "fingerprint":
		var s string
		if s, err = r.String(); err == nil {
			err = a.Fingerprint.UnmarshalText([]byte(s))
		}
	case "count":
		a.Count, err = r.uint()
	case "first_seen":
		a.FirstSeen, err = r.Time()
	case "last_seen":
		a.LastSeen, err = r.Time()
	case "episode":
		a.Episode, err = r.String()
	case "enrichment":
		a.Enrichment, err = r.String()
	case "ancestry":
		a.Ancestry, err = r.String()
	default:
		return r.rare(key)
	}
	return err
}

// rare reads what most alerts do not have.
func (r *reader) rare(key string) error {
	a := r.a
	return r.Scanner.rare(key, map[string]any{
		"stateful": &a.Stateful, "lossy": &a.Lossy, "window": &a.Window, "unjudged": &a.Unjudged, "covered": &a.Covered,
		"completes": &a.Completes, "place": &a.Place, "owner": &a.Owner, "deployment": &a.Deployment, "findings": &a.Findings,
		"quiet_for": &a.QuietFor, "cooldown": &a.Cooldown, "escalate": &a.Escalate, "summary": &a.Summary,
		"degraded": &a.Degraded, "escalated": &a.Escalated, "closing": &a.Closing,
	})
}

func (r *reader) uint() (uint64, error) {
	text, err := r.Raw()
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(text, 10, 64)
}
