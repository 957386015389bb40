package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// ReadAlerts reads alerts as people keep them in files, one after the other or in arrays: tocsin's own, as stdout has
// them; Falco's; those of Alertmanager's API; and what its webhook sends. They are as if they had been posted now.
func ReadAlerts(text []byte, now time.Time, resolveTimeout time.Duration) ([]pipeline.Alert, error) {
	var all []pipeline.Alert
	for dec, n := json.NewDecoder(bytes.NewReader(text)), 1; ; n++ {
		var value json.RawMessage
		err := dec.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, notJSON(fmt.Sprintf("value %d", n), err)
		}
		some, err := readAnyAlerts(value, now, resolveTimeout)
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", n, err)
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, errors.New("there are no alerts in it")
	}
	return all, nil
}

// readAnyAlerts reads an alert, a webhook's body, or an array of either.
func readAnyAlerts(value json.RawMessage, now time.Time, resolveTimeout time.Duration) (all []pipeline.Alert, err error) {
	var several []json.RawMessage
	if json.Unmarshal(value, &several) != nil {
		var webhook struct {
			Alerts []json.RawMessage `json:"alerts"`
		}
		if json.Unmarshal(value, &webhook) != nil || webhook.Alerts == nil {
			a, err := readAnyAlert(value, now, resolveTimeout)
			return []pipeline.Alert{a}, err
		}
		several = webhook.Alerts
	}
	for i, one := range several {
		some, err := readAnyAlerts(one, now, resolveTimeout)
		if err != nil {
			return nil, fmt.Errorf("alert %d: %w", i+1, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// readAnyAlert tells the three forms apart by members that only one of them has.
func readAnyAlert(value json.RawMessage, now time.Time, resolveTimeout time.Duration) (a pipeline.Alert, err error) {
	var form struct {
		Rule   *string         `json:"rule"`
		Labels json.RawMessage `json:"labels"`
	}
	if err := json.Unmarshal(value, &form); err != nil {
		return a, fmt.Errorf("not an alert: %w", err)
	}
	switch {
	case form.Rule != nil && form.Labels != nil:
		err = readAlert(value, &a)
		return a, err
	case form.Rule != nil:
		host, err := os.Hostname()
		if err != nil {
			return a, fmt.Errorf("ask for the host name: %w", err)
		}
		if a, err = falcoAlert(value, host); err == nil && a.ID == "" {
			a.ID = newAlertID()
		}
		return a, err
	default:
		posted, err := readV2Alert(value)
		if err != nil {
			return a, err
		}
		return statefulAlert(posted, now, resolveTimeout)
	}
}
