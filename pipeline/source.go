package pipeline

// Sources of structured events that have an address of their own, beside those of Scanners: each is posted to
// /api/v1/ and its name.
const (
	Tetragon    = "tetragon"    // what Tetragon exports
	CloudEvents = "cloudevents" // events in the envelope of that specification
)

// OwnSources lists the sources that are there without being named in the configuration, and that nothing else
// may be posted for.
func OwnSources() []string { return append(Scanners(), Tetragon, CloudEvents) }
