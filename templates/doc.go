// Package templates holds the message texts that ship, and what it takes to run any template over a
// notification: Alertmanager's functions plus ours, its data model, values that cannot become markup,
// and cutting to a number of bytes.
//
// It knows no configuration of receivers (stages/render) and no channel's wire format (notifiers).
//
// Trap: values are made safe for one kind of channel before a template sees them (Escaper), so the
// same Data must not be used for two kinds.
package templates
