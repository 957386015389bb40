package api

import (
	"encoding/json"
	"fmt"
	"time"
)

// readV2Alert reads an alert that was posted to Alertmanager's API, which takes more ways to write times than
// RFC 3339.
func readV2Alert(body []byte) (postedAlert, error) {
	var p struct {
		postedAlert
		StartsAt postedTime `json:"startsAt"`
		EndsAt   postedTime `json:"endsAt"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return postedAlert{}, fmt.Errorf("not an alert: %w", err)
	}
	p.postedAlert.StartsAt, p.postedAlert.EndsAt = time.Time(p.StartsAt), time.Time(p.EndsAt)
	return p.postedAlert, nil
}

// postedTime is a time that a client wrote; zero where it is empty.
type postedTime time.Time

// timeLayouts are the ways in which clients write times. Without a zone it is UTC.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00"}

// UnmarshalText reads any of timeLayouts.
func (t *postedTime) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*t = postedTime{}
		return nil
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, string(b)); err == nil {
			*t = postedTime(at)
			return nil
		}
	}
	return fmt.Errorf("%q is no time: write it as in 2006-01-02T15:04:05Z", b)
}
