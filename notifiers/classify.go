package notifiers

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tocsin-security/tocsin/pipeline"
)

// ClassOf says what an HTTP status asks for; ok is true for 2xx.
func ClassOf(status int) (class pipeline.DeliveryClass, ok bool) {
	switch {
	case status >= 200 && status < 300:
		return 0, true
	case status >= 500, status == http.StatusTooManyRequests,
		status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return pipeline.Retry, false
	case status >= 300 && status < 400, // never followed: someone must correct the address
		status == http.StatusGone,
		status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusNotFound, status == http.StatusProxyAuthRequired:
		return pipeline.ChannelDown, false
	default:
		return pipeline.BadMessage, false
	}
}

// ClassOfBroken says what a failure without an answer asks for. It is tried again, except when the other
// side cannot prove who it is: that does not mend itself, and nothing may be sent there.
func ClassOfBroken(err error) pipeline.DeliveryClass {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || errors.Is(err, ErrNetwork) {
		return pipeline.ChannelDown
	}
	return pipeline.Retry
}

// NeverConnected reports that a failure without an answer came before anything could be sent.
func NeverConnected(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial" || ClassOfBroken(err) == pipeline.ChannelDown
}

// NotSent marks that a failure was before the message itself was sent: nobody has it.
func NotSent(err error) error {
	var failure *pipeline.DeliveryError
	if errors.As(err, &failure) {
		failure.Unknown = false
	}
	return err
}

// maxRetryAfter bounds what the other side may ask for: an alarm that waits longer is worth one more try.
const maxRetryAfter = time.Hour

// RetryAfter reads the header of that name: seconds or an HTTP date. 0 means that there is none.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(v, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// Code is the answer of a robot: WeCom's and DingTalk's have the same two fields.
type Code struct {
	Code    int
	Message string // for people: it may change at any time
}

// RobotCode reads a robot's answer. HTTP 200 is not success; only code 0 is, and a body that has no
// code (a proxy's page, an empty or a cut answer) is none.
func RobotCode(body []byte) (Code, error) {
	var a struct {
		ErrCode *int   `json:"errcode"`
		ErrMsg  string `json:"errmsg"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return Code{}, fmt.Errorf("the answer is not a robot's: %w: %s", err, Excerpt(body))
	}
	if a.ErrCode == nil {
		return Code{}, fmt.Errorf("the answer is not a robot's: no errcode: %s", Excerpt(body))
	}
	return Code{*a.ErrCode, Excerpt([]byte(a.ErrMsg))}, nil
}

// Excerpt is the start of an answer on one line, fit for an error and a log.
func Excerpt(body []byte) string {
	const most = 200
	s := strings.ToValidUTF8(string(body[:min(len(body), most)]), "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }), " ")
	if s == "" {
		return "(empty answer)"
	}
	if len(body) > most {
		s += " …"
	}
	return s
}
