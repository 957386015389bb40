package field

// timingFields tell how far apart events are. A latency is always 0: a call is one event, at its end.
func timingFields() []Def {
	since := func(v *View) int64 { return v.Ev.Since }
	gap := func(v *View) int64 { return v.Ev.Gap }
	none := func(*View) int64 { return 0 }
	var defs []Def
	for _, f := range []struct {
		name, doc string
		get       func(*View) int64
	}{
		{"evt.reltime", "time since the first event", since},
		{"evt.deltatime", "time since the event before", gap},
		{"evt.latency", "always 0: a call is seen once, when it has happened", none},
	} {
		defs = append(defs,
			number(f.name, Duration, f.doc+", ns", func(v *View) (int64, bool) { return f.get(v), true }),
			number(f.name+".s", Duration, f.doc+", whole seconds", func(v *View) (int64, bool) { return f.get(v) / 1e9, true }),
			number(f.name+".ns", Duration, f.doc+", ns past the whole second", func(v *View) (int64, bool) { return f.get(v) % 1e9, true }))
	}
	return defs
}
