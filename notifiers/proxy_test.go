package notifiers

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestProxy(t *testing.T) {
	for name, c := range map[string]struct {
		proxy Proxy
		to    string
		want  string
	}{
		"nobody by default":         {Proxy{}, "https://hooks.example.org/", ""},
		"a proxy":                   {Proxy{URL: "http://u:secret-word@proxy:3128"}, "https://hooks.example.org/", "http://u:secret-word@proxy:3128"},
		"for plain HTTP too":        {Proxy{URL: "http://proxy:3128"}, "http://hooks.example.org/", "http://proxy:3128"},
		"not for these":             {Proxy{URL: "http://proxy:3128", No: "other.org,.example.org"}, "http://hooks.example.org/", ""},
		"a proxy that speaks SOCKS": {Proxy{URL: "socks5://proxy:1080"}, "http://hooks.example.org/", "socks5://proxy:1080"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.proxy.Validate(); err != nil {
				t.Fatal(err)
			}
			through, _, secrets := c.proxy.choose()
			got := ""
			if through != nil {
				r := httptest.NewRequest(http.MethodPost, c.to, nil)
				if u, err := through(r); err != nil {
					t.Fatal(err)
				} else if u != nil {
					got = u.String()
				}
			}
			if got != c.want {
				t.Errorf("%s goes through %q, want %q", c.to, got, c.want)
			}
			if strings.Contains(c.want, "secret-word") != slices.Contains(secrets, "secret-word") {
				t.Errorf("secrets: %v", secrets)
			}
		})
	}
}

func TestRequestsGoThroughTheProxy(t *testing.T) {
	seen := make(chan *http.Request, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r }))
	defer proxy.Close()
	u, err := ParseURL("http://hooks.example.org/path")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	http2 := false
	cfg, header, err := HTTPConfig{
		Proxy: Proxy{URL: pipeline.Secret(proxy.URL)}, EnableHTTP2: &http2,
		Headers:       map[string]Header{"x-team": {Values: []string{"a"}, Secrets: []pipeline.Secret{"hush-hush"}, Files: []string{file}}},
		Authorization: &Authorization{Credentials: "abcdefgh"},
	}.Client()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient("r", u, cfg).Send(t.Context(), http.MethodPut, u, []byte("{}"), header); err != nil {
		t.Fatal(err)
	}
	r := <-seen
	if r.Method != "PUT" || r.RequestURI != "http://hooks.example.org/path" || r.Header.Get("Authorization") != "Bearer abcdefgh" {
		t.Errorf("the proxy saw %s %s with %v", r.Method, r.RequestURI, r.Header)
	}
	if got := r.Header["X-Team"]; !slices.Equal(got, []string{"a", "hush-hush", "from a file"}) {
		t.Errorf("X-Team: %q", got)
	}
	for _, secret := range []string{"hush-hush", "from a file", "abcdefgh"} {
		if !slices.Contains(cfg.Secrets, secret) {
			t.Errorf("%q is not among the secrets", secret)
		}
	}
}

func TestHTTP1(t *testing.T) {
	got := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Proto }))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	u, err := ParseURL(pipeline.Secret(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	for on, want := range map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"} {
		cfg, _, err := HTTPConfig{EnableHTTP2: &on, TLSConfig: TLSConfig{InsecureSkipVerify: true, MinVersion: "TLS13"}}.Client()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewClient("r", u, cfg).Post(t.Context(), u, nil, nil); err != nil {
			t.Fatal(err)
		}
		if proto := <-got; proto != want {
			t.Errorf("enable_http2 %v: %s, want %s", on, proto, want)
		}
	}
}

func TestHTTPConfigOverTheGlobalOne(t *testing.T) {
	global := HTTPConfig{Authorization: &Authorization{Credentials: "g"}, Proxy: Proxy{URL: "http://global:1"}}
	if got := (HTTPConfig{}).Over(global); got.Authorization == nil || got.Proxy.URL != "http://global:1" {
		t.Errorf("an empty one: %+v, want the global one", got)
	}
	own := HTTPConfig{TLSConfig: TLSConfig{ServerName: "x"}}
	if got := own.Over(global); got.Authorization != nil || got.Proxy.URL != "http://global:1" || got.TLSConfig.ServerName != "x" {
		t.Errorf("one with TLS: %+v, want its own, with the global proxy", got)
	}
	own.Proxy.No = "*"
	if got := own.Over(global); got.Proxy.URL != "" {
		t.Errorf("one that says no_proxy has the proxy %v", got.Proxy)
	}
}

func TestHTTPConfigMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  HTTPConfig
		want string
	}{
		"two proxies":                    {HTTPConfig{Proxy: Proxy{URL: "http://p", FromEnvironment: true}}, "proxy_url"},
		"exceptions of two places":       {HTTPConfig{Proxy: Proxy{No: "a", FromEnvironment: true}}, "no_proxy"},
		"headers of no proxy":            {HTTPConfig{Proxy: Proxy{ConnectHeader: map[string][]pipeline.Secret{"a": {"b"}}}}, "there is no proxy"},
		"a proxy that is none":           {HTTPConfig{Proxy: Proxy{URL: "ftp://p"}}, "socks5"},
		"a header of ours":               {HTTPConfig{Headers: map[string]Header{"content-type": {}}}, "Content-Type is set"},
		"a header with a line's end":     {HTTPConfig{Headers: map[string]Header{"a\r\nb": {}}}, "no name of a header"},
		"a header's name with a bracket": {HTTPConfig{Headers: map[string]Header{"a(b": {}}}, "no name of a header"},
		"a header's value of two lines":  {HTTPConfig{Headers: map[string]Header{"x-a": {Secrets: []pipeline.Secret{"hush\nhush"}}}}, "a value of X-A holds"},
		"an old TLS":                     {HTTPConfig{TLSConfig: TLSConfig{MinVersion: "TLS10"}}, "TLS10"},
		"a certificate without a key":    {HTTPConfig{TLSConfig: TLSConfig{Cert: "x"}}, "go together"},
		"a key twice":                    {HTTPConfig{TLSConfig: TLSConfig{CertFile: "x", Key: "x", KeyFile: "x"}}, "tls_config.key"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Validate = %v, want %q", err, c.want)
			}
		})
	}
}

func TestARobotHasTheGlobalProxyAlone(t *testing.T) {
	global := HTTPConfig{Authorization: &Authorization{Credentials: "g"}, Proxy: Proxy{URL: "http://global:1"}}
	if got := (HTTPConfig{}).Through(global); got.Authorization != nil || got.Proxy.URL != "http://global:1" {
		t.Errorf("an empty one: %+v, want the proxy alone", got)
	}
}

func TestAHeadersFileOfTwoLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("hush\nhush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := HTTPConfig{Headers: map[string]Header{"X-A": {Files: []string{file}}}}.Client()
	if err == nil || !strings.Contains(err.Error(), "more than one line") || strings.Contains(err.Error(), "hush") {
		t.Errorf("Client = %v, want an error that does not show the value", err)
	}
}
