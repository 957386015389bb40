package notifiers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// OAuth2 is Alertmanager's oauth2: tokens for client credentials (RFC 6749, section 4.4).
type OAuth2 struct {
	ClientID         string            `yaml:"client_id"`
	ClientSecret     pipeline.Secret   `yaml:"client_secret"`
	ClientSecretFile string            `yaml:"client_secret_file"`
	TokenURL         string            `yaml:"token_url"`
	Scopes           []string          `yaml:"scopes"`
	EndpointParams   map[string]string `yaml:"endpoint_params"` // more of what is posted
	TLSConfig        TLSConfig         `yaml:"tls_config"`      // of the token's address
	Proxy            `yaml:",inline"`
}

// Validate checks the keys.
func (o *OAuth2) Validate() error {
	switch {
	case o.ClientID == "":
		return errors.New("http_config.oauth2: client_id is missing")
	case o.ClientSecret == "" && o.ClientSecretFile == "":
		return errors.New("http_config.oauth2: client_secret is missing")
	case o.ClientSecret != "" && o.ClientSecretFile != "":
		return errors.New("http_config.oauth2: client_secret excludes client_secret_file")
	}
	if _, err := ParseURL(pipeline.Secret(o.TokenURL)); err != nil {
		return fmt.Errorf("http_config.oauth2.token_%w", err)
	}
	if err := o.TLSConfig.Validate(); err != nil {
		return fmt.Errorf("http_config.oauth2: %w", err)
	}
	return o.Proxy.Validate()
}

// renewBefore is how long before its end a token is not used any more.
const renewBefore = 10 * time.Second

// Tokens gets and keeps a token. It is safe for concurrent use.
type Tokens struct {
	cfg    *OAuth2
	secret string
	http   *http.Client
	redact *Redactor

	mu    sync.Mutex // held by who fetches, for all others
	token string
	ends  time.Time // zero: nobody said
}

// Tokens makes what gets them, and lists what is never to be shown.
func (o *OAuth2) Tokens() (t *Tokens, secrets []string, err error) {
	secret, err := ReadSecret("http_config.oauth2.client_secret", o.ClientSecret, o.ClientSecretFile)
	if err != nil {
		return nil, nil, err
	}
	tls, err := o.TLSConfig.Load()
	if err != nil {
		return nil, nil, err
	}
	through, connect, secrets := o.Proxy.choose()
	secrets = append(secrets, string(secret), basic(url.QueryEscape(o.ClientID), url.QueryEscape(string(secret))))
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: tls, Proxy: through, ProxyConnectHeader: connect, ForceAttemptHTTP2: true},
		Timeout:       totalTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Tokens{cfg: o, secret: string(secret), http: client, redact: NewRedactor(secrets...)}, secrets, nil
}

// Get returns a token, of which refused is not one: that is the one which the other side did not take.
func (t *Tokens) Get(ctx context.Context, refused string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && t.token != refused && (t.ends.IsZero() || time.Now().Before(t.ends)) {
		return t.token, nil
	}
	token, life, err := t.fetch(ctx)
	if err != nil {
		return "", t.redact.Error(fmt.Errorf("get a token of OAuth 2: %w", err))
	}
	t.token, t.ends = token, time.Time{}
	if life > 0 {
		t.ends = time.Now().Add(max(life-renewBefore, life/2))
	}
	return token, nil
}

func (t *Tokens) fetch(ctx context.Context) (token string, life time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(t.cfg.Scopes) > 0 {
		form.Set("scope", strings.Join(t.cfg.Scopes, " "))
	}
	for name, value := range t.cfg.EndpointParams {
		form.Set(name, value)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(t.cfg.ClientID), url.QueryEscape(t.secret)) // RFC 6749, section 2.3.1
	resp, err := t.http.Do(req)
	if err != nil {
		return "", 0, withoutURL(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", 0, fmt.Errorf("read the answer: %w", err)
	}
	var a struct {
		Token string `json:"access_token"`
		Life  int    `json:"expires_in"` // s
	}
	if resp.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("HTTP status %d: %s", resp.StatusCode, Excerpt(body))
	}
	if err := json.Unmarshal(body, &a); err != nil || a.Token == "" {
		return "", 0, errors.New("the answer holds no token") // and is not shown: it may hold one that is not read
	}
	return a.Token, time.Duration(a.Life) * time.Second, nil
}
