package pipeline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Bounds of what an alert that somebody sent may ask of a window: a mistake, or malice, must cost a store
// no more than a rule can.
const (
	maxWindowSpan  = time.Duration(math.MaxInt64 / 4) // some 73 years: sums of them stay in range
	maxWindowText  = 1 << 16                          // bytes of a key or a value
	maxWindowParts = 1024                             // of an output
	maxWindowCount = 1 << 53                          // every engine holds it exactly
)

// Validate reports what a window could not be asked, or an alert not be made of.
func (u *Unjudged) Validate() error {
	o := &u.Observation
	switch {
	case o.Window == nil:
		return errors.New("unjudged: the observation has no window")
	case o.Key == "" || o.ID == "":
		return errors.New("unjudged: the observation's key and id are required")
	case o.At.Year() < 1970 || !o.Arrived.IsZero() && o.Arrived.Year() < 1970:
		return errors.New("unjudged: the observation was before 1970")
	case max(len(o.Key), len(o.ID), len(o.Distinct), len(o.Changed), len(o.New)) > maxWindowText:
		return fmt.Errorf("unjudged: a text of the observation is over %d bytes", maxWindowText)
	case len(u.Steps) > MaxSteps || len(u.Output) > maxWindowParts:
		return fmt.Errorf("unjudged: more than %d steps or %d parts of an output", MaxSteps, maxWindowParts)
	}
	for _, p := range u.Output {
		if p.Width < 0 || p.Width > MaxWidth || p.Sight != "" && !isSightField(p.Sight) {
			return fmt.Errorf("unjudged: the output asks for %q with a width of %d", p.Sight, p.Width)
		}
	}
	return o.Window.Validate()
}

func isSightField(name string) bool {
	return slices.ContainsFunc(SightFields(), func(f SightField) bool { return f.Name == name })
}

// Validate reports numbers that no rule's window has.
func (w *Window) Validate() error {
	for _, d := range []time.Duration{w.Within, w.RateSpan, w.RateFor, w.Changed, w.New, w.Cooldown} {
		if d < 0 || d > maxWindowSpan {
			return fmt.Errorf("window: a time of %v is out of range", d)
		}
	}
	switch {
	case w.Count == 0 && w.Distinct == 0 && w.RateSpan == 0 && w.Changed == 0 && w.New == 0 && w.Steps == 0:
		return errors.New("window: it asks for nothing")
	case !(w.Rate >= 0) || math.IsInf(w.Rate, 0) || (w.Rate > 0) != (w.RateSpan > 0):
		return fmt.Errorf("window: a rate of %v over %v cannot be", w.Rate, w.RateSpan)
	case max(w.Count, w.Distinct) > maxWindowCount || w.Rate > maxWindowCount:
		return fmt.Errorf("window: a threshold is over %d", uint64(maxWindowCount))
	case w.Within == 0 && (w.Count > 0 || w.Distinct > 0 || w.Steps != 0):
		return errors.New("window: count, distinct and steps need within")
	case w.Steps < 0 || w.Steps == 1 || w.Steps > MaxSteps:
		return fmt.Errorf("window: a sequence has 2 to %d steps, not %d", MaxSteps, w.Steps)
	}
	return nil
}
