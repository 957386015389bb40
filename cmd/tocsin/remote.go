package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// remoteTimeout bounds one question to a tocsin that runs; maxRemoteAnswer its answer.
const (
	remoteTimeout   = 30 * time.Second
	maxRemoteAnswer = 256 << 20
)

// remote is a tocsin that runs, as a command's flags name it. Its zero value with flags added asks the one on this
// machine.
type remote struct {
	url       string
	tokenFile string
	caFile    string
	certFile  string
	keyFile   string
}

// addFlags gives cmd, and the commands below it, the flags that say whom to ask.
func (r *remote) addFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&r.url, "url", "", "the tocsin to ask, http(s)://host:port (default: $TOCSIN_URL, or http://127.0.0.1:8686)")
	f.StringVar(&r.tokenFile, "token-file", "", "file with the bearer token to send (default: the token in $TOCSIN_TOKEN, or none)")
	f.StringVar(&r.caFile, "ca-file", "", "certificates to trust beside those of this machine")
	f.StringVar(&r.certFile, "cert-file", "", "client certificate to show")
	f.StringVar(&r.keyFile, "key-file", "", "key of --cert-file")
}

// remoteError is an answer that is none of 2xx.
type remoteError struct {
	status int    // HTTP status
	reason string // what the answer said
}

func (e *remoteError) Error() string { return e.reason }

// call asks for path ("/api/v1/alerts") with a body (nil: none) and reads the answer into into (nil: it does not
// matter). An answer that is no success is a *remoteError.
func (r *remote) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	base, who, err := r.whom()
	if err != nil {
		return err
	}
	client, err := r.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	req, err := newRemoteRequest(ctx, method, base+path, query, body)
	if err != nil {
		return err
	}
	if who != "" {
		req.Header.Set("Authorization", who)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask tocsin: %w; is it running there? --url or TOCSIN_URL names another one", err)
	}
	defer resp.Body.Close() // only read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxRemoteAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer of %s: %w", base, err)
	case resp.StatusCode/100 != 2:
		return &remoteError{resp.StatusCode, refusal(base, resp, answer)}
	case len(answer) > maxRemoteAnswer:
		return fmt.Errorf("%s answered with more than %d bytes: ask for less", base, maxRemoteAnswer)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s answered with something that is not from tocsin: %w", base, err)
	}
	return nil
}

func newRemoteRequest(ctx context.Context, method, target string, query url.Values, body any) (*http.Request, error) {
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	if body == nil {
		return http.NewRequestWithContext(ctx, method, target, nil)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(text))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}

// refusal is what an answer says that is no success: ours is {"error": …}, that of Alertmanager's API a string.
func refusal(base string, resp *http.Response, answer []byte) string {
	var ours struct {
		Error string `json:"error"`
	}
	said := strings.TrimSpace(string(answer[:min(len(answer), 500)]))
	if json.Unmarshal(answer, &ours) == nil && ours.Error != "" {
		said = ours.Error
	} else {
		_ = json.Unmarshal(answer, &said) // if it is no string it stays as it is
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return fmt.Sprintf("%s wants to know who asks (%s): --token-file or TOCSIN_TOKEN has the token, NAME:PASSWORD@ in front of the host a user", base, clean(said))
	}
	return clean(fmt.Sprintf("%s: %s", resp.Status, said))
}

// whom is the address to ask, without any secret, and the header that says who asks: a token, or a user's name and
// password where the address has those; "" nobody.
func (r *remote) whom() (base, who string, err error) {
	address := cmp.Or(r.url, os.Getenv("TOCSIN_URL"), "http://127.0.0.1:8686")
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", errors.New("--url: the address of a tocsin is http://host:port or https://host:port")
	}
	token, user := u.User.Username(), u.User
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	base = strings.TrimSuffix(u.String(), "/")
	switch {
	case r.tokenFile != "":
		if token, err = firstToken(r.tokenFile); err != nil {
			return "", "", err
		}
	case token == "":
		token = strings.TrimSpace(os.Getenv("TOCSIN_TOKEN"))
	default:
		if password, ok := user.Password(); ok {
			return base, "Basic " + base64.StdEncoding.EncodeToString([]byte(token+":"+password)), nil
		}
	}
	if token == "" {
		return base, "", nil
	}
	return base, "Bearer " + token, nil
}

// firstToken is the first line of a file that is neither blank nor a comment.
func firstToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line, nil
		}
	}
	return "", fmt.Errorf("--token-file: %s holds no token", file)
}

func (r *remote) client() (*http.Client, error) {
	if (r.certFile == "") != (r.keyFile == "") {
		return nil, errors.New("--cert-file and --key-file go together")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if r.caFile != "" {
		text, err := os.ReadFile(r.caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read the certificates of this machine: %w", err)
		}
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca-file: %s holds no certificate", r.caFile)
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	if r.certFile != "" {
		cert, err := tls.LoadX509KeyPair(r.certFile, r.keyFile)
		if err != nil {
			return nil, fmt.Errorf("--cert-file: %w", err)
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{cert}
	}
	return &http.Client{Timeout: remoteTimeout, Transport: transport}, nil
}
