// Package pipeline is tocsin's vocabulary: the values that flow from the kernel to a person on call
// (Sample, Event, Alert, Notification, Message), the small interfaces that move them, and the
// outcomes a step can have. It imports nothing of ours and knows no kernel, rule, bus or channel.
//
// Lifetime: an Event and every string in it may alias the Sample it was decoded from and are valid
// only until the next one is decoded; Alerts, Notifications and Messages own their memory.
package pipeline
