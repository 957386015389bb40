package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// renewBefore is how long before its end a token is not used any more.
const renewBefore = 5 * time.Minute

// Apps are the applications that messages are sent of, each with its token. It is safe for concurrent use. All notifiers
// of a process are to have the same.
type Apps struct {
	mu sync.Mutex
	by map[appKey]*app
}

type appKey struct{ api, corpID, secret string }

// NewApps returns none yet.
func NewApps() *Apps { return &Apps{by: map[appKey]*app{}} }

func (a *Apps) app(key appKey) *app {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := a.by[key]
	if one == nil {
		one = &app{key: key, fetching: make(chan struct{}, 1)}
		a.by[key] = one
	}
	return one
}

// app is one application.
type app struct {
	key      appKey
	fetching chan struct{} // capacity 1: held by who looks at the token, and fetches one

	token string
	ends  time.Time // when it is not used any more

	failure *pipeline.DeliveryError // of the latest attempt to fetch one; nil: it succeeded
	again   time.Time               // when another is made
}

// failurePause is how long a failure to fetch a token is the answer for all who want one: WeCom blocks who asks often.
const failurePause = 10 * time.Second

// get returns a token, of which refused is not one: that is the one which WeCom did not take. One caller fetches, the
// others wait.
func (a *app) get(ctx context.Context, c *notifiers.Client, header http.Header, refused string, now func() time.Time) (string, error) {
	select {
	case a.fetching <- struct{}{}:
	case <-ctx.Done():
		return "", c.Fail(pipeline.Retry, fmt.Errorf("wait for a token: %w", ctx.Err()))
	}
	defer func() { <-a.fetching }()
	if a.token != "" && a.token != refused && now().Before(a.ends) {
		return a.token, nil
	}
	if a.failure != nil && now().Before(a.again) {
		e := c.Fail(a.failure.Class, a.failure.Err)
		e.RetryAfter = max(a.failure.RetryAfter, a.again.Sub(now()))
		return "", e
	}
	token, life, err := a.fetch(ctx, c, header)
	if err != nil {
		if ctx.Err() == nil { // else it says nothing of WeCom
			a.failure, a.again = nil, now().Add(failurePause)
			errors.As(err, &a.failure)
		}
		return "", err
	}
	a.token, a.ends, a.failure = token, now().Add(max(life-renewBefore, life/2)), nil
	return token, nil
}

// fetch asks WeCom for a token: developer.work.weixin.qq.com, "get access_token".
func (a *app) fetch(ctx context.Context, c *notifiers.Client, header http.Header) (token string, life time.Duration, err error) {
	u, err := url.Parse(a.key.api + "gettoken?" + url.Values{"corpid": {a.key.corpID}, "corpsecret": {a.key.secret}}.Encode())
	if err != nil {
		return "", 0, c.Fail(pipeline.ChannelDown, fmt.Errorf("the address of tokens: %w", err))
	}
	answer, err := c.Send(ctx, http.MethodGet, u, nil, header)
	if err != nil {
		return "", 0, notifiers.NotSent(err)
	}
	code, err := notifiers.RobotCode(answer.Body)
	if err != nil {
		return "", 0, c.Fail(pipeline.Retry, fmt.Errorf("get a token: %w", err))
	}
	if code.Code != 0 {
		return "", 0, refusal(c, "get a token", code)
	}
	var t struct {
		Token string `json:"access_token"`
		Life  int    `json:"expires_in"` // s
	}
	if err := json.Unmarshal(answer.Body, &t); err != nil || t.Token == "" {
		return "", 0, c.Fail(pipeline.Retry, fmt.Errorf("get a token: the answer has none: %s", notifiers.Excerpt(answer.Body)))
	}
	return t.Token, time.Duration(t.Life) * time.Second, nil
}
