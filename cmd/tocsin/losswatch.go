package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor"
)

const (
	// lossLook is the pause between two looks at the loss counters: an alert comes that late at most.
	lossLook = time.Second
	// lossyFor is how long after a loss alerts are flagged: what belongs to an alert, a process that started
	// or a connection that was made, is mostly that near.
	lossyFor = 10 * time.Second
)

// losses are counts by cause since the start.
type losses [pipeline.NumLosses]uint64

// losses reads the counters of the kernel side and of the hot half.
func (h *hot) losses() (losses, error) {
	var all losses
	kernel, err := h.sensor.Losses()
	copy(all[:], kernel[:])
	all[pipeline.LossDecode] = h.failed.Load()
	all[pipeline.LossProcessTableFull] = h.decoder.TableFull()
	return all, err
}

// lossy reports whether the kernel lost an event in lossyFor before an event of that time, ns since the
// epoch, or between then and now.
func (h *hot) lossy(at int64) bool { return isLossy(at, h.sensor.LastLoss(), h.offset) }

// isLossy asks about the last loss alone, which is enough: an earlier one cannot be nearer to now. last is
// on CLOCK_BOOTTIME, 0 for none. However long ago the event was: it may have waited in the ring behind a
// reader that was held up, and what came after it was lost all that time.
func isLossy(at int64, last uint64, offset int64) bool {
	return last != 0 && int64(last)+offset >= at-int64(lossyFor)
}

// lossAlarm decides when losses are told.
type lossAlarm struct {
	cfg    sensor.LossAlertConfig
	told   losses    // the counts when it was last told
	toldAt time.Time // zero: never
}

// due returns what was lost since it was last told, when that is to be told now.
func (a *lossAlarm) due(now time.Time, counts losses) (since losses, ok bool) {
	if a.cfg.Every == 0 || !a.toldAt.IsZero() && now.Sub(a.toldAt) < time.Duration(a.cfg.Every) {
		return since, false
	}
	var whole, shortened uint64
	for cause := range counts {
		since[cause] = counts[cause] - a.told[cause]
		if pipeline.Loss(cause).Whole() {
			whole += since[cause]
		} else {
			shortened += since[cause]
		}
	}
	over := func(n, threshold uint64) bool { return threshold > 0 && n >= threshold }
	if !over(whole, a.cfg.Events) && !over(shortened, a.cfg.Shortened) {
		return since, false
	}
	a.told, a.toldAt = counts, now
	return since, true
}

// alert says what was lost.
func (l losses) alert(host string) pipeline.Alert {
	var text strings.Builder
	fields := pipeline.Fields{}
	for cause, n := range l {
		if n > 0 {
			fmt.Fprintf(&text, " %s=%d", pipeline.Loss(cause), n)
			fields["loss."+pipeline.Loss(cause).String()] = n
		}
	}
	return newInternalAlert(host, "Events lost", pipeline.Warning, "events lost or shortened:"+text.String(), fields)
}

// watchLosses emits an alert whenever enough was lost, until ctx ends.
func (h *hot) watchLosses(ctx context.Context, cfg sensor.LossAlertConfig, host string, emit func(pipeline.Alert) error) error {
	alarm := lossAlarm{cfg: cfg}
	tick := time.NewTicker(lossLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			counts, err := h.losses()
			if err != nil {
				h.log.Warn("the loss counters could not be read", "err", err)
				continue
			}
			if since, ok := alarm.due(now, counts); ok {
				if err := emit(since.alert(host)); err != nil {
					return fmt.Errorf("tell of lost events: %w", err)
				}
			}
		}
	}
}
