package access

import "time"

// Refusal is the error that turns a request away.
type Refusal struct {
	Status     int           // 401, 403, 413 or 429
	Reason     string        // a word for metrics and logs
	Message    string        // for the caller
	RetryAfter time.Duration // 0: trying again is no use
	Challenges []string      // of WWW-Authenticate
}

func (r *Refusal) Error() string { return r.Message }
