package router_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/router"
	"github.com/tocsin-security/tocsin/stages/route"
)

// fussy is a channel that answers as told, one answer after the other and then nil, and keeps what it was shown.
type fussy struct {
	mu      sync.Mutex
	answers []error
	saw     []string
}

func (f *fussy) deliver(_ context.Context, n pipeline.Notification) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saw = append(f.saw, fmt.Sprint(n.Attempt, " ", n.Again))
	if len(f.answers) == 0 {
		return nil
	}
	err := f.answers[0]
	f.answers = f.answers[1:]
	return err
}

func (f *fussy) sawAll(t *testing.T, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		saw := slices.Clone(f.saw)
		f.mu.Unlock()
		if len(saw) >= n {
			return saw
		}
	}
	t.Fatalf("saw %v within 20 s, want %d attempts", f.saw, n)
	return nil
}

// A delivery that may have arrived although it failed is marked from then on; one that was refused is not.
func TestAttemptsAreMarked(t *testing.T) {
	refused := &pipeline.DeliveryError{Err: errors.New("try later")}
	unknown := &pipeline.DeliveryError{Err: errors.New("no answer"), Unknown: true}
	for name, c := range map[string]struct {
		answers []error
		want    []string
	}{
		"taken at once":                   {nil, []string{"1 false"}},
		"refused twice":                   {[]error{refused, refused}, []string{"1 false", "2 false", "3 false"}},
		"no answer":                       {[]error{unknown}, []string{"1 false", "2 true"}},
		"no answer, then refused":         {[]error{unknown, refused}, []string{"1 false", "2 true", "3 true"}},
		"an error of no class is unknown": {[]error{errors.New("?")}, []string{"1 false", "2 true"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fussy{answers: c.answers}
			d := start(t, options{
				dir: t.TempDir(), quiet: time.Hour, deliver: map[string]deliverFunc{"fussy": f.deliver},
				route: route.Config{GroupWait: duration(0)}, retry: router.RetryConfig{Min: time.Millisecond, Max: time.Millisecond},
			})
			if err := d.PublishAlerts(t.Context(), alertsOf(1)); err != nil {
				t.Fatal(err)
			}
			if saw := f.sawAll(t, len(c.want)); !slices.Equal(saw, c.want) {
				t.Errorf("the channel saw %v, want %v", saw, c.want)
			}
		})
	}
}

// What is known of attempts outlives a stop: numbers go on, and what was refused is not marked after it.
func TestAttemptsGoOnAfterAStop(t *testing.T) {
	dir := t.TempDir()
	o := options{dir: dir, quiet: time.Hour, route: route.Config{GroupWait: duration(0)}, retry: router.RetryConfig{Min: time.Hour, Max: time.Hour}}
	first := &fussy{answers: []error{&pipeline.DeliveryError{Err: errors.New("try later")}}}
	o.deliver = map[string]deliverFunc{"fussy": first.deliver}
	d, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.PublishAlerts(t.Context(), alertsOf(1)); err != nil {
		t.Fatal(err)
	}
	first.sawAll(t, 1)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	second := &fussy{}
	o.deliver["fussy"] = second.deliver
	start(t, o)
	if saw := second.sawAll(t, 1); !slices.Equal(saw, []string{"2 false"}) {
		t.Errorf("after the stop the channel saw %v, want a second attempt that is no repeat", saw)
	}
}
