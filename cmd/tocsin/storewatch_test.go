package main

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

func TestStoreIsToldOncePerSpell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		var now atomic.Pointer[shared.Outage] // synctest orders no writes before what a timer wakes
		now.Store(&shared.Outage{})
		var told []string
		w := storeWatch{
			host: "n1",
			read: func() shared.Outage { return *now.Load() },
			emit: func(a pipeline.Alert) error { told = append(told, a.Output); return nil },
		}
		done := make(chan error)
		go func() { done <- w.run(ctx) }()
		then := func(d time.Duration, o shared.Outage) {
			time.Sleep(d)
			synctest.Wait()
			now.Store(&o)
		}
		begun := time.Now().Add(1500 * time.Millisecond)
		then(1500*time.Millisecond, shared.Outage{N: 1, Begun: begun, Reason: "it is full"})
		then(5*time.Minute, shared.Outage{N: 1, Begun: begun, Ended: time.Now(), Reason: "it is full"})
		begun = time.Now()
		then(time.Minute, shared.Outage{N: 2, Begun: begun, Ended: begun.Add(250 * time.Millisecond), Reason: "it hangs"})
		then(5*time.Second, shared.Outage{N: 5, Begun: begun, Ended: begun.Add(time.Second), Reason: "it hangs"})
		then(2*time.Minute, *now.Load())
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{
			"the shared store went away: it is full (away after 500ms)",
			"the shared store went away: it hangs (back after 250ms)",
			"the shared store went away: it hangs (back after 1s; 3 times)",
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}
