package robottest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// App is a WeCom application: it gives out tokens, and takes messages with the latest of them. It is safe for concurrent
// use.
type App struct {
	CorpID, Secret string
	Life           int      // of a token, s
	Unknown        []string // users whom WeCom does not know

	mu     sync.Mutex
	tokens int // given out
	posts  []Post
	stale  []Code // answers to the next messages instead
}

// Tokens is how many tokens were asked for.
func (a *App) Tokens() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tokens
}

// Posts returns the messages taken so far; Mentions are whom they went to.
func (a *App) Posts() []Post {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.posts)
}

// Answer has the next message answered this way. With 42001 or 40014 the token is not valid from then on.
func (a *App) Answer(code int, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stale = append(a.stale, Code{code, text})
}

// ServeHTTP answers gettoken and message/send.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := any(Code{404, "unknown"})
	switch {
	case strings.HasSuffix(r.URL.Path, "/gettoken"):
		answer = a.give(r)
	case strings.HasSuffix(r.URL.Path, "/message/send"):
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer = a.take(r, body)
	}
	_ = json.NewEncoder(w).Encode(answer) // the client may have hung up, which is its business
}

func (a *App) token() string { return fmt.Sprintf("token-%d-of-the-app", a.tokens) }

func (a *App) give(r *http.Request) any {
	switch q := r.URL.Query(); {
	case q.Get("corpid") != a.CorpID:
		return Code{40013, "invalid corpid"}
	case q.Get("corpsecret") != a.Secret:
		return Code{40001, "invalid credential"}
	}
	a.tokens++
	return map[string]any{"errcode": 0, "errmsg": "ok", "access_token": a.token(), "expires_in": a.Life}
}

func (a *App) take(r *http.Request, body []byte) any {
	if r.URL.Query().Get("access_token") != a.token() {
		return Code{40014, "invalid access_token"}
	}
	if len(a.stale) > 0 {
		code := a.stale[0]
		a.stale = a.stale[1:]
		return code
	}
	var m struct {
		Users   string `json:"touser"`
		Parties string `json:"toparty"`
		Tags    string `json:"totag"`
		MsgType string `json:"msgtype"`
		Agent   int    `json:"agentid"`
		Text    struct {
			Content string `json:"content"`
		} `json:"text"`
		Markdown struct {
			Content string `json:"content"`
		} `json:"markdown"`
	}
	if code := decode(body, &m, 40008); code != ok {
		return code
	}
	p := Post{Type: m.MsgType, Text: m.Text.Content + m.Markdown.Content, Body: body}
	var missed []string
	for _, who := range strings.FieldsFunc(m.Users+"|"+m.Parties+"|"+m.Tags, func(r rune) bool { return r == '|' }) {
		if slices.Contains(a.Unknown, who) {
			missed = append(missed, who)
		} else {
			p.Mentions = append(p.Mentions, who)
		}
	}
	switch {
	case len(p.Mentions) == 0:
		return Code{81013, "user & party & tag all invalid"}
	case p.Text == "":
		return Code{44004, "empty content"}
	case len(p.Text) > 2048:
		return Code{45002, "content size out of limit"}
	}
	a.posts = append(a.posts, p)
	return map[string]any{"errcode": 0, "errmsg": "ok", "invaliduser": strings.Join(missed, "|"), "msgid": "m"}
}
