package access

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/crypto/bcrypt"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// file writes lines into a file of its own.
func file(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func guard(t *testing.T, cfg Config, certs bool) *Guard {
	t.Helper()
	g, err := New(cfg, certs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newToken(t *testing.T, name string, expires time.Time, scopes ...Scope) (token, line string) {
	t.Helper()
	token, line, err := NewToken(name, scopes, expires)
	if err != nil {
		t.Fatal(err)
	}
	return token, line
}

func userLine(t *testing.T, name, password string, scopes string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return name + ":" + string(hash) + ":" + scopes
}

func post(body string) *http.Request {
	r := httptest.NewRequest("POST", "/api/v1/events", strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:4711"
	return r
}

func refusal(t *testing.T, err error) *Refusal {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("the error is %v, want a *Refusal", err)
	}
	return r
}

func TestTokensOfAGuard(t *testing.T) {
	ci, ciLine := newToken(t, "ci", time.Time{}, Intake)
	old, oldLine := newToken(t, "old", noon, Admin)
	g := guard(t, Config{TokensFile: file(t, ciLine, oldLine)}, false)
	with := func(header string) (Caller, error) {
		r := post("")
		r.Header.Set("Authorization", header)
		return g.Identify(r, noon)
	}
	c, err := with("bearer " + ci)
	if err != nil || c.Name != "ci" || c.By != ByToken {
		t.Fatalf("the token gives %+v, %v; want ci", c, err)
	}
	if err := c.Require(Intake); err != nil {
		t.Errorf("ci may not post: %v", err)
	}
	if r := refusal(t, c.Require(Read)); r.Status != 403 || !strings.Contains(r.Message, "the scope read") || !strings.Contains(r.Message, `"ci" has intake`) {
		t.Errorf("reading is refused with %+v, want 403 that says what is missing and what there is", r)
	}
	for header, reason := range map[string]string{"": reasonNothing, "Bearer x": reasonToken, "Bearer " + old: reasonExpired, "Basic eDp5": reasonToken} {
		_, err := with(header)
		if r := refusal(t, err); r.Status != 401 || r.Reason != reason || len(r.Challenges) != 1 {
			t.Errorf("%q is refused with %+v, want 401 for %s with a challenge", header, r, reason)
		}
	}
	if r := refusal(t, Caller{Name: "x", By: ByCertificate}.Require(Intake)); !strings.Contains(r.Message, "has none") {
		t.Errorf("a caller without scopes is told %q", r.Message)
	}
}

func TestWithoutCredentialsEverybodyMayDoEverything(t *testing.T) {
	c, err := guard(t, Config{}, false).Identify(post(""), noon)
	if err != nil || c.By != ByNothing || c.Name != "192.0.2.7" || c.Require(Admin) != nil {
		t.Errorf("Identify = %+v, %v; want an anonymous caller that may do everything", c, err)
	}
}

func TestPasswords(t *testing.T) {
	g := guard(t, Config{UsersFile: file(t, userLine(t, "anna", "right: horse", "read,write"), userLine(t, "ann", "x", "admin"))}, false)
	with := func(name, password string, now time.Time) (Caller, error) {
		r := post("")
		r.SetBasicAuth(name, password)
		return g.Identify(r, now)
	}
	c, err := with("anna", "right: horse", noon)
	if err != nil || c.Name != "anna" || c.By != ByPassword || c.Require(Write) != nil || c.Require(Intake) == nil {
		t.Fatalf("Identify = %+v, %v; want anna, who may read and write", c, err)
	}
	for name, password := range map[string]string{"anna": "wrong", "berta": "right: horse", "": ""} {
		_, err := with(name, password, noon)
		if r := refusal(t, err); r.Status != 401 || r.Reason != reasonPassword {
			t.Errorf("%s with %q is refused with %+v, want 401", name, password, r)
		}
	}
	// It is not hashed again for a while: that shows when the hashing is out of reach.
	held := g.held.Load().passwords
	for range cap(held.slots) {
		held.slots <- struct{}{}
	}
	if _, err := with("anna", "right: horse", noon.Add(verifiedFor-time.Second)); err != nil {
		t.Errorf("a password that was right a short time ago is refused: %v", err)
	}
	for range cap(held.slots) {
		<-held.slots
	}
	if held.remembered("anna", "right: horse", noon.Add(verifiedFor)) != nil {
		t.Error("a password is remembered for longer than it should")
	}
	if held.remembered("ann", "aright: horse", noon) != nil {
		t.Error("another name and password are taken for those that were right")
	}
}

func TestWrongCredentialsTooOften(t *testing.T) {
	token, line := newToken(t, "ci", time.Time{}, Intake)
	g := guard(t, Config{TokensFile: file(t, line), UsersFile: file(t, userLine(t, "anna", "pw", "read"))}, false)
	guess := func(address string) *Refusal {
		r := post("")
		r.RemoteAddr = address
		r.SetBasicAuth("anna", "guess")
		_, err := g.Identify(r, noon)
		return refusal(t, err)
	}
	for i := range failuresAtOnce {
		if r := guess("192.0.2.7:1"); r.Status != 401 {
			t.Fatalf("guess %d is answered with %+v, want 401", i+1, r)
		}
	}
	if r := guess("192.0.2.7:2"); r.Status != 429 || r.Reason != reasonTooOften || r.RetryAfter != 3*time.Second {
		t.Errorf("one too many, from another port, is answered with %+v, want 429 for 3 s", r)
	}
	right := post("")
	right.RemoteAddr = "192.0.2.7:3"
	right.SetBasicAuth("anna", "pw")
	if _, err := g.Identify(right, noon); refusal(t, err).Status != 429 {
		t.Error("a guess that is right is told apart while the address has to wait")
	}
	if _, err := g.Identify(right, noon.Add(4*time.Second)); err != nil {
		t.Errorf("after the wait the right password is refused: %v", err)
	}
	if r := guess("192.0.2.8:1"); r.Status != 401 {
		t.Errorf("another address is answered with %+v, want 401", r)
	}
	r := post("")
	r.Header.Set("Authorization", "Bearer "+token)
	if _, err := g.Identify(r, noon); err != nil {
		t.Errorf("a token that is right is refused, because others behind that address were wrong: %v", err)
	}
}

func TestClientAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7", "[::ffff:192.0.2.7]:1": "192.0.2.7", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64", "@": "@",
	} {
		if got := ClientAddress(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("ClientAddress(%s) = %s, want %s", remote, got, want)
		}
	}
}

func TestCertificates(t *testing.T) {
	spiffe, err := url.Parse("spiffe://mesh/sensor/7")
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: "sensor-7"}, DNSNames: []string{"s7.example.org"}, URIs: []*url.URL{spiffe}}
	with := func(cfg Config, cert *x509.Certificate) (Caller, error) {
		r := post("")
		r.TLS = &tls.ConnectionState{}
		if cert != nil {
			r.TLS.VerifiedChains = [][]*x509.Certificate{{cert}}
		}
		return guard(t, cfg, true).Identify(r, noon)
	}
	for name, c := range map[string]struct {
		entries []Certificate
		caller  string // "": refused
	}{
		"by its common name":          {[]Certificate{{"sensor-*", Scopes{Intake}}}, "sensor-7"},
		"by a DNS name":               {[]Certificate{{"*.example.org", Scopes{Intake}}}, "s7.example.org"},
		"by a URI":                    {[]Certificate{{"spiffe://mesh/*", Scopes{Intake}}}, "spiffe://mesh/sensor/7"},
		"by the second entry":         {[]Certificate{{"x", Scopes{Admin}}, {"sensor-7", Scopes{Intake}}}, "sensor-7"},
		"by none":                     {[]Certificate{{"sensor", Scopes{Intake}}}, ""},
		"by what it only begins with": {[]Certificate{{"sensor-", Scopes{Intake}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := with(Config{ClientCerts: c.entries}, cert)
			if c.caller == "" {
				if r := refusal(t, err); r.Status != 401 {
					t.Errorf("it is refused with %+v, want 401", r)
				}
			} else if err != nil || got.Name != c.caller || got.By != ByCertificate || got.Require(Intake) != nil || got.Require(Admin) == nil {
				t.Errorf("Identify = %+v, %v; want %s, who may post only", got, err, c.caller)
			}
		})
	}
	if c, err := with(Config{}, cert); err != nil || c.Require(Admin) != nil {
		t.Errorf("without entries a certificate gives %+v, %v; want everything", c, err)
	}
	if _, err := with(Config{}, nil); refusal(t, err).Status != 401 {
		t.Error("without a certificate it is let in")
	}
	_, line := newToken(t, "ci", time.Time{}, Intake)
	if _, err := with(Config{TokensFile: file(t, line)}, cert); refusal(t, err).Status != 401 {
		t.Error("beside tokens, and without entries, any certificate of the authority is enough")
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"a*", "a", true}, {"*a", "ba", true}, {"a*a", "a", false}, {"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false},
		{"a*b*b", "ab", false}, {"**", "x", true}, {"", "", true}, {"a", "ab", false},
	} {
		if got := glob(c.pattern, c.s); got != c.want {
			t.Errorf("glob(%q, %q) = %v, want %v", c.pattern, c.s, got, c.want)
		}
	}
}

// The example of the Standard Webhooks specification's reference libraries.
func TestSignatureOfTheSpecification(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	m := Message{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", At: time.Unix(1614265330, 0)}
	got := base64.StdEncoding.EncodeToString(Sign(key, m, []byte(`{"test": 2432232314}`)))
	if want := "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func secretLine(name string, seed byte) (line string, key []byte) {
	key = bytes.Repeat([]byte{seed}, 32)
	return name + " whsec_" + base64.StdEncoding.EncodeToString(key), key
}

func sign(r *http.Request, id string, at time.Time, body string, keys ...[]byte) {
	r.Header.Set(headerID, id)
	r.Header.Set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	all := []string{"v2,AAAA"}
	for _, key := range keys {
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(Sign(key, Message{id, at}, []byte(body))))
	}
	r.Header.Set(headerSignature, strings.Join(all, " "))
}

func TestSignatures(t *testing.T) {
	oldLine, oldKey := secretLine("proxy", 1)
	newLine, newKey := secretLine("proxy", 2)
	_, strange := secretLine("x", 3)
	g := guard(t, Config{WebhookSecretsFile: file(t, oldLine, newLine)}, false)
	const body = `{"a":1}`
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int // 0: it is let in
	}{
		"by the new secret":               {func(r *http.Request) { sign(r, "m", noon, body, newKey) }, 0},
		"by the old secret":               {func(r *http.Request) { sign(r, "m", noon, body, oldKey) }, 0},
		"by a strange and the new secret": {func(r *http.Request) { sign(r, "m", noon, body, strange, newKey) }, 0},
		"by a strange secret":             {func(r *http.Request) { sign(r, "m", noon, body, strange) }, 401},
		"just in time":                    {func(r *http.Request) { sign(r, "m", noon.Add(-tolerance), body, newKey) }, 0},
		"too late":                        {func(r *http.Request) { sign(r, "m", noon.Add(-tolerance-time.Second), body, newKey) }, 401},
		"too early":                       {func(r *http.Request) { sign(r, "m", noon.Add(tolerance+time.Second), body, newKey) }, 401},
		"another body":                    {func(r *http.Request) { sign(r, "m", noon, "{}", newKey) }, 401},
		"another id":                      {func(r *http.Request) { sign(r, "m", noon, body, newKey); r.Header.Set(headerID, "n") }, 401},
		"another time":                    {func(r *http.Request) { sign(r, "m", noon, body, newKey); r.Header.Set(headerTimestamp, "1795435201") }, 401},
		"an id with a full stop":          {func(r *http.Request) { sign(r, "m.1", noon, body, newKey) }, 401},
		"no id":                           {func(r *http.Request) { sign(r, "m", noon, body, newKey); r.Header.Del(headerID) }, 401},
		"a version nobody knows":          {func(r *http.Request) { sign(r, "m", noon, body) }, 401},
		"a body over the limit": {func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", maxSigned+1)))
			sign(r, "m", noon, "", newKey)
		}, 413},
	} {
		t.Run(name, func(t *testing.T) {
			r := post(body)
			c.change(r)
			caller, err := g.Identify(r, noon)
			if c.status != 0 {
				if r := refusal(t, err); r.Status != c.status {
					t.Errorf("it is refused with %+v, want %d", r, c.status)
				}
				return
			}
			if err != nil || caller.Name != "proxy" || caller.By != BySignature || caller.Message.ID != "m" {
				t.Fatalf("Identify = %+v, %v; want proxy", caller, err)
			}
			if caller.Require(Intake) != nil || caller.Require(Read) == nil {
				t.Error("a signature lets in to more than the intake, or not to that")
			}
			if again, err := io.ReadAll(r.Body); err != nil || string(again) != body {
				t.Errorf("the body read again is %q, %v", again, err)
			}
		})
	}
}

// A body is held in memory before it is known whose it is: not for those who were wrong too often.
func TestBodiesOfThoseWhoSignWrongAreNotRead(t *testing.T) {
	line, key := secretLine("proxy", 1)
	_, strange := secretLine("x", 3)
	g := guard(t, Config{WebhookSecretsFile: file(t, line)}, false)
	for range failuresAtOnce {
		r := post("{}")
		sign(r, "m", noon, "{}", strange)
		if _, err := g.Identify(r, noon); refusal(t, err).Status != 401 {
			t.Fatalf("a wrong signature: %v, want 401", err)
		}
	}
	r := post("{}")
	sign(r, "m", noon, "{}", key)
	if _, err := g.Identify(r, noon); refusal(t, err).Reason != reasonTooOften {
		t.Errorf("one more: %v, want %s", err, reasonTooOften)
	}
	if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != "{}" {
		t.Errorf("of its body %q is left, %v; want all of it", rest, err)
	}
	r = post("{}")
	sign(r, "m", noon, "{}", key)
	if _, err := g.Identify(r, noon.Add(4*time.Second)); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

// Bodies that break off are counted, too: they cost as much.
func TestBodiesThatBreakOffAreCounted(t *testing.T) {
	line, key := secretLine("proxy", 1)
	g := guard(t, Config{WebhookSecretsFile: file(t, line)}, false)
	reason := ""
	for range failuresAtOnce + 1 {
		r := post("")
		sign(r, "m", noon, "{}", key)
		r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := g.Identify(r, noon)
		reason = refusal(t, err).Reason
	}
	if reason != reasonTooOften {
		t.Errorf("the last one is refused for %s, want %s", reason, reasonTooOften)
	}
}

func TestTakenMessages(t *testing.T) {
	var taken Taken
	one := Caller{Name: "proxy", Message: Message{ID: "m", At: noon}}
	other := Caller{Name: "other", Message: one.Message}
	if taken.Has(one, noon) {
		t.Fatal("a message is taken before it came")
	}
	taken.Add(one, noon)
	if !taken.Has(one, noon.Add(2*tolerance-time.Second)) {
		t.Error("a message can be replayed while its signature holds")
	}
	if taken.Has(other, noon) {
		t.Error("one sender's id stands in another's way")
	}
	taken.Add(other, noon.Add(3*tolerance))
	if len(taken.until) != 1 || len(taken.order) != 1 {
		t.Errorf("it remembers %d messages, want what is over forgotten", len(taken.until))
	}
}

func TestReadingFilesAgain(t *testing.T) {
	first, firstLine := newToken(t, "first", time.Time{}, Intake)
	second, secondLine := newToken(t, "second", time.Time{}, Intake)
	name := file(t, firstLine)
	g := guard(t, Config{TokensFile: name}, false)
	who := func(token string) string {
		r := post("")
		r.Header.Set("Authorization", "Bearer "+token)
		c, _ := g.Identify(r, noon)
		return c.Name
	}
	if err := os.WriteFile(name, []byte("a b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Read(); err == nil || !strings.Contains(err.Error(), "http.auth.tokens_file: "+name+": line 1") {
		t.Errorf("a file that is wrong: %v, want its name and line", err)
	}
	if err := os.WriteFile(name, []byte(secondLine), 0o600); err != nil {
		t.Fatal(err)
	}
	use, err := g.Read()
	if err != nil {
		t.Fatal(err)
	}
	if who(first) != "first" {
		t.Error("the old token is out before the new ones are in use")
	}
	use()
	if who(first) != "" || who(second) != "second" {
		t.Errorf("after the reload the old token is %q, the new one %q", who(first), who(second))
	}
}

// Whatever the headers hold: an error, or a message with an id, a time within the tolerance, and signatures.
func FuzzParseSignature(f *testing.F) {
	f.Add("msg_1", "1795435200", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v2,x")
	f.Add("", "-1", "v1,")
	f.Fuzz(func(t *testing.T, id, at, signature string) {
		h := http.Header{headerID: {id}, headerTimestamp: {at}, headerSignature: {signature}}
		m, all, err := ParseSignature(h, noon)
		if (err == nil) != (len(all) > 0) {
			t.Fatalf("ParseSignature = %d signatures, %v", len(all), err)
		}
		if err == nil && (m.ID != id || strings.Contains(id, ".") || noon.Sub(m.At).Abs() > tolerance) {
			t.Fatalf("ParseSignature(%q, %q) = %+v", id, at, m)
		}
	})
}
