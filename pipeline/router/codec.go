package router

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// MaxBatch is how many alerts one bus message carries. Larger saves little per alert and makes a
// redelivery, which repeats a whole batch, dearer.
const MaxBatch = 256

// ErrTooLarge says that one alert or event alone does not fit into a bus message.
var ErrTooLarge = errors.New("too large for the bus")

// batch is an encoded batch of alerts: a JSON array.
type batch struct {
	id     string // the same for the same alerts, so that publishing them twice stores them once
	alerts int
	body   []byte
	exact  bool             // body reads as the very same alerts
	read   []pipeline.Alert // these, where whoever takes it may have them; nil: body has to be read
	joined bool             // it was made of several
}

// encodeAlerts cuts alerts into batches of at most MaxBatch alerts and maxBytes.
func encodeAlerts(alerts []pipeline.Alert, maxBytes int) ([]batch, error) {
	var batches []batch
	body := newBody(bodyOf(len(alerts), maxBytes))
	ids, n, exact := sha256.New(), 0, true
	for i := range alerts {
		a, was := &alerts[i], len(body)
		var same bool
		var err error
		if body, same, err = alertjson.AppendExact(append(body, ','), a); err != nil {
			return nil, fmt.Errorf("alert %s of rule %q: %w", a.ID, a.Rule, err)
		}
		if size := len(body) - was - 1; size+2 > maxBytes {
			err := fmt.Errorf("alert %.80s of rule %.200q: %w", a.ID, a.Rule, ErrTooLarge)
			return nil, &pipeline.TooLarge{Index: i, Size: size, Most: maxBytes - 2, Err: err}
		}
		if n == MaxBatch || n > 0 && len(body)+1 > maxBytes {
			next := append(newBody(bodyOf(len(alerts)-i, maxBytes)), body[was:]...)
			batches = append(batches, batchOf(body[:was], n, exact, ids))
			body, n, exact = next, 0, true
			ids.Reset()
		}
		exact = exact && same
		ids.Write([]byte(a.Key() + "\n"))
		n++
	}
	if n > 0 {
		batches = append(batches, batchOf(body, n, exact, ids))
	}
	return batches, nil
}

// bodyOf is about how long the body of a batch is.
func bodyOf(alerts, maxBytes int) int {
	return min(alertjson.TypicalSize*min(alerts, MaxBatch)+64, maxBytes)
}

// batchOf makes a batch of encoded alerts, each behind a comma.
func batchOf(body []byte, alerts int, exact bool, ids hash.Hash) batch {
	body[0] = '['
	return batch{id: hex.EncodeToString(ids.Sum(nil)[:16]), alerts: alerts, exact: exact, body: append(body, ']')}
}

// joinBatches makes one batch of as many as fit, in their order. One that stays alone stays as it is.
func joinBatches(batches []batch, maxBytes int) []batch {
	var joined []batch
	for len(batches) > 0 {
		n, size, alerts := 0, 1, 0
		for n < len(batches) && (n == 0 || size+len(batches[n].body) <= maxBytes && alerts+batches[n].alerts <= MaxBatch) {
			size += len(batches[n].body)
			alerts += batches[n].alerts
			n++
		}
		joined = append(joined, join(batches[:n], size))
		batches = batches[n:]
	}
	return joined
}

// join makes one batch of several.
func join(batches []batch, size int) batch {
	if len(batches) == 1 {
		return batches[0]
	}
	j := batch{body: append(newBody(size), '['), joined: true}
	ids := sha256.New()
	whole := true
	for i, b := range batches {
		whole = whole && b.read != nil
		j.read = append(j.read, b.read...)
		if i > 0 {
			j.body = append(j.body, ',')
		}
		j.body = append(j.body, b.body[1:len(b.body)-1]...)
		j.alerts += b.alerts
		ids.Write([]byte(b.id + "\n"))
	}
	if !whole {
		j.read = nil
	}
	j.body = append(j.body, ']')
	j.id = hex.EncodeToString(ids.Sum(nil)[:16])
	return j
}

// encoded is a notification ready for the bus.
type encoded struct {
	pipeline.Notification
	body  []byte
	exact bool // body reads as alertjson.AsRead of it
}

// encodeNotification cuts a notification with too many bytes in halves, each with a delivery id of its
// own. One alert alone always fits: encodeAlerts let it in.
func encodeNotification(n pipeline.Notification, maxBytes int) ([]encoded, error) {
	body, exact, err := alertjson.AppendNotification(newBody(alertjson.TypicalSize*len(n.Alerts)+1000), n)
	if err != nil {
		return nil, fmt.Errorf("encode notification %s: %w", n.ID, err)
	}
	if len(body) <= maxBytes || len(n.Alerts) < 2 {
		return []encoded{{n, body, exact}}, nil
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
