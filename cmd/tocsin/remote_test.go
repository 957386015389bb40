package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is sent, and what is made of each kind of answer.
func TestRemoteCall(t *testing.T) {
	var seen *http.Request
	status, answer := 200, `{"n": 1}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("# of alice\n\n  s3cret  \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TOCSIN_URL", server.URL+"/")
	t.Setenv("TOCSIN_TOKEN", "from-env")

	var got struct{ N int }
	r := remote{}
	if err := r.call(t.Context(), http.MethodPost, "/x", url.Values{"q": {"a b"}}, map[string]int{"m": 2}, &got); err != nil || got.N != 1 {
		t.Fatalf("call = %v, %+v", err, got)
	}
	if seen.URL.String() != "/x?q=a+b" || seen.Header.Get("Authorization") != "Bearer from-env" || seen.Header.Get("Content-Type") != "application/json" {
		t.Errorf("asked for %s with %v", seen.URL, seen.Header)
	}
	r = remote{url: strings.Replace(server.URL, "://", "://in-url@", 1)}
	if err := r.call(t.Context(), http.MethodGet, "/x", nil, nil, nil); err != nil || seen.Header.Get("Authorization") != "Bearer in-url" {
		t.Errorf("with a token in the address: %v, sent %q", err, seen.Header.Get("Authorization"))
	}
	r = remote{url: strings.Replace(server.URL, "://", "://anna:p%40ss@", 1)}
	if err := r.call(t.Context(), http.MethodGet, "/x", nil, nil, nil); err != nil || seen.Header.Get("Authorization") != "Basic YW5uYTpwQHNz" {
		t.Errorf("with a user in the address: %v, sent %q", err, seen.Header.Get("Authorization"))
	}
	r.tokenFile = token
	if err := r.call(t.Context(), http.MethodGet, "/x", nil, nil, nil); err != nil || seen.Header.Get("Authorization") != "Bearer s3cret" {
		t.Errorf("with a token file: %v, sent %q", err, seen.Header.Get("Authorization"))
	}

	for _, c := range []struct {
		status       int
		answer, want string
	}{
		{404, `{"error": "no such alert"}`, "404 Not Found: no such alert"},
		{400, `"bad matcher"`, "400 Bad Request: bad matcher"},
		{502, `<html>`, "502 Bad Gateway: <html>"},
		{403, `{"error": "\u001b[2Jgone"}`, "403 Forbidden: [2Jgone"},
		{502, "<html>\x1b]0;x\a", "502 Bad Gateway: <html>]0;x"},
		{401, `{"error": "who?"}`, "TOCSIN_TOKEN"},
	} {
		status, answer = c.status, c.answer
		err := r.call(t.Context(), http.MethodGet, "/x", nil, nil, nil)
		var refused *remoteError
		if !errors.As(err, &refused) || refused.status != c.status || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d %s: %v, want %q", c.status, c.answer, err, c.want)
		}
	}
}

// What is wrong with the flags is said, without the token.
func TestRemoteMistakes(t *testing.T) {
	for want, r := range map[string]remote{
		"--url":        {url: "ftp://s3cret@host"},
		"--token-file": {tokenFile: "/nowhere"},
		"--cert-file":  {certFile: "x"},
		"--ca-file":    {caFile: "/nowhere"},
		"running":      {url: "http://s3cret@127.0.0.1:1"},
	} {
		err := r.call(t.Context(), http.MethodGet, "/", nil, nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%+v: %v, want one about %s", r, err, want)
		}
	}
}
