package pipeline

// SightField is something that a window shows in outputs.
type SightField struct {
	Name    string
	Type    string // as tocsin fields says it
	Meaning string
	Clause  string // that fills it; "": every window does
}

// SightFields are all of them, by name.
func SightFields() []SightField {
	return []SightField{
		{"window.count", "uint64", "occurrences in the window, this one included", ""},
		{"window.distinct", "uint64", "different values in the window", "distinct"},
		{"window.first", "string", "when the first of the occurrences in the window was, in UTC", ""},
		{"window.last", "string", "when the last of them was", ""},
		{"window.previous", "string", "the value before the change", "changed"},
		{"window.rate", "double", "occurrences a second", "rate"},
		{"window.steps", "string", "the steps of the sequence with their times, in UTC", "sequence"},
		{"window.values", "string", "the latest of the different values, at most 10, the latest last", "distinct"},
	}
}
