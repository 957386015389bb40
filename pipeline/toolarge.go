package pipeline

import "fmt"

// TooLarge is the error of an alert or an event that does not fit on the bus: trying again would end the same.
type TooLarge struct {
	Index int // its place among those that were published together, from 0; none of them is stored
	Size  int // bytes
	Most  int // that fit
	Err   error
}

func (t *TooLarge) Error() string {
	return fmt.Sprintf("%v: %d bytes, at most %d fit", t.Err, t.Size, t.Most)
}

func (t *TooLarge) Unwrap() error { return t.Err }
