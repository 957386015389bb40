// Package decode turns raw Samples into Events and keeps the process table they refer to.
//
// A Decoder belongs to one goroutine: the one that reads the sensor or a capture. The Event it fills
// aliases the Sample and the Decoder's own buffers, so it is valid until the next Decode; a Process is
// valid for the event it came with. decode knows no rule, no user name and no container runtime: it
// leaves User, Group, Login and Container empty whenever what they follow from changes, and enrich
// fills them in.
package decode
