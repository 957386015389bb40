package router

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/tocsin-security/tocsin/pipeline"
)

// MaxBatch is how many alerts one bus message carries. Larger saves little per alert and makes a
// redelivery, which repeats a whole batch, dearer.
const MaxBatch = 256

// ErrTooLarge says that one alert alone does not fit into a bus message.
var ErrTooLarge = errors.New("the alert is too large for the bus")

// batch is an encoded batch of alerts: a JSON array.
type batch struct {
	id     string // the same for the same alerts, so that publishing them twice stores them once
	alerts int
	body   []byte
}

// encodeAlerts cuts alerts into batches of at most MaxBatch alerts and maxBytes.
func encodeAlerts(alerts []pipeline.Alert, maxBytes int) ([]batch, error) {
	var batches []batch
	var body bytes.Buffer
	ids, n := sha256.New(), 0
	flush := func() {
		if n > 0 {
			body.WriteByte(']')
			id := hex.EncodeToString(ids.Sum(nil)[:16])
			batches = append(batches, batch{id: id, alerts: n, body: bytes.Clone(body.Bytes())})
		}
		body.Reset()
		ids.Reset()
		n = 0
	}
	for i := range alerts {
		one, err := json.Marshal(&alerts[i])
		if err != nil {
			return nil, fmt.Errorf("encode alert %s of rule %q: %w", alerts[i].ID, alerts[i].Rule, err)
		}
		if len(one)+2 > maxBytes {
			return nil, fmt.Errorf("alert %s of rule %q, %d bytes: %w", alerts[i].ID, alerts[i].Rule, len(one), ErrTooLarge)
		}
		if n == MaxBatch || body.Len()+len(one)+2 > maxBytes {
			flush()
		}
		sep := byte(',')
		if n == 0 {
			sep = '['
		}
		body.WriteByte(sep)
		body.Write(one)
		ids.Write([]byte(alerts[i].Key() + "\n"))
		n++
	}
	flush()
	return batches, nil
}

func decodeAlerts(body []byte) ([]pipeline.Alert, error) {
	var alerts []pipeline.Alert
	if err := json.Unmarshal(body, &alerts); err != nil {
		return nil, fmt.Errorf("decode a batch of alerts: %w", err)
	}
	return alerts, nil
}

// encoded is a notification ready for the bus.
type encoded struct {
	pipeline.Notification
	body []byte
}

// encodeNotification cuts a notification with too many bytes in halves, each with a delivery id of its
// own. One alert alone always fits: encodeAlerts let it in.
func encodeNotification(n pipeline.Notification, maxBytes int) ([]encoded, error) {
	body, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("encode notification %s: %w", n.ID, err)
	}
	if len(body) <= maxBytes || len(n.Alerts) < 2 {
		return []encoded{{n, body}}, nil
	}
	var all []encoded
	half := len(n.Alerts) / 2
	for i, part := range [][]pipeline.Alert{n.Alerts[:half], n.Alerts[half:]} {
		p := n
		p.ID, p.Alerts = n.ID+"."+strconv.Itoa(i+1), part
		parts, err := encodeNotification(p, maxBytes)
		if err != nil {
			return nil, err
		}
		all = append(all, parts...)
	}
	return all, nil
}

func decodeNotification(body []byte) (pipeline.Notification, error) {
	var n pipeline.Notification
	if err := json.Unmarshal(body, &n); err != nil {
		return n, fmt.Errorf("decode a notification: %w", err)
	}
	return n, nil
}
