// Package oncall says who is on call: people, rotations with layers, and what stands in for them on some days. It is
// arithmetic over a configuration and a time that is given: it reads no clock, keeps no state and sends nothing.
//
// Shifts begin and end when a clock on a wall of the rotation's time zone shows it, so those over a change of clocks are
// an hour longer or shorter. Every question is decided by comparing moments, which makes one answer of that: whatever is
// on at a time is in the shift that is shown for it.
package oncall
