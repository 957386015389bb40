package main

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/notifiers/dingtalk"
	"github.com/tocsin-security/tocsin/notifiers/feishu"
	"github.com/tocsin-security/tocsin/notifiers/slack"
	"github.com/tocsin-security/tocsin/notifiers/webhook"
	"github.com/tocsin-security/tocsin/notifiers/wecom"
	"github.com/tocsin-security/tocsin/pipeline"
)

var noLog = slog.New(slog.DiscardHandler)

// answering is a server that answers everything so.
func answering(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body) // the client may have hung up
	}))
	t.Cleanup(s.Close)
	return s
}

// closedAddress is one where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

func notify(t *testing.T, n pipeline.Notifier, err error) error {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return n.Notify(t.Context(), pipeline.Message{ID: "1", Title: "测试 Test", Body: "text", Payload: []byte("{}")})
}

// What robots answer is told with what to do about it, in both languages.
func TestAdviceOnAnswers(t *testing.T) {
	kinds := map[string]func(t *testing.T, base string) error{
		"wecom": func(t *testing.T, base string) error {
			cfg := wecom.DefaultConfig()
			cfg.URL = pipeline.Secret(base + "/cgi-bin/webhook/send?key=k")
			n, err := wecom.New(cfg, "r", noLog)
			return notify(t, n, err)
		},
		"dingtalk": func(t *testing.T, base string) error {
			cfg := dingtalk.DefaultConfig()
			cfg.URL, cfg.Secret = pipeline.Secret(base+"/robot/send?access_token=k"), "SECx"
			n, err := dingtalk.New(cfg, "r", noLog)
			return notify(t, n, err)
		},
		"feishu": func(t *testing.T, base string) error {
			cfg := feishu.DefaultConfig()
			cfg.URL, cfg.Secret = pipeline.Secret(base+"/open-apis/bot/v2/hook/k"), "x"
			n, err := feishu.New(cfg, "r", noLog)
			return notify(t, n, err)
		},
		"slack": func(t *testing.T, base string) error {
			cfg := slack.Config{}
			cfg.APIURL = pipeline.Secret(base + "/services/k")
			n, err := slack.New(cfg, "r", noLog)
			return notify(t, n, err)
		},
	}
	for what, want := range map[string][2]string{
		`wecom 200 {"errcode":93000,"errmsg":"invalid webhook url"}`:                                              {"check that url has the whole key", "key 是否完整"},
		`wecom 200 {"errcode":93008,"errmsg":"bot stopped"}`:                                                      {"enable the robot again", "重新启用"},
		`wecom 200 {"errcode":45009,"errmsg":"api freq out of limit"}`:                                            {"try later", "稍后再试"},
		`wecom 200 {"errcode":40008,"errmsg":"invalid message type"}`:                                             {"template", "模板"},
		`wecom 200 {"errcode":77777,"errmsg":"?"}`:                                                                {"documentation", "文档"},
		`wecom 200 <html>proxy</html>`:                                                                            {"proxy's or gateway's page", "网关"},
		`wecom 302 `:                                                                                              {"redirects are not followed", "跳转"},
		`wecom 407 `:                                                                                              {"login at the proxy", "代理要求认证"},
		`wecom 502 `:                                                                                              {"try later", "稍后再试"},
		`dingtalk 200 {"errcode":300001,"errmsg":"token is not exist"}`:                                           {"whole access_token", "access_token 是否完整"},
		`dingtalk 200 {"errcode":310000,"errmsg":"keywords not in content"}`:                                      {"under keywords", "写入 keywords"},
		`dingtalk 200 {"errcode":310000,"errmsg":"sign not match"}`:                                               {"the clock is right", "时钟没有问题"},
		`dingtalk 200 {"errcode":310000,"errmsg":"ip 203.0.113.9 not in whitelist"}`:                              {"the address that this machine is seen by", "出口 IP"},
		`dingtalk 200 {"errcode":400102,"errmsg":"robot is stopped"}`:                                             {"enable the robot", "启用机器人"},
		`dingtalk 200 {"errcode":130101,"errmsg":"send too fast"}`:                                                {"try later", "稍后再试"},
		`dingtalk 200 {"errcode":90030,"errmsg":"quota"}`:                                                         {"wait until tomorrow", "等到明天"},
		`feishu 200 {"code":19001,"msg":"param invalid: incoming webhook access token invalid"}`:                  {"check that url is whole", "地址是否完整"},
		`feishu 200 {"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}`: {"the clock is right", "时钟没有问题"},
		`feishu 200 {"code":19022,"msg":"Ip Not Allowed"}`:                                                        {"the address that this machine is seen by", "出口 IP"},
		`feishu 200 {"code":19024,"msg":"Key Words Not Found"}`:                                                   {"under keywords", "写入 keywords"},
		`feishu 200 {"code":11232,"msg":"frequency limited"}`:                                                     {"try later", "稍后再试"},
		`slack 404 no_service`:                                                                                    {"nothing at this address", "地址不存在"},
		`slack 403 action_prohibited`:                                                                             {"refuses us", "拒绝访问"},
	} {
		t.Run(what, func(t *testing.T) {
			kind, answer, _ := strings.Cut(what, " ")
			code, body, _ := strings.Cut(answer, " ")
			status := map[string]int{"200": 200, "302": 302, "403": 403, "404": 404, "407": 407, "502": 502}[code]
			err := kinds[kind](t, answering(t, status, body).URL)
			if err == nil {
				t.Fatal("it was taken")
			}
			for i, zh := range []bool{false, true} {
				if got := plainly(err, zh); !strings.Contains(got, want[i]) {
					t.Errorf("plainly(zh %v) = %q, want %q in it", zh, got, want[i])
				}
			}
		})
	}
}

// So is what keeps a request from getting there.
func TestAdviceOnConnections(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // it complains of clients that do not trust it
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, c := range map[string]struct {
		url, proxy string
		want       string
	}{
		"nobody listens":                {"http://" + closedAddress(t), "", "nobody listens there"},
		"a certificate of nobody":       {secure.URL, "", "http_config.tls_config.ca_file"},
		"a certificate of another name": {strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), "", "http_config.tls_config.server_name"},
		"a proxy that is not there":     {"https://alerts.example.org", "http://" + closedAddress(t), "check http_config.proxy_url"},
		"a network that is not allowed": {"http://169.254.169.254/", "", "http_config.allow_networks"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := webhook.DefaultConfig()
			cfg.URL = pipeline.Secret(c.url)
			cfg.HTTPConfig.Proxy.URL = pipeline.Secret(c.proxy)
			n, err := webhook.New(cfg, "r", noLog)
			if got := plainly(notify(t, n, err), false); !strings.Contains(got, "→") || !strings.Contains(got, c.want) {
				t.Errorf("plainly = %q, want %q in it", got, c.want)
			}
		})
	}
}

// A notifier whose words change keeps its advice only if the sign changes too.
func TestAdviceIsAboutWhatNotifiersSay(t *testing.T) {
	var said strings.Builder
	err := filepath.WalkDir("../../notifiers", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		said.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range advices {
		if !a.foreign && !strings.Contains(said.String(), a.sign) {
			t.Errorf("no notifier says %q", a.sign)
		}
		if a.zh == "" || a.en == "" {
			t.Errorf("%q has no advice in one of the languages", a.sign)
		}
	}
	if got := plainly(errors.New("something new"), true); got != "something new" {
		t.Errorf("plainly = %q of what has no advice", got)
	}
}
