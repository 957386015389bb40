package api

import (
	"context"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tocsin-security/tocsin/api/access"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Links is what the page of links in messages works on.
type Links struct {
	// Read says which alert a token of a purpose (ack, silence) is about, and until when. An error carries the status
	// of the answer (HTTPStatus() int).
	Read func(purpose, token string, now time.Time) (pipeline.Fingerprint, time.Time, error)
	// Alert is what is known of an alert. nil: nothing of any.
	Alert func(ctx context.Context, of pipeline.Fingerprint) (pipeline.Alert, bool)
	// Settings are the language of those who wish none, and where people reach this server.
	Settings func() (language, externalURL string)
}

//go:embed page.tmpl
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

const pageStyle = `body{margin:0;font:16px/1.5 system-ui,"PingFang SC","Microsoft YaHei",sans-serif;color:#222;background:#f4f4f5}
main{max-width:34rem;margin:1rem auto;padding:1.25rem;background:#fff;border-radius:.5rem}
h1{font-size:1.25rem;margin:0 0 1rem}dl{margin:0 0 1rem}dt{color:#666;font-size:.85rem}dd{margin:0 0 .5rem;overflow-wrap:anywhere}
label{display:block;margin:.75rem 0;color:#666}.choice{color:#222}small{color:#666;display:block;overflow-wrap:anywhere}
input:not([type=radio]),select,button{display:block;box-sizing:border-box;width:100%;padding:.6rem;font:inherit;border:1px solid #bbb;border-radius:.35rem}
fieldset{border:1px solid #ddd;border-radius:.35rem}button{margin-top:1rem;background:#1d4ed8;color:#fff;border:0}
.bad{padding:.6rem;background:#fde8e8;color:#8a1c1c}.good{padding:.6rem;background:#e3f6e8;color:#14532d}`

// pagePolicy lets nothing run, nothing be loaded, and nobody put the page into a frame.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

// maxPageForm bounds the body of the form.
const maxPageForm = 16 << 10

// linkRoutes are the pages that links in messages lead to. A token is all the authority there is: no other is asked
// for. GET changes nothing, since chats and mail gateways open links before people do.
func (s *Server) linkRoutes(r chi.Router) {
	r.Use(s.throttle(), limitBody(maxPageForm))
	for _, purpose := range []string{"ack", "silence"} {
		r.Get("/"+purpose, func(w http.ResponseWriter, r *http.Request) {
			if v := s.openPage(w, r, purpose, r.URL.Query().Get("t")); v != nil {
				v.show(w, http.StatusOK)
			}
		})
		r.Post("/"+purpose, func(w http.ResponseWriter, r *http.Request) { s.postPage(w, r, purpose) })
	}
}

// pageView is what the page shows.
type pageView struct {
	Lang, Title, Purpose, Token string
	Style                       template.CSS
	Words                       pageWords
	Problem, Done               string
	Facts                       []pageFact
	Form                        bool
	Scopes, Durations           []pageChoice
	By, Comment, Button         string

	of    pipeline.Fingerprint
	alert pipeline.Alert // as far as it is known
	known bool
}

type pageFact struct{ Name, Value string }

type pageChoice struct {
	Value, Text, Detail string
	Chosen              bool
}

// openPage reads the token and makes the page with the form; nil when it has answered already.
func (s *Server) openPage(w http.ResponseWriter, r *http.Request, purpose, token string) *pageView {
	language, _ := s.deps.Links.Settings()
	language = pageLanguage(r.Header.Get("Accept-Language"), language)
	v := &pageView{Lang: language, Purpose: purpose, Token: token, Style: pageStyle, Words: pageTexts[language]}
	if v.Title = v.Words.Ack; purpose == "silence" {
		v.Title = v.Words.Silence
	}
	v.Button = v.Title
	of, _, err := s.deps.Links.Read(purpose, token, time.Now())
	if err != nil {
		v.fail(w, err)
		return nil
	}
	v.of = of
	if s.deps.Links.Alert != nil {
		v.alert, v.known = s.deps.Links.Alert(r.Context(), of)
	}
	v.Facts = v.factsOf()
	for _, a := range s.deps.People.Acks(time.Now()) {
		if a.Fingerprint == of {
			v.fact(v.Words.Already, strings.TrimSpace(a.By+" "+a.Comment)+" · "+stampOf(a.Until))
		}
	}
	if purpose == "silence" && !v.known {
		v.Problem = v.Words.NoAlert
		v.show(w, http.StatusNotFound)
		return nil
	}
	v.Form = true
	if purpose == "silence" {
		v.Scopes = []pageChoice{{"exact", v.Words.Exact, "", true}}
		if wide := wideMatchers(v.alert.Labels); wide != nil {
			v.Scopes = append(v.Scopes, pageChoice{Value: "wide", Text: v.Words.Wide, Detail: matchersText(wide)})
		}
	}
	for i, d := range pageDurations {
		v.Durations = append(v.Durations, pageChoice{Value: d, Text: v.Words.Durations[i], Chosen: d == "4h"})
	}
	return v
}

// postPage does what the form says.
func (s *Server) postPage(w http.ResponseWriter, r *http.Request, purpose string) {
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "the form cannot be read: "+err.Error())
		return
	}
	form := r.PostForm
	v := s.openPage(w, r, purpose, form.Get("t"))
	if v == nil {
		return
	}
	v.By, v.Comment = strings.TrimSpace(form.Get("by")), strings.TrimSpace(form.Get("comment"))
	if err := s.ownPage(r); err != nil {
		v.Form, v.Problem = false, v.Words.Foreign
		v.show(w, http.StatusForbidden)
		return
	}
	chosen := slices.Index(pageDurations, form.Get("for"))
	switch {
	case v.By == "":
		v.Problem = v.Words.NoName
	case purpose == "silence" && v.Comment == "":
		v.Problem = v.Words.NoComment
	}
	if v.Problem != "" || chosen < 0 {
		v.show(w, http.StatusBadRequest)
		return
	}
	lasts, err := pipeline.ParseDuration(pageDurations[chosen])
	if err != nil {
		panic(err) // it is one of ours
	}
	until := time.Now().Add(lasts)
	if purpose == "silence" {
		v.Done = fmt.Sprintf(v.Words.Silenced, v.By, stampOf(until))
		_, err = s.deps.People.Put(r.Context(), v.silence(form.Get("scope"), until))
	} else {
		v.Done = fmt.Sprintf(v.Words.Acked, v.By, stampOf(until))
		_, err = s.deps.People.Ack(r.Context(), pipeline.Ack{Fingerprint: v.of, By: v.By, Comment: v.Comment, Until: until, Via: "link"})
	}
	if err != nil {
		v.Done = ""
		v.fail(w, err)
		return
	}
	s.deps.Log.Info("somebody used the link of a message to change something", "what", purpose, "who", v.By, "alert", v.of.String(),
		"until", until.UTC().Format(time.RFC3339), "client", access.ClientAddress(r), "request_id", requestID(w))
	v.Form, v.Facts = false, v.factsOf()
	v.show(w, http.StatusOK)
}

// sameOrigin knows of no other name than the one that it was asked under.
var sameOrigin = http.NewCrossOriginProtection()

// ownPage refuses what pages of other sites make a browser send, with what that knows its owner by (a password, a
// certificate, that it runs on this machine): by Sec-Fetch-Site, or where a browser does not send that (it does so
// over https only), by Origin. Other clients send neither. A proxy may ask us under another name than people do.
func (s *Server) ownPage(r *http.Request) error {
	if sameOrigin.Check(r) == nil {
		return nil
	}
	guard := http.NewCrossOriginProtection()
	external := ""
	if s.deps.Links != nil {
		_, external = s.deps.Links.Settings()
	}
	if u, err := url.Parse(external); err == nil && u.Host != "" {
		_ = guard.AddTrustedOrigin(u.Scheme + "://" + u.Host) // what is no origin is not trusted
	}
	return guard.Check(r)
}

// silence is the one that was asked for. That of exactly one alert may name anything: no other has all its labels.
func (v *pageView) silence(scope string, until time.Time) pipeline.Silence {
	one := pipeline.Silence{EndsAt: until, CreatedBy: v.By, Comment: v.Comment, Annotations: map[string]string{"tocsin_via": "link"}}
	if one.Matchers = wideMatchers(v.alert.Labels); scope != "wide" || one.Matchers == nil {
		one.Matchers, one.Forced = exactMatchers(v.alert.Labels), true
	}
	return one
}

// fail shows why nothing was done.
func (v *pageView) fail(w http.ResponseWriter, err error) {
	status := statusOf(err)
	switch v.Problem = err.Error(); status {
	case http.StatusForbidden:
		v.Problem = v.Words.Forged
	case http.StatusGone:
		v.Problem = v.Words.Expired
	case http.StatusServiceUnavailable, http.StatusInternalServerError:
		v.Problem = v.Words.Away
	}
	v.show(w, status)
}

// show writes the page. Its address is a secret, which no other site is to hear. Ours does: with no-referrer, browsers would
// hide the origin of the form as well, by which ownPage knows it.
func (v *pageView) show(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	var page strings.Builder
	if err := pageTemplate.Execute(&page, v); err != nil {
		panic(errors.Join(errors.New("the page of links"), err)) // it is ours, and tests show all of it
	}
	_, _ = w.Write([]byte(page.String())) // who asked is gone
}
