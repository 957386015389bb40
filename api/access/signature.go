package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of the Standard Webhooks specification, version 1.0.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// tolerance is how far a signed request's time may be from ours: clocks differ, and a request that somebody
// recorded is of no use for long.
const tolerance = 5 * time.Minute

// maxSigned bounds a signed body: it is held in memory before anybody knows who sent it.
const maxSigned = 1 << 20

// Whoever sends a signature, be it right or not, makes us read what follows. So many bodies are read at once, others
// wait for a place: those who only pretend to sign keep none of the others from their work.
const (
	mostReading = 64
	longestWait = time.Second
)

// Secret is a line of the webhook secrets file: NAME whsec_BASE64. A name may have several, of which any counts:
// the old and the new one while they are exchanged.
type Secret struct {
	Name string
	Key  []byte
}

// ParseSecrets reads a webhook secrets file. The error names the line, never what stands in it.
func ParseSecrets(file io.Reader) ([]Secret, error) {
	var all []Secret
	err := eachLine(file, func(_ int, line string) error {
		s, err := parseSecret(line)
		all = append(all, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func parseSecret(line string) (s Secret, err error) {
	const shortest, longest = 24, 64 // bytes, of the specification
	words := strings.Fields(line)
	if len(words) != 2 || !isName(words[0]) {
		return s, errors.New("write NAME whsec_SECRET")
	}
	text, ok := strings.CutPrefix(words[1], "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < shortest || len(key) > longest {
		return s, fmt.Errorf("the second word is no secret: write whsec_ and the base64 of %d to %d random bytes", shortest, longest)
	}
	return Secret{Name: words[0], Key: key}, nil
}

// Message is what a signed request is known by: its sender gives the same id to a message that it sends again.
type Message struct {
	ID string
	At time.Time
}

// ParseSignature reads the headers of a signed request and returns the message and the signatures of version 1,
// of which one has to be right.
func ParseSignature(h http.Header, now time.Time) (m Message, signatures [][]byte, err error) {
	m.ID = h.Get(headerID)
	if m.ID == "" || len(m.ID) > 256 || strings.ContainsFunc(m.ID, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }) {
		return m, nil, errors.New("webhook-id is missing, or is no id: up to 256 visible ASCII characters, no full stop")
	}
	seconds, err := strconv.ParseInt(h.Get(headerTimestamp), 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != h.Get(headerTimestamp) {
		return m, nil, errors.New("webhook-timestamp is no number of seconds since 1970")
	}
	m.At = time.Unix(seconds, 0)
	if m.At.Before(now.Add(-tolerance)) || m.At.After(now.Add(tolerance)) {
		return m, nil, fmt.Errorf("webhook-timestamp is more than %s from the time here: sign anew, and look at the clocks", tolerance)
	}
	for one := range strings.FieldsSeq(h.Get(headerSignature)) {
		text, ok := strings.CutPrefix(one, "v1,")
		if !ok {
			continue // of another version
		}
		if sum, err := base64.StdEncoding.DecodeString(text); err == nil {
			signatures = append(signatures, sum)
		}
	}
	const most = 16 // a sender that exchanges its secrets sends two
	if len(signatures) == 0 || len(signatures) > most {
		return m, nil, errors.New("webhook-signature has no signature of version 1: it is v1, a comma and the base64 of an HMAC-SHA256")
	}
	return m, signatures, nil
}

// signed returns the name of the secret that one of the signatures is made with.
func signed(secrets []Secret, m Message, body []byte, signatures [][]byte) (name string, ok bool) {
	for _, s := range secrets {
		sum := Sign(s.Key, m, body)
		for _, given := range signatures {
			if subtle.ConstantTimeCompare(sum, given) == 1 {
				name, ok = s.Name, true
			}
		}
	}
	return name, ok
}

// Sign is the signature of a message with that body.
func Sign(key []byte, m Message, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%d.", m.ID, m.At.Unix())
	h.Write(body)
	return h.Sum(nil)
}
