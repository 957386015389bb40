package main

import (
	"context"
	"fmt"
	"log/slog"
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

func lossRule(cfg sensor.LossAlertConfig) internalRule {
	return internalRule{
		name:     "Events lost",
		desc:     "the sensor lost events, or shortened many: what they would have told is missing",
		descZH:   "探针丢失或截断了内核事件，期间可能有漏报",
		priority: pipeline.Warning,
		every:    time.Duration(cfg.Every),
	}
}

// alert says what was lost.
func (l losses) alert(rule internalRule, host string) pipeline.Alert {
	var text strings.Builder
	fields := pipeline.Fields{}
	for cause, n := range l {
		if n > 0 {
			fmt.Fprintf(&text, " %s=%d", pipeline.Loss(cause), n)
			fields["loss."+pipeline.Loss(cause).String()] = n
		}
	}
	return rule.alert(host, "events lost or shortened:"+text.String(), fields)
}

// lossWatch tells when enough was lost.
type lossWatch struct {
	cfg  sensor.LossAlertConfig
	host string
	read func() (losses, error)
	emit func(pipeline.Alert) error
	log  *slog.Logger
}

// run looks until ctx ends, and then once more: whoever loses events has stopped by then.
func (w lossWatch) run(ctx context.Context) error {
	alarm := lossAlarm{cfg: w.cfg}
	if err := every(ctx, lossLook, func(now time.Time) error { return w.look(&alarm, now) }); err != nil {
		return err
	}
	return w.look(&alarm, time.Now())
}

func (w lossWatch) look(alarm *lossAlarm, now time.Time) error {
	counts, err := w.read()
	if err != nil {
		w.log.Warn("the loss counters could not be read", "err", err)
		return nil
	}
	since, ok := alarm.due(now, counts)
	if !ok {
		return nil
	}
	if err := w.emit(since.alert(lossRule(w.cfg), w.host)); err != nil {
		return fmt.Errorf("tell of lost events: %w", err)
	}
	return nil
}
