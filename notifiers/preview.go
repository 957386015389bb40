package notifiers

import (
	"context"
	"net/http"
	"slices"
)

// Request is one that a sender made and that went nowhere.
type Request struct {
	Method string
	Header http.Header // those of the sender; with secrets, if it has any
	Body   []byte
}

type previewKey struct{}

// Preview has a sender that is called with the context show what it would send: every request of its Client goes to show,
// none to the other side, and is answered as if it had been taken.
func Preview(ctx context.Context, show func(Request)) context.Context {
	return context.WithValue(ctx, previewKey{}, show)
}

// takenByAll is an answer that all channels take for success: WeCom's and DingTalk's errcode, Feishu's code, what Slack's
// kin says; and a token for applications that ask for one first.
const takenByAll = `{"errcode":0,"errmsg":"ok","code":0,"msg":"success","success":true,` +
	`"access_token":"preview","expires_in":7200,"media_id":"preview"}`

// previewed reports whether a request was shown in the place of being sent, and the answer to it.
func previewed(ctx context.Context, method string, body []byte, header http.Header) (Answer, bool) {
	show, ok := ctx.Value(previewKey{}).(func(Request))
	if !ok {
		return Answer{}, false
	}
	show(Request{Method: method, Header: header.Clone(), Body: slices.Clone(body)})
	return Answer{Status: http.StatusOK, Header: http.Header{}, Body: []byte(takenByAll)}, true
}
