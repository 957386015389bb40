// Package notifiers holds what the senders under it share: posting JSON over HTTP with deadlines and
// without leaking a secret, classifying answers, naming a channel, reading secrets.
//
// A sender delivers one Message over one channel and says what became of it: nil when the channel
// confirmed, else a *pipeline.DeliveryError. It does not retry, queue, or keep a quota; the router does.
//
// Trap: a robot's address is its password. Nothing here may print a URL.
package notifiers
