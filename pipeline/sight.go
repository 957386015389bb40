package pipeline

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Show finishes an alert whose window fired: output, fields and annotations say what the window has in
// view. It changes the alert's maps. degraded says that a local window stood in for the store's.
func (a *Alert) Show(s Sight, degraded bool) {
	u := a.Unjudged
	w := u.Observation.Window
	if w == nil { // from elsewhere, and never asked
		w = &Window{}
	}
	s = s.own()
	shown := map[string]any{}
	for _, f := range SightFields() {
		if value := s.value(f.Name, w, u.Steps); value != nil {
			shown[f.Name] = value
		}
	}
	a.Output = output(u.Output, shown)
	a.annotate("output", a.Output)
	if a.OutputFields == nil {
		a.OutputFields = Fields{}
	}
	for _, p := range u.Output {
		if p.Sight != "" {
			a.OutputFields[p.Sight] = nil // named by the output: there, even when it has no value
		}
	}
	for name, value := range shown {
		a.OutputFields[name] = value
		a.annotate(LabelName(name), sightText(value))
	}
	a.Window, a.Unjudged, a.Degraded = &s, nil, degraded
}

// annotate sets an annotation that the rule does not set itself.
func (a *Alert) annotate(name, text string) {
	if a.Annotations == nil {
		a.Annotations = map[string]string{}
	}
	if _, set := a.Annotations[name]; !set && text != "" {
		a.Annotations[name] = text
	}
}

// own is s with memory of its own, and with text that JSON gives back as it is.
func (s Sight) own() Sight {
	s.Values, s.Steps = slices.Clone(s.Values), slices.Clone(s.Steps)
	for i, v := range s.Values {
		s.Values[i] = ownText(v)
	}
	s.Previous = ownText(s.Previous)
	return s
}

func ownText(s string) string { return strings.ToValidUTF8(strings.Clone(s), "\uFFFD") }

// value is what a window shows under a name: text or a number; nil when the window has no such thing.
func (s *Sight) value(name string, w *Window, steps []string) any {
	switch {
	case name == "window.count":
		return int64(min(s.Count, math.MaxInt64))
	case name == "window.distinct" && w.Distinct > 0:
		return int64(min(s.Distinct, math.MaxInt64))
	case name == "window.rate" && w.RateSpan > 0:
		return roundRate(s.Rate)
	case name == "window.values" && len(s.Values) > 0:
		return strings.Join(s.Values, ", ")
	case name == "window.first" && !s.First.IsZero():
		return s.First.UTC().Format(time.RFC3339)
	case name == "window.last" && !s.Last.IsZero():
		return s.Last.UTC().Format(time.RFC3339)
	case name == "window.previous" && s.Previous != "":
		return s.Previous
	case name == "window.steps" && len(s.Steps) > 0:
		return stepsText(steps, s.Steps)
	default:
		return nil
	}
}

// roundRate keeps four digits, and every one before the point.
func roundRate(rate float64) float64 {
	switch {
	case !(rate > 0):
		return 0
	case rate >= 1000:
		return math.Round(rate)
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(rate)))
	return math.Round(rate*scale) / scale
}

// stepsText is "shell 10:02:03, download 10:02:09".
func stepsText(names []string, times []time.Time) string {
	texts := make([]string, len(times))
	for i, at := range times {
		name := "step " + strconv.Itoa(i+1)
		if i < len(names) {
			name = names[i]
		}
		texts[i] = name + at.UTC().Format(" 15:04:05")
	}
	return strings.Join(texts, ", ")
}

func sightText(value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	default:
		return "<NA>"
	}
}

// output puts the parts together.
func output(parts []OutputPart, shown map[string]any) string {
	var b []byte
	for _, p := range parts {
		b = append(b, p.Text...)
		if p.Sight == "" {
			continue
		}
		start := len(b)
		b = append(b, sightText(shown[p.Sight])...)
		if p.Width > 0 {
			b = Fit(b, start, min(p.Width, MaxWidth))
		}
	}
	return string(b)
}

// Fit pads or cuts what dst has from start on to width characters.
func Fit(dst []byte, start, width int) []byte {
	n, i := 0, start
	for ; i < len(dst) && n < width; n++ {
		_, size := utf8.DecodeRune(dst[i:])
		i += size
	}
	dst = dst[:i]
	for ; n < width; n++ {
		dst = append(dst, ' ')
	}
	return dst
}
