// Package match asks every rule about every event and turns each rule that holds into an Alert. It is
// the last stage of the hot half: an event on which nothing fires costs no allocation.
//
// Payload does the same for structured events, those that were posted, in the durable half.
//
// It does not group, count or repeat-filter: an alert leaves here once per event and rule. Exceptions
// that a whitelist grants are asked for only when a rule is about to fire, and are counted.
package match
