package silence

import (
	"fmt"
	"net/http"
)

// refusal is an error that says what it is in HTTP's words, so that whoever answers requests need not know it.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// HTTPStatus is the status of the answer.
func (r *refusal) HTTPStatus() int { return r.status }

// ErrNotFound means that there is no such silence or acknowledgement.
var ErrNotFound error = &refusal{http.StatusNotFound, "not found"}

// Invalid is a silence or acknowledgement that cannot be taken as it is.
type Invalid struct{ Reason string }

func (i *Invalid) Error() string { return i.Reason }

// HTTPStatus is the status of the answer.
func (*Invalid) HTTPStatus() int { return http.StatusBadRequest }

func invalid(format string, args ...any) error { return &Invalid{fmt.Sprintf(format, args...)} }

// Away is a store that does not answer: nothing was changed, as far as is known.
type Away struct{ Err error }

func (a *Away) Error() string { return "the store does not answer, try again: " + a.Err.Error() }

func (a *Away) Unwrap() error { return a.Err }

// HTTPStatus is the status of the answer.
func (*Away) HTTPStatus() int { return http.StatusServiceUnavailable }
