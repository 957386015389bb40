package filter

import "github.com/tocsin-security/tocsin/pipeline"

// UnseenEvents are the names of events that Falco knows and no event here has.
func UnseenEvents() []string { return append([]string{}, unseenEvents()...) }

// EventTypesNamed are the types that rules mean by a name, which may be an older one; none when there is
// no such event here.
func EventTypesNamed(name string) []pipeline.EventType {
	if other, ok := otherNames[name]; ok {
		name = other
	}
	return pipeline.EventTypesNamed(name)
}
