package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Signing is how requests are signed, so that the other side knows whose they are.
type Signing struct {
	Scheme      string            `yaml:"scheme"`       // standard (Standard Webhooks, default) or hmac
	Secrets     []pipeline.Secret `yaml:"secrets"`      // several while one takes the place of another; each signs
	SecretFiles []string          `yaml:"secret_files"` // each holds one

	// Of scheme hmac, whose HMAC-SHA256 has many shapes. The defaults are GitHub's.
	Header          string `yaml:"header"`           // default X-Hub-Signature-256
	Prefix          string `yaml:"prefix"`           // before the signature; default sha256=
	Encoding        string `yaml:"encoding"`         // hex (default) or base64
	Signed          string `yaml:"signed"`           // what is signed; {id}, {timestamp} and {body} stand for those; default {body}
	TimestampHeader string `yaml:"timestamp_header"` // one more header with the time in seconds; default none
}

func (s Signing) isSet() bool { return len(s.Secrets)+len(s.SecretFiles) > 0 }

// Validate checks the keys.
func (s Signing) Validate() error {
	of := s.Header + s.Prefix + s.Encoding + s.Signed + s.TimestampHeader
	switch {
	case !s.isSet() && s.Scheme+of != "":
		return errors.New("signing: there is no secret: set secrets or secret_files")
	case s.Scheme != "" && s.Scheme != "standard" && s.Scheme != "hmac":
		return fmt.Errorf("signing.scheme %q: use standard or hmac", s.Scheme)
	case s.Scheme != "hmac" && of != "":
		return errors.New("signing: header, prefix, encoding, signed and timestamp_header are of scheme hmac")
	case s.Encoding != "" && s.Encoding != "hex" && s.Encoding != "base64":
		return fmt.Errorf("signing.encoding %q: use hex or base64", s.Encoding)
	case s.Signed != "" && !strings.Contains(s.Signed, "{body}"):
		return errors.New("signing.signed: {body} has to be in it: else anybody could change the body")
	}
	for _, name := range []string{s.Header, s.TimestampHeader} {
		if name != "" && !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("signing: %q is no name of a header", name)
		}
	}
	return nil
}

// signer signs requests.
type signer struct {
	cfg  Signing
	keys [][]byte
}

// newSigner reads the secrets, which are never to be shown.
func newSigner(cfg Signing) (*signer, []string, error) {
	if !cfg.isSet() {
		return nil, nil, nil
	}
	all := append([]pipeline.Secret{}, cfg.Secrets...)
	for i, file := range cfg.SecretFiles {
		secret, err := notifiers.ReadSecret(fmt.Sprintf("signing.secret_files[%d]", i), "", file)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, secret)
	}
	s := &signer{cfg: cfg}
	var hidden []string
	for i, secret := range all {
		key := []byte(secret)
		if encoded, ok := strings.CutPrefix(string(secret), "whsec_"); ok {
			decoded, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return nil, nil, fmt.Errorf("signing: secret %d begins with whsec_, and what follows is no base64", i+1)
			}
			key = decoded
		}
		if len(key) == 0 {
			return nil, nil, fmt.Errorf("signing: secret %d is empty", i+1)
		}
		s.keys, hidden = append(s.keys, key), append(hidden, string(secret))
	}
	or := func(s *string, other string) {
		if *s == "" {
			*s = other
		}
	}
	if s.cfg.Header == "" && s.cfg.Prefix == "" { // GitHub's, both or neither
		s.cfg.Prefix = "sha256="
	}
	or(&s.cfg.Header, "X-Hub-Signature-256")
	or(&s.cfg.Signed, "{body}")
	return s, hidden, nil
}

// sign adds the signatures of a request.
func (s *signer) sign(h http.Header, id string, now time.Time, body []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	if s.cfg.Scheme != "hmac" { // standard-webhooks 1.0.0, "signature scheme"
		var signatures []string
		for _, key := range s.keys {
			signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(sum(key, id+"."+timestamp+".", body)))
		}
		h.Set("Webhook-Signature", strings.Join(signatures, " "))
		return
	}
	before, after, _ := strings.Cut(s.cfg.Signed, "{body}")
	fill := strings.NewReplacer("{id}", id, "{timestamp}", timestamp)
	signed := append([]byte(fill.Replace(before)), body...)
	signed = append(signed, fill.Replace(after)...)
	h.Del(s.cfg.Header)
	for _, key := range s.keys {
		signature := sum(key, "", signed)
		text := hex.EncodeToString(signature)
		if s.cfg.Encoding == "base64" {
			text = base64.StdEncoding.EncodeToString(signature)
		}
		h.Add(s.cfg.Header, s.cfg.Prefix+text)
	}
	if s.cfg.TimestampHeader != "" {
		h.Set(s.cfg.TimestampHeader, timestamp)
	}
}

func sum(key []byte, before string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(before))
	mac.Write(body)
	return mac.Sum(nil)
}
