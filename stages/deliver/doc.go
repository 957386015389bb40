// Package deliver decides when a notification goes to its channel, and with which others.
//
// A robot in a chat takes so many messages a minute, and blocks who sends more. So each integration has a Queue, and all
// that use one robot share its quota (pipeline.Quotas). As long as there is room, a notification goes at once and alone.
// When what was sent and what waits is more than half of the quota, those of one rule go together; when it is more than
// four fifths, all but urgent ones are summed up in one digest. A part of the quota is kept for urgent ones. A robot that
// says that it had too many is left alone for as long as it asks, and what gathers meanwhile goes as a digest.
//
// Nothing waits here that is not on the bus: a notification is acknowledged there when its message, or the digest that
// counts it, was taken by the channel, or when it went to a fallback.
//
// It knows no channel and no receiver: what sends, and what a robot takes, is given.
package deliver
