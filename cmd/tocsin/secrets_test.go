package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// planted are the secrets of the channels: what must not be found anywhere outside of their requests.
var planted = map[string]string{
	"wecom key": "11aa22bb-plant-wecom-0001", "wechat secret": "Plant+wechat/secret0002", "wechat token": "planttokenofwechat0003",
	"dingtalk token": "plantdingtalktoken0004", "dingtalk secret": "SECplant+dingtalk/0005", "feishu token": "plant-feishu-hook-0006",
	"feishu secret": "plant+feishu/secret0007", "slack token": "plantslackservices0008", "webhook key": "plant+webhook/key0009",
	"webhook password": "plantwebhookpassword0010", "webhook header": "plantwebhookheader0011", "email password": "plant+mail/password0012",
	"oauth2 secret": "plant+oauth2/secret0013", "oauth2 token": "plantoauth2token0014", "signed secret": "whsec_cGxhbnQtc2lnbmluZy1zZWNyZXQtMDAxNS1sb25n",
	"hmac secret": "plant+hmac/secret0016", "bearer token": "plantbearertoken0017", "proxy password": "plantproxypassword0018", "email secret": "plant+mail/secret0019",
}

// secretChannels are entries of every kind that has a secret, by kind and what is special, for a server at a base and a robot of
// its own, as one has a quota. A kind that is added has one here.
var secretChannels = map[string]func(base, own string) string{
	"wecom": func(b, own string) string {
		return fmt.Sprintf("[{url: %q}]", b+"/wecom?key="+escapedSecret("wecom key")+own)
	},
	"dingtalk": func(b, own string) string {
		return fmt.Sprintf("[{url: %q, secret: %q}]", b+"/dingtalk?access_token="+escapedSecret("dingtalk token")+own, planted["dingtalk secret"])
	},
	"feishu": func(b, own string) string {
		return fmt.Sprintf("[{url: %q, secret: %q}]", b+"/feishu/hook/"+planted["feishu token"]+own, planted["feishu secret"])
	},
	"slack": func(b, own string) string {
		return fmt.Sprintf("[{api_url: %q}]", b+"/slack/T0/"+planted["slack token"]+own)
	},
	"wechat": func(b, own string) string {
		return fmt.Sprintf("[{api_url: %q, api_secret: %q, corp_id: %q, agent_id: 7, to_user: x}]", b+"/wechat/", planted["wechat secret"], own)
	},
	"webhook": func(b, own string) string {
		return fmt.Sprintf("[{url: %q, http_config: {basic_auth: {username: u, password: %q}, http_headers: {X-Key: {secrets: [%q]}}}}]",
			b+"/webhook?key="+escapedSecret("webhook key"), planted["webhook password"], planted["webhook header"])
	},
	"webhook oauth2": func(b, _ string) string {
		return fmt.Sprintf("[{url: %q, http_config: {oauth2: {client_id: c, client_secret: %q, token_url: %q}}}]", b+"/oauth2/hook", planted["oauth2 secret"], b+"/oauth2/token")
	},
	"webhook signed": func(b, _ string) string {
		return fmt.Sprintf("[{url: %q, signing: {secrets: [%q]}}]", b+"/signed", planted["signed secret"])
	},
	"webhook hmac": func(b, _ string) string {
		return fmt.Sprintf("[{url: %q, signing: {scheme: hmac, secrets: [%q]}}]", b+"/hmac", planted["hmac secret"])
	},
	"webhook bearer": func(b, _ string) string {
		return fmt.Sprintf("[{url: %q, http_config: {authorization: {credentials: %q}}}]", b+"/bearer", planted["bearer token"])
	},
	"webhook proxy": func(b, _ string) string {
		u, _ := url.Parse(b) // a test server's
		return fmt.Sprintf("[{url: %q, http_config: {proxy_url: %q}}]", "http://hook.test"+u.Path+"/proxy", u.Scheme+"://u:"+planted["proxy password"]+"@"+u.Host)
	},
}

// ofRobots are the secrets that have the name of the receiver behind them, since a robot has one quota for all.
var ofRobots = []string{"wecom key", "dingtalk token", "feishu token", "slack token"}

func escapedSecret(name string) string { return url.QueryEscape(planted[name]) }

// refusingSMTP is a mail server that refuses at a step, and repeats what it was told; "" hangs up there.
func refusingSMTP(t *testing.T, cert tls.Certificate, step, answer, secret string) (address string, asked func() bool) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	var reached atomic.Bool
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed below
			}
			conns.Go(func() {
				defer c.Close() // the other side sees it end
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				fmt.Fprint(c, "220 localhost\r\n")
				for lines := bufio.NewScanner(c); lines.Scan(); {
					command, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " ")
					switch {
					case command == step:
						reached.Store(true)
						if answer == "" {
							return
						}
						fmt.Fprintf(c, "%s no: %s %s\r\n", answer, lines.Text(), secret)
					case command == "EHLO":
						fmt.Fprint(c, "250-localhost\r\n250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2\r\n")
					case command == "AUTH":
						fmt.Fprint(c, "235 ok\r\n")
					case command == "DATA":
						fmt.Fprint(c, "354 go on\r\n")
					default:
						fmt.Fprint(c, "250 ok\r\n")
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // ends Accept
		conns.Wait()
	})
	return l.Addr().String(), reached.Load
}

// echo is what a proxy or a careless service may say: all that it was asked, and what it knows of the channel.
func echo(r *http.Request) string {
	body, _ := io.ReadAll(r.Body) // a sender that hangs up shows as a short body
	said := ""
	for name, secret := range planted {
		if kind, _, _ := strings.Cut(name, " "); strings.Contains(r.URL.Path, "/"+kind) && name != "wechat token" && name != "oauth2 token" {
			if slices.Contains(ofRobots, name) {
				secret += "-" + strings.Split(r.URL.Path, "/")[1]
			}
			said += secret + " " + url.QueryEscape(secret) + " "
		}
	}
	return said + fmt.Sprintf("%s %v %s", r.URL, r.Header, body)
}

// secretAnswers are what the other side does, by the first segment of the address.
func secretAnswers(ended <-chan struct{}) map[string]http.HandlerFunc {
	all := map[string]http.HandlerFunc{
		"hang-up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"silence": func(http.ResponseWriter, *http.Request) { <-ended },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/taken"+r.URL.RequestURI())
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"errcode":0`)
		},
	}
	for _, status := range []int{200, 301, 400, 401, 403, 404, 407, 408, 410, 413, 422, 429, 500, 502, 503, 504} {
		all[fmt.Sprint("status-", status)] = func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, echo(r))
		}
	}
	for _, code := range []int{-1, 9499, 11232, 19001, 19021, 19022, 40001, 40014, 45009, 60020, 81013, 90030, 93000, 130101, 300005, 310000, 430101, 460101, 40058, 777} {
		all[fmt.Sprint("code-", code)] = func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"errcode": code, "code": code, "errmsg": "no: " + echo(r), "msg": "no: " + echo(r)})
		}
	}
	for name, of := range map[string]string{"late-wechat": "code-40001", "late-down": "status-500"} { // a token, and then no
		all[name] = func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/gettoken") {
				_ = json.NewEncoder(w).Encode(map[string]any{"errcode": 0, "access_token": planted["wechat token"], "expires_in": 7200})
				return
			}
			if strings.HasSuffix(r.URL.Path, "/oauth2/token") {
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(map[string]any{"access_token": planted["oauth2 token"], "token_type": "Bearer", "expires_in": 3600})
				return
			}
			all[of](w, r)
		}
	}
	return all
}

// Whatever a channel answers, its secrets are in no error, log, metric, answer of the API or file: not as they are, nor as
// they look in addresses, JSON or headers.
func TestNoSecretComesOut(t *testing.T) {
	ended := make(chan struct{})
	answers := secretAnswers(ended)
	var mu sync.Mutex
	asked := map[string]bool{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		kind, _, _ := strings.Cut(rest, "/")
		mu.Lock()
		asked[name+" "+kind] = true
		mu.Unlock()
		answers[name](w, r)
	})
	server, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of handshakes that fail, as they should
	secure.StartTLS()
	closed := httptest.NewServer(handler)
	closed.Close()
	t.Cleanup(server.Close)
	t.Cleanup(secure.Close)
	t.Cleanup(func() { close(ended) })

	bases := map[string]string{"not-there": closed.URL + "/x", "not-trusted": secure.URL + "/x"}
	for name := range answers {
		bases[name] = server.URL + "/" + name
	}
	var receivers strings.Builder
	var routes []string
	for name, base := range bases {
		for what, entry := range secretChannels {
			kind, special, _ := strings.Cut(what, " ")
			receiver := name + "-" + kind + special
			routes = append(routes, fmt.Sprintf("{receiver: %s, continue: true}", receiver))
			fmt.Fprintf(&receivers, "  - name: %s\n    %s_configs: %s\n", receiver, kind, entry(base, "-"+name))
		}
	}
	mail := map[string]func() bool{}
	secrets := map[string]string{"": fmt.Sprintf("auth_password: %q", planted["email password"]),
		"cram":    fmt.Sprintf("auth_secret: %q, auth_mechanism: cram-md5", planted["email secret"]),
		"xoauth2": fmt.Sprintf("auth_mechanism: xoauth2, auth_oauth2: {client_id: c, client_secret: %q, token_url: %q}", planted["oauth2 secret"], server.URL+"/late-down/oauth2/token")}
	for _, c := range [][3]string{{"AUTH", "535 5.7.8", "cram"}, {"AUTH", "454", "cram"}, {"AUTH", "535 5.7.8", "xoauth2"}, {"AUTH", "454", "xoauth2"}, {"EHLO", "421"}, {"AUTH", "535 5.7.8"}, {"AUTH", "454"}, {"AUTH", ""}, {"MAIL", "550"}, {"RCPT", "450"}, {"RCPT", "550"}, {"DATA", "552"}, {"DATA", ""}} {
		address, reached := refusingSMTP(t, secure.TLS.Certificates[0], c[0], c[1], planted[map[string]string{"": "email password", "cram": "email secret", "xoauth2": "oauth2 token"}[c[2]]])
		name := strings.ToLower("mail-" + c[2] + c[0] + "-" + strings.Fields(c[1] + " hangup")[0])
		mail[name] = reached
		routes = append(routes, fmt.Sprintf("{receiver: %s, continue: true}", name))
		fmt.Fprintf(&receivers, "  - name: %s\n    email_configs: [{to: a@example.org, from: b@example.org, smarthost: %q, force_implicit_tls: true, tls_config: {insecure_skip_verify: true}, auth_username: u, %s}]\n",
			name, address, secrets[c[2]])
	}
	out := runWithSecrets(t, strings.Join(routes, ", "), receivers.String(), func(log string) (missing []string) {
		mu.Lock()
		defer mu.Unlock()
		for what := range secretChannels {
			words := strings.Fields(what)
			kind := words[len(words)-1]
			for name := range answers {
				if !asked[name+" "+kind] {
					missing = append(missing, name+" "+kind)
				}
			}
		}
		for name, reached := range mail {
			if !reached() {
				missing = append(missing, name)
			}
		}
		for _, unreached := range []string{"not-there", "not-trusted"} {
			for what := range secretChannels {
				receiver := unreached + "-" + strings.ReplaceAll(what, " ", "")
				if !strings.Contains(log, `deliver to receiver \"`+receiver+`\"`) {
					missing = append(missing, receiver)
				}
			}
		}
		return missing
	})
	for where, text := range out {
		for name, form := range secretForms() {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s shows the %s: …%q…", where, name, text[max(0, i-200):min(len(text), i+len(form)+20)])
			}
		}
	}
}

// secretForms are the planted secrets in every form that they have in requests.
func secretForms() map[string]string {
	forms := map[string]string{}
	for name, secret := range planted {
		inJSON, _ := json.Marshal(secret) // a string has a form
		forms[name] = secret
		forms[name+" in an address"] = url.QueryEscape(secret)
		forms[name+" in a path"] = url.PathEscape(secret)
		forms[name+" in JSON"] = strings.Trim(string(inJSON), `"`)
		forms[name+" in base64"] = base64.StdEncoding.EncodeToString([]byte(secret))
	}
	forms["email password in a login"] = base64.StdEncoding.EncodeToString([]byte("\x00u\x00" + planted["email password"]))
	forms["oauth2 token in a login"] = base64.StdEncoding.EncodeToString([]byte("user=u\x01auth=Bearer " + planted["oauth2 token"] + "\x01\x01"))
	forms["proxy password in a header"] = base64.StdEncoding.EncodeToString([]byte("u:" + planted["proxy password"]))
	forms["oauth2 secret in a header"] = base64.StdEncoding.EncodeToString([]byte("c:" + url.QueryEscape(planted["oauth2 secret"])))
	forms["webhook password in a header"] = base64.StdEncoding.EncodeToString([]byte("u:" + planted["webhook password"]))
	return forms
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// runWithSecrets runs a router with these receivers, posts an alert, waits until done, and returns all that comes out of
// it: its log at debug, what it prints, its metrics, the answers of its API, and its files.
func runWithSecrets(t *testing.T, routes, receivers string, missing func(log string) []string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`data_dir: %s
sensor: {enabled: false}
http: {listen: "127.0.0.1:0"}
route: {receiver: none, group_wait: 0s, group_interval: 1s, routes: [%s]}
receivers:
  - name: none
%s`, filepath.Join(dir, "data"), routes, receivers)
	file := filepath.Join(dir, "tocsin.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var log, printed syncBuffer
	ctx, cancel := context.WithCancel(t.Context())
	a, err := newApp(ctx, roleRouter, options{config: file, output: "json"}, &printed, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; close(ended) })
	base := "http://" + a.server.Addr()
	await(t, "the router is ready", func() (missing []string) {
		if err := a.ready(); err != nil {
			missing = append(missing, err.Error())
		}
		return missing
	})
	resp, err := http.Post(base+"/api/v1/falco", "application/json",
		strings.NewReader(fmt.Sprintf(`{"rule":"R","priority":"Critical","time":%q,"output":"o","output_fields":{"proc.name":"cat"}}`, time.Now().UTC().Format(time.RFC3339))))
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("the alert was not taken: %v, %v", resp, err)
	}
	_ = resp.Body.Close() // only its status counts
	await(t, "every channel was asked", func() []string { return missing(log.String()) })

	out := map[string]string{}
	get := func(path string) string {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() // only read
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s = %s, %v", path, resp.Status, err)
		}
		out["GET "+path] = string(text)
		return string(text)
	}
	for _, path := range []string{"/metrics", "/api/v2/status", "/api/v2/receivers", "/api/v2/alerts/groups", "/api/v1/history"} {
		get(path)
	}
	var alerts []listedAlert
	if err := json.Unmarshal([]byte(get("/api/v1/alerts")), &alerts); err != nil || len(alerts) != 1 {
		t.Fatalf("%d alerts, %v, want the one", len(alerts), err)
	}
	if text := get("/api/v1/alerts/" + alerts[0].Fingerprint.String() + "/explain"); !strings.Contains(text, "took no message") {
		t.Errorf("nothing is told of deliveries: %s", text)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	ended <- nil
	out["the log"], out["stdout"] = log.String(), printed.String()
	files := 0
	err = filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		out[path], files = string(text), files+1
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
	return out
}

func await(t *testing.T, what string, missing func() []string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(missing()) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s; missing: %q", what, missing())
		}
	}
}
