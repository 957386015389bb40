package router

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

func sample(n, size int) []pipeline.Alert {
	alerts := make([]pipeline.Alert, n)
	for i := range alerts {
		alerts[i] = pipeline.Alert{
			ID: fmt.Sprint("id-", i), Time: time.Unix(1, int64(i)).UTC(), Rule: "终端 <shell> in \"container\"",
			Priority: pipeline.Critical, Output: strings.Repeat("x", size), Tags: []string{"a"},
			OutputFields: pipeline.Fields{"fd.name": "/etc/shadow", "proc.pname": nil, "evt.failed": true},
			Labels:       map[string]string{"rule": "r"}, Fingerprint: 7,
		}
	}
	return alerts
}

func TestBatchesAreBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		alerts, size, maxBytes int
		want                   []int
	}{
		"nothing makes no batch":              {0, 0, 1 << 20, nil},
		"few alerts are one batch":            {3, 10, 1 << 20, []int{3}},
		"a batch has at most 256 alerts":      {600, 10, 1 << 20, []int{256, 256, 88}},
		"a batch has at most so many bytes":   {5, 1000, 3000, []int{2, 2, 1}},
		"an alert may fill a batch by itself": {2, 2000, 3000, []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			alerts := sample(tc.alerts, tc.size)
			batches, err := encodeAlerts(alerts, tc.maxBytes)
			if err != nil {
				t.Fatal(err)
			}
			var sizes []int
			var decoded []pipeline.Alert
			ids := map[string]bool{}
			for _, b := range batches {
				part, err := alertjson.ReadAll(b.body)
				if err != nil {
					t.Fatal(err)
				}
				if len(part) != b.alerts || len(b.body) > tc.maxBytes {
					t.Errorf("a batch of %d alerts says %d, in %d bytes; want at most %d", len(part), b.alerts, len(b.body), tc.maxBytes)
				}
				sizes, decoded, ids[b.id] = append(sizes, b.alerts), append(decoded, part...), true
			}
			if !cmp.Equal(sizes, tc.want) || len(ids) != len(tc.want) {
				t.Errorf("batches of %v with %d ids, want %v, each with its own", sizes, len(ids), tc.want)
			}
			if tc.alerts > 0 && !cmp.Equal(decoded, alerts) {
				t.Errorf("alerts (-encoded +decoded):\n%s", cmp.Diff(alerts, decoded))
			}
		})
	}
}

func TestTheSameAlertsMakeTheSameBatch(t *testing.T) {
	id := func(alerts []pipeline.Alert) string {
		b, err := encodeAlerts(alerts, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return b[0].id
	}
	if a, b := id(sample(3, 1)), id(sample(3, 1)); a != b {
		t.Errorf("ids %s and %s for the same alerts", a, b)
	}
	if a, b := id(sample(3, 1)), id(sample(2, 1)); a == b {
		t.Errorf("id %s for different alerts", a)
	}
}

func TestOversizedAlertIsNamed(t *testing.T) {
	_, err := encodeAlerts(sample(1, 5000), 3000)
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "id-0") {
		t.Errorf("encodeAlerts: %v, want ErrTooLarge and the alert's id", err)
	}
}

func TestBigNotificationIsCut(t *testing.T) {
	n := pipeline.Notification{ID: "n", Receiver: "ops", Alerts: sample(5, 1000)}
	parts, err := encodeNotification(n, 3000)
	if err != nil {
		t.Fatal(err)
	}
	ids, alerts := map[string]bool{}, []pipeline.Alert{}
	for _, p := range parts {
		if len(p.body) > 3000 {
			t.Errorf("part %s has %d bytes, want at most 3000", p.ID, len(p.body))
		}
		back, err := alertjson.ReadNotification(p.body)
		if err != nil || back.ID != p.ID || back.Receiver != "ops" {
			t.Errorf("part %+v, %v: want id %s and receiver ops", back, err, p.ID)
		}
		ids[p.ID], alerts = true, append(alerts, back.Alerts...)
	}
	if len(ids) != len(parts) || !cmp.Equal(alerts, n.Alerts) {
		t.Errorf("%d parts with %d ids and %d alerts, want an id each and all 5 alerts", len(parts), len(ids), len(alerts))
	}
}

// What decodes also encodes, and then decodes to the same.
func FuzzDecode(f *testing.F) {
	seed, err := encodeAlerts(sample(2, 3), 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed[0].body)
	f.Add([]byte(`[{"priority":"info","time":"2026-07-01T00:00:00Z","fingerprint":"ff","output_fields":{"evt.num":1e400}}]`))
	f.Add([]byte(`[null]`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, err := alertjson.ReadAll(body)
		if err != nil || len(alerts) == 0 || len(alerts) > MaxBatch {
			return
		}
		batches, err := encodeAlerts(alerts, 64<<20)
		if err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
		again, err := alertjson.ReadAll(batches[0].body)
		if err != nil || !cmp.Equal(alerts, again) {
			t.Fatalf("%v; (-first +second):\n%s", err, cmp.Diff(alerts, again))
		}
	})
}

func TestBackoff(t *testing.T) {
	c := RetryConfig{}
	if err := c.setDefaults(); err != nil {
		t.Fatal(err)
	}
	for failures, most := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 29: time.Minute, 1 << 40: time.Minute,
	} {
		for range 100 {
			if got := c.backoff(failures); got < most/2 || got > most {
				t.Fatalf("backoff(%d) = %s, want %s to %s", failures, got, most/2, most)
			}
		}
	}
	for name, bad := range map[string]RetryConfig{
		"negative":    {Min: -1},
		"upside down": {Min: time.Minute, Max: time.Second},
	} {
		if err := bad.setDefaults(); err == nil {
			t.Errorf("%s: %+v is accepted", name, bad)
		}
	}
}
