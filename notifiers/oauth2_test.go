package notifiers

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// login gives out tokens for a client, and takes requests with the latest.
type login struct {
	given   int
	taken   []string
	refused int
	broken  int // status of the token's address instead
}

func (l *login) token() string { return fmt.Sprintf("planted-token-%d", l.given) }

func (l *login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		id, secret, _ := r.BasicAuth()
		if l.broken != 0 || id != "tocsin" || secret != "planted%2Fsecret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "a b" || r.FormValue("audience") != "soar" {
			http.Error(w, "invalid_client planted/secret", max(l.broken, 401))
			return
		}
		l.given++
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, l.token())
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+l.token() {
		l.refused++
		http.Error(w, "who is "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		return
	}
	l.taken = append(l.taken, r.Header.Get("Authorization"))
}

func TestOAuth2(t *testing.T) {
	l := &login{}
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	cfg, header, err := HTTPConfig{OAuth2: &OAuth2{
		ClientID: "tocsin", ClientSecret: "planted/secret", TokenURL: s.URL + "/token", Scopes: []string{"a", "b"}, EndpointParams: map[string]string{"audience": "soar"},
	}}.Client()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL + "/hook")
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient("soar", u, cfg)
	post := func() error {
		_, err := c.Post(t.Context(), u, []byte("{}"), header)
		return err
	}
	for range 3 {
		if err := post(); err != nil {
			t.Fatalf("Post = %v", err)
		}
	}
	if l.given != 1 || len(l.taken) != 3 {
		t.Errorf("%d tokens for %d requests, want one for 3", l.given, len(l.taken))
	}
	l.given++ // the one we have ends early: one more is asked for
	if err := post(); err != nil || l.given != 3 || l.refused != 1 {
		t.Errorf("with a token that ended: %v, %d tokens, %d refusals", err, l.given, l.refused)
	}
	l.given++
	l.broken = http.StatusBadGateway
	err = post()
	var failure *pipeline.DeliveryError
	if !errors.As(err, &failure) || failure.Class != pipeline.Retry || strings.Contains(err.Error(), "planted") {
		t.Errorf("without a token: %v, want a retry that shows no secret", err)
	}
}

func TestOAuth2Validate(t *testing.T) {
	for want, c := range map[string]HTTPConfig{
		"client_id is missing":     {OAuth2: &OAuth2{}},
		"client_secret is missing": {OAuth2: &OAuth2{ClientID: "a"}},
		"token_url":                {OAuth2: &OAuth2{ClientID: "a", ClientSecret: "b", TokenURL: "login"}},
		"oauth2 excludes":          {OAuth2: &OAuth2{ClientID: "a", ClientSecret: "b", TokenURL: "http://a"}, BasicAuth: &BasicAuth{}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
}

func TestNetworks(t *testing.T) {
	no := false
	for address, c := range map[string]struct {
		n    Networks
		want string // in the error; "": it is allowed
	}{
		"169.254.169.254":    {Networks{}, "metadata"},
		"::ffff:169.254.0.1": {Networks{}, "metadata"},
		"fe80::1":            {Networks{}, "metadata"},
		"fd00:ec2::254":      {Networks{}, "metadata"},
		"100.100.100.200":    {Networks{}, "metadata"},
		"0.0.0.0":            {Networks{}, "nobody"},
		"224.0.0.1":          {Networks{}, "nobody"},
		"10.1.2.3":           {Networks{}, ""},
		"127.0.0.1":          {Networks{}, ""},
		"203.0.113.9":        {Networks{Private: &no}, ""},
		"10.1.2.4":           {Networks{Private: &no}, "private"},
		"127.0.0.2":          {Networks{Private: &no}, "private"},
		"100.64.0.1":         {Networks{Private: &no}, "private"},
		"fd12::1":            {Networks{Private: &no}, "private"},
		"10.9.0.1":           {Networks{Private: &no, Allow: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}, ""},
		"169.254.170.2":      {Networks{Allow: []netip.Prefix{netip.MustParsePrefix("169.254.170.2/32")}}, ""},
		"::ffff:10.1.2.5":    {Networks{Private: &no}, "private"},
		"2001:db8::1":        {Networks{Private: &no}, ""},
	} {
		err := c.n.check(netip.MustParseAddr(address))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", address, err, c.want)
		}
	}
}

// The address is asked for when the connection is made: a name that leads inside does not help.
func TestNetworksAtDial(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	u, err := url.Parse(strings.Replace(s.URL, "127.0.0.1", "localhost", 1))
	if err != nil {
		t.Fatal(err)
	}
	no := false
	_, err = NewClient("soar", u, ClientConfig{Networks: Networks{Private: &no}}).Post(t.Context(), u, nil, nil)
	var failure *pipeline.DeliveryError
	if !errors.As(err, &failure) || failure.Class != pipeline.ChannelDown || failure.Unknown || !errors.Is(err, ErrNetwork) {
		t.Errorf("Post = %v, want that the channel is down and nothing was sent", err)
	}
}
