package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// webhookTimeout is how long an alert of another Alertmanager fires after it was last heard of. That sends one
// again only every repeat_interval (4h by default), and says by itself when one has ended: this is for when it
// cannot any more. The address may say another with resolve_timeout=.
const webhookTimeout = 24 * time.Hour

// webhookVersion is the version of Alertmanager's webhook payload that is taken.
const webhookVersion = "4"

// webhookPayload is what Alertmanager's webhook receiver posts, as far as it matters here: what the alerts of a
// group have in common each of them says itself.
type webhookPayload struct {
	Version   string         `json:"version"`
	GroupKey  string         `json:"groupKey"`
	Truncated uint64         `json:"truncatedAlerts"`
	Alerts    []webhookAlert `json:"alerts"`
}

type webhookAlert struct {
	postedAlert
	Status string `json:"status"`
}

// readWebhook reads a payload.
func readWebhook(body []byte) (*webhookPayload, error) {
	var p webhookPayload
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, notJSON("the body", err)
	}
	if p.Version != webhookVersion {
		return nil, fmt.Errorf("version is %q: the payload of Alertmanager's webhook has version %q", p.Version, webhookVersion)
	}
	if len(p.Alerts) == 0 {
		return nil, errors.New("it has no alerts")
	}
	return &p, nil
}

// alert makes ours of one. ok is false for one that needs no telling: the end of what never fires for long.
func (p webhookAlert) alert(now time.Time, timeout time.Duration, hostname string, falco bool) (a pipeline.Alert, ok bool, err error) {
	if p.Status != "firing" && p.Status != "resolved" {
		return a, false, fmt.Errorf("status is %.40q: it is firing or resolved", p.Status)
	}
	if falco {
		event, isFalco, err := eventFromFalcosidekick(p.postedAlert, now, hostname)
		if isFalco || err != nil {
			return event, p.Status == "firing", err
		}
	}
	switch {
	case p.Status == "firing":
		p.EndsAt = time.Time{} // a time ahead is when its sender would have given it up
	case p.EndsAt.IsZero() || p.EndsAt.After(now):
		p.EndsAt = now
	}
	if p.Status == "resolved" && p.StartsAt.After(p.EndsAt) {
		p.StartsAt = p.EndsAt // clocks differ
	}
	if p.Status == "firing" && p.StartsAt.After(now) {
		p.StartsAt = now // likewise
	}
	a, err = statefulAlert(p.postedAlert, now, timeout)
	return a, true, err
}

// postAlertmanager takes what another Alertmanager's webhook receiver posts. Alerts that are good are taken even
// if others are not.
func (s *Server) postAlertmanager(w http.ResponseWriter, r *http.Request) {
	p := s.posted(w, r, sourceAlertmanager)
	timeout := webhookTimeout
	if text := r.URL.Query().Get("resolve_timeout"); text != "" {
		var err error
		if timeout, err = pipeline.ParseDuration(text); err != nil || timeout == 0 {
			p.malformed(fmt.Sprintf("resolve_timeout=%.40s: write a duration, as in 13h; longer than the sender's repeat_interval", text))
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.unreadable(err)
		return
	}
	payload, err := readWebhook(body)
	if err != nil {
		p.malformed(err.Error())
		return
	}
	if payload.Truncated > 0 {
		s.metrics.truncated.Add(float64(payload.Truncated))
		s.deps.Log.Warn("an Alertmanager left alerts out of what it posts here, and nobody is told of them: raise max_alerts of its webhook_configs",
			"alerts", payload.Truncated, "group", payload.GroupKey, "request_id", requestID(w))
	}
	now := time.Now().UTC()
	var alerts []pipeline.Alert
	var places []int
	var wrong []lineError
	for i, one := range payload.Alerts {
		a, ok, err := one.alert(now, timeout, s.deps.Hostname, s.cfg.FalcosidekickEvents)
		if err != nil {
			wrong = append(wrong, lineError{i + 1, err.Error()})
		} else if ok {
			alerts, places = append(alerts, a), append(places, i+1)
		}
	}
	taken := len(alerts)
	tooLarge, err := s.publishFitting(r.Context(), alerts, places)
	taken, wrong = taken-len(tooLarge), append(wrong, tooLarge...)
	if err != nil || len(wrong) == 0 {
		p.accept(taken, err)
		return
	}
	p.metrics.accepted.WithLabelValues(p.source).Add(float64(taken))
	p.metrics.refused.WithLabelValues(p.source, reasonMalformed).Add(float64(len(wrong) - len(tooLarge)))
	p.metrics.refused.WithLabelValues(p.source, reasonTooLarge).Add(float64(len(tooLarge)))
	refuseWith(w, http.StatusBadRequest, fmt.Sprintf("alert %d: %s", wrong[0].Line, wrong[0].Error),
		map[string]any{"accepted": taken, "rejected": len(wrong)})
}
