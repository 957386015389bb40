// Package link signs the links in messages by which somebody acknowledges or silences an alert without logging in:
// whoever has the link may do that one thing, with that one alert, until it expires. It knows nothing of alerts and
// of pages; those who answer requests ask it what a token is for.
package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Purposes of a link. A token is for one of them.
const (
	Ack     = "ack"
	Silence = "silence"
)

// A token is, in base64url without padding: version, purpose, fingerprint, the second it expires (from 1970 on, until
// 2106), and the first 16 bytes of the HMAC-SHA256 of those before. Chats show the address, so it is kept short.
const (
	version  = 1
	bodySize = 1 + 1 + 8 + 4
	macSize  = 16
)

var numbers = map[string]byte{Ack: 1, Silence: 2}

// refusal is why a token is not taken.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// HTTPStatus is the status of the answer.
func (r *refusal) HTTPStatus() int { return r.status }

// Why a token is not taken.
var (
	ErrForged   error = &refusal{http.StatusForbidden, "this link is not one of ours, or was changed on its way"}
	ErrExpired  error = &refusal{http.StatusGone, "this link has expired: use one of a later message"}
	ErrNoSecret error = &refusal{http.StatusServiceUnavailable, "links cannot be checked yet: the store with their secret does not answer"}
)

// Signer makes and checks tokens. Until it has a secret it makes none. It is safe for concurrent use.
type Signer struct{ secrets atomic.Pointer[[][]byte] }

// SetSecrets exchanges the secrets: the first is for new tokens, tokens made with any of them are taken.
func (s *Signer) SetSecrets(secrets ...[]byte) { s.secrets.Store(&secrets) }

func (s *Signer) known() [][]byte {
	if all := s.secrets.Load(); all != nil {
		return *all
	}
	return nil
}

// Token is for one purpose and alert; "" without a secret.
func (s *Signer) Token(purpose string, of pipeline.Fingerprint, until time.Time) string {
	secrets := s.known()
	if len(secrets) == 0 {
		return ""
	}
	token := make([]byte, 0, bodySize+macSize)
	token = append(token, version, numbers[purpose])
	token = binary.BigEndian.AppendUint64(token, uint64(of))
	token = binary.BigEndian.AppendUint32(token, uint32(until.Unix()))
	token = append(token, mac(secrets[0], token)...)
	return base64.RawURLEncoding.EncodeToString(token)
}

// Read says which alert a token is about, and until when. The error is one of those above.
func (s *Signer) Read(purpose, token string, now time.Time) (of pipeline.Fingerprint, until time.Time, err error) {
	secrets := s.known()
	if len(secrets) == 0 {
		return 0, until, ErrNoSecret
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != bodySize+macSize {
		return 0, until, ErrForged
	}
	body, sum := raw[:bodySize], raw[bodySize:]
	made := func(secret []byte) bool { return hmac.Equal(sum, mac(secret, body)) }
	if !slices.ContainsFunc(secrets, made) || body[0] != version || body[1] != numbers[purpose] {
		return 0, until, ErrForged
	}
	until = time.Unix(int64(binary.BigEndian.Uint32(body[10:])), 0).UTC()
	if !now.Before(until) {
		return 0, until, ErrExpired
	}
	return pipeline.Fingerprint(binary.BigEndian.Uint64(body[2:])), until, nil
}

func mac(secret, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("tocsin link "))
	h.Write(body)
	return h.Sum(nil)[:macSize]
}
