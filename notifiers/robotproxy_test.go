package notifiers_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/dingtalk"
	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/wecom"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestRobotsAreReachedThroughAProxy(t *testing.T) {
	seen := make(chan *http.Request, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		_, _ = w.Write([]byte(`{"errcode":0,"errmsg":"ok"}`))
	}))
	defer proxy.Close()
	through := notifiers.HTTPConfig{
		Proxy:   notifiers.Proxy{URL: pipeline.Secret(proxy.URL)},
		Headers: map[string]notifiers.Header{"X-Team": {Values: []string{"sec"}}},
	}
	log := slog.New(slog.DiscardHandler)
	w := wecom.DefaultConfig()
	w.URL, w.HTTPConfig = "http://robots.example.org/send?key=k", through
	d := dingtalk.DefaultConfig()
	d.URL, d.HTTPConfig = "http://robots.example.org/send?access_token=k", through
	one, err1 := wecom.New(w, "r", log)
	two, err2 := dingtalk.New(d, "r", log)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, robot := range []pipeline.Notifier{one, two} {
		if err := robot.Notify(t.Context(), notifiertest.Message()); err != nil {
			t.Fatal(err)
		}
		if r := <-seen; r.URL.Host != "robots.example.org" || r.Header.Get("X-Team") != "sec" {
			t.Errorf("%T: the proxy saw %v with %v", robot, r.URL, r.Header)
		}
	}
}
