package pipeline

// Partial is the Enrichment of an alert whose container's metadata did not come in time.
const Partial = "partial"

// Completes marks an alert that is the one of the same ID again, with what was not known when that went on
// its way (Enrichment "partial"). It replaces it wherever it still waits, and is dropped where it was told.
type Completes struct {
	// Labels are those of the partial alert: by them it was routed, and is found.
	Labels map[string]string `json:"labels"`
}
