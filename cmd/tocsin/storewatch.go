package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

const (
	// storeLook is the pause between two looks at the store: an alert comes that late at most.
	storeLook = time.Second
	// storeEvery is the least time between two alerts of a store that comes and goes.
	storeEvery = time.Minute
)

var storeRule = internalRule{
	name:     "Shared store away",
	desc:     "the store that routers share does not answer: this router counts alone, repeats may be told again and thresholds be reached later",
	descZH:   "共享存储不可用：本路由器独立计数，重复告警可能再次发送，阈值可能推迟达到",
	priority: pipeline.Warning,
	every:    storeEvery,
}

// storeWatch tells when the shared store went away, once for each time.
type storeWatch struct {
	host string
	read func() shared.Outage
	emit func(pipeline.Alert) error
}

func (w storeWatch) run(ctx context.Context) error {
	var told uint64
	var toldAt time.Time
	return every(ctx, storeLook, func(now time.Time) error {
		o := w.read()
		if o.N == told || !toldAt.IsZero() && now.Sub(toldAt) < storeEvery {
			return nil
		}
		if err := w.emit(storeAlert(w.host, o, o.N-told, now)); err != nil {
			return fmt.Errorf("tell of the store: %w", err)
		}
		told, toldAt = o.N, now
		return nil
	})
}

// storeAlert is about the latest outage; times is how many there were since the alert before.
func storeAlert(host string, o shared.Outage, times uint64, now time.Time) pipeline.Alert {
	state, until := "away", now
	if !o.Ended.IsZero() {
		state, until = "back", o.Ended
	}
	lasted := until.Sub(o.Begun).Round(time.Millisecond)
	output := fmt.Sprintf("the shared store went away: %s (%s after %s", o.Reason, state, lasted)
	if times > 1 {
		output += fmt.Sprintf("; %d times", times)
	}
	return storeRule.alert(host, output+")", pipeline.Fields{
		"store.reason": o.Reason, "store.state": state, "store.seconds": lasted.Seconds(), "store.outages": times,
	})
}
