package access

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Wrong credentials: an address may be wrong so often at once, and so often a second from then on. Passwords are
// not even looked at above that. The rest (256 random bits) nobody finds by trying, and an address may be
// shared: who is right passes.
const (
	failuresAtOnce = 20
	failuresRate   = 1.0 / 3
	mostAddresses  = 10_000
)

// Guard tells who requests come from. It is safe for concurrent use.
type Guard struct {
	cfg      Config
	certs    bool // clients may show certificates
	log      *slog.Logger
	held     atomic.Pointer[credentials] // exchanged by a reload
	failures *Limiter
	reading  chan struct{} // a place for each signed body that is being read
	Taken    Taken         // signed messages
}

// credentials are what the files hold.
type credentials struct {
	tokens    []Token
	passwords *passwords
	secrets   []Secret
}

// New reads the files of cfg. certs says that clients may show certificates.
func New(cfg Config, certs bool, log *slog.Logger) (*Guard, error) {
	g := &Guard{cfg: cfg, certs: certs, log: log, failures: NewLimiter(failuresRate, failuresAtOnce, mostAddresses),
		reading: make(chan struct{}, mostReading)}
	use, err := g.Read()
	if err != nil {
		return nil, err
	}
	use()
	return g, nil
}

// Read reads the files again. Nothing changes until use is called.
func (g *Guard) Read() (use func(), err error) {
	var c credentials
	if c.tokens, err = readFile("tokens_file", g.cfg.TokensFile, ParseTokens); err != nil {
		return nil, err
	}
	users, err := readFile("users_file", g.cfg.UsersFile, ParseUsers)
	if err != nil {
		return nil, err
	}
	if c.passwords, err = newPasswords(users); err != nil {
		return nil, err
	}
	if c.secrets, err = readFile("webhook_secrets_file", g.cfg.WebhookSecretsFile, ParseSecrets); err != nil {
		return nil, err
	}
	return func() {
		g.held.Store(&c)
		for _, t := range c.tokens {
			if t.Plain != "" {
				g.log.Warn("a token stands in its file as it is, without a name, and may do everything: `tocsin token new` makes lines with name, scopes and hash",
					"file", g.cfg.TokensFile, "token", t.Name)
			}
		}
	}, nil
}

// ReadTokens reads a tokens file by its name; "" holds none.
func ReadTokens(name string) ([]Token, error) { return readFile("tokens_file", name, ParseTokens) }

func readFile[T any](key, name string, parse func(io.Reader) ([]T, error)) ([]T, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("http.auth.%s: %w", key, err)
	}
	defer file.Close() // only read
	all, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("http.auth.%s: %s: %w", key, name, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("http.auth.%s: %s holds nothing", key, name)
	}
	return all, nil
}

// Identify tells who sent r. The error is a *Refusal. The body of a signed request is read, and can be read again.
func (g *Guard) Identify(r *http.Request, now time.Time) (Caller, error) {
	address := ClientAddress(r)
	c, refusal := g.identify(r, address, now)
	if refusal == nil {
		return c, nil
	}
	if refusal.Reason != reasonNothing && refusal.Status != http.StatusTooManyRequests {
		if wait := g.failures.Take(address, now); wait > 0 {
			return Caller{}, tooOften(wait)
		}
	}
	return Caller{}, refusal
}

// Reasons of refusals, beside scope and those of the server.
const (
	reasonNothing   = "no_credentials"
	reasonToken     = "token"
	reasonExpired   = "token_expired"
	reasonPassword  = "password"
	reasonSignature = "signature"
	reasonTooOften  = "too_often"
	reasonBusy      = "busy"
)

func (g *Guard) identify(r *http.Request, address string, now time.Time) (Caller, *Refusal) {
	if !g.cfg.Named() && !g.certs {
		return Caller{Name: address, By: ByNothing, Scopes: All()}, nil
	}
	held := g.held.Load()
	scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer") && len(held.tokens) > 0:
		return g.byToken(held, strings.TrimSpace(credential), now)
	case strings.EqualFold(scheme, "Basic") && g.cfg.UsersFile != "":
		return g.byPassword(held, r, address, now)
	case len(held.secrets) > 0 && r.Header.Get(headerSignature) != "":
		return g.bySignature(held, r, address, now)
	case scheme != "" && g.cfg.Named():
		return Caller{}, g.unknown(reasonToken, fmt.Sprintf("Authorization: %s is not taken here", clip(scheme)))
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && (len(g.cfg.ClientCerts) > 0 || !g.cfg.Named()) {
		if c, ok := certified(g.cfg.ClientCerts, r.TLS.VerifiedChains[0][0]); ok {
			return c, nil
		}
	}
	return Caller{}, g.unknown(reasonNothing, "who are you?")
}

func (g *Guard) byToken(held *credentials, given string, now time.Time) (Caller, *Refusal) {
	t := find(held.tokens, given)
	if t == nil {
		return Caller{}, g.unknown(reasonToken, "the token is not one of http.auth.tokens_file")
	}
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Caller{}, g.unknown(reasonExpired, fmt.Sprintf("token %q expired on %s", t.Name, t.Expires.Format(time.RFC3339)))
	}
	return Caller{Name: t.Name, By: ByToken, Scopes: t.Scopes}, nil
}

func (g *Guard) byPassword(held *credentials, r *http.Request, address string, now time.Time) (Caller, *Refusal) {
	name, password, ok := r.BasicAuth()
	if !ok {
		return Caller{}, g.unknown(reasonPassword, "Authorization: Basic cannot be read")
	}
	user := held.passwords.remembered(name, password, now)
	if user == nil {
		if wait := g.failures.Wait(address, now); wait > 0 {
			return Caller{}, tooOften(wait)
		}
		user = held.passwords.check(r.Context(), name, password, now)
	}
	if user == nil {
		return Caller{}, g.unknown(reasonPassword, "user or password is wrong")
	}
	return Caller{Name: user.Name, By: ByPassword, Scopes: user.Scopes}, nil
}

func (g *Guard) bySignature(held *credentials, r *http.Request, address string, now time.Time) (Caller, *Refusal) {
	m, signatures, err := ParseSignature(r.Header, now)
	if err != nil {
		return Caller{}, g.unknown(reasonSignature, err.Error())
	}
	if wait := g.failures.Wait(address, now); wait > 0 {
		return Caller{}, tooOften(wait)
	}
	select {
	case g.reading <- struct{}{}:
		defer func() { <-g.reading }()
	case <-time.After(longestWait):
		return Caller{}, &Refusal{Status: http.StatusTooManyRequests, Reason: reasonBusy, RetryAfter: longestWait,
			Message: fmt.Sprintf("%d signed bodies are being read already", mostReading)}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSigned+1))
	if err != nil {
		return Caller{}, &Refusal{Status: http.StatusBadRequest, Reason: "body", Message: "the body could not be read: " + err.Error()}
	}
	if len(body) > maxSigned {
		return Caller{}, &Refusal{Status: http.StatusRequestEntityTooLarge, Reason: "too_large",
			Message: fmt.Sprintf("a signed body has at most %d bytes", maxSigned)}
	}
	name, ok := signed(held.secrets, m, body, signatures)
	if !ok {
		return Caller{}, g.unknown(reasonSignature, "no signature in webhook-signature is one of ID.TIMESTAMP.BODY with a secret of http.auth.webhook_secrets_file")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return Caller{Name: name, By: BySignature, Scopes: Scopes{Intake}, Message: m}, nil
}

// unknown says what would be taken.
func (g *Guard) unknown(reason, message string) *Refusal {
	r := &Refusal{Status: http.StatusUnauthorized, Reason: reason}
	var ways []string
	if g.cfg.TokensFile != "" {
		r.Challenges = append(r.Challenges, `Bearer realm="tocsin"`)
		ways = append(ways, "one of the tokens of http.auth.tokens_file as Authorization: Bearer")
	}
	if g.cfg.UsersFile != "" {
		r.Challenges = append(r.Challenges, `Basic realm="tocsin", charset="UTF-8"`)
		ways = append(ways, "a user of http.auth.users_file as Authorization: Basic")
	}
	if g.cfg.WebhookSecretsFile != "" {
		ways = append(ways, "a Standard Webhooks signature with a secret of http.auth.webhook_secrets_file")
	}
	if g.certs && (len(g.cfg.ClientCerts) > 0 || !g.cfg.Named()) {
		ways = append(ways, "a client certificate that http.auth.client_certs knows")
	}
	r.Message = message + ": send " + strings.Join(ways, ", or ")
	return r
}

func tooOften(wait time.Duration) *Refusal {
	return &Refusal{Status: http.StatusTooManyRequests, Reason: reasonTooOften, RetryAfter: wait,
		Message: "wrong credentials too often from this address: wait"}
}

// ClientAddress is the address a request came from, without the port; of IPv6 the /64, which is one customer.
func ClientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return prefix.String()
}

// clip keeps what a client sent short in an answer.
func clip(s string) string {
	const longest = 16
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}
