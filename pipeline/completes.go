package pipeline

// What an alert's Enrichment says of its container's metadata, unless that was there.
const (
	Partial = "partial" // it did not come in time
	Late    = "late"    // it came after the alert was made; with it, the rule's condition does not hold
)

// Completes marks an alert that is the one of the same ID again, with what was not known when that went on
// its way (Enrichment "partial"). It replaces it wherever it still waits, and is dropped where it was told.
type Completes struct {
	// Labels are those of the partial alert: by them it was routed, and is found.
	Labels map[string]string `json:"labels"`
}

// Key names an alert among all that travel: what completes another has its ID, but is not the same message.
func (a *Alert) Key() string {
	if a.Completes != nil {
		return a.ID + "/completes"
	}
	return a.ID
}
