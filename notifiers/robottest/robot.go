package robottest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Post is one message that the robot took.
type Post struct {
	At       time.Time
	Type     string // msgtype
	Title    string // DingTalk: the push preview
	Text     string // content, whatever its type
	Mentions []string
	Buttons  []string // "title url" of each
	Colour   string   // Feishu: of the header
	Body     []byte   // as received

	uploaded string // id of a file: no message
}

// Options is what the robot's owner set.
type Options struct {
	Key       string           // WeCom: key; DingTalk: access_token. Empty takes any.
	Secret    string           // DingTalk: signing key; empty: not signed
	Keywords  []string         // DingTalk: a message must hold one of them
	PerMinute int              // quota; 0 means the vendor's: 20, Feishu 100
	MaxBytes  int              // of a body, beyond what the vendor's limit says; 0: none
	Now       func() time.Time // default time.Now
}

// Robot is one robot in one group. It is safe for concurrent use.
type Robot struct {
	opts   Options
	vendor vendor

	mu          sync.Mutex
	posts       []Post
	refused     []Code
	taken       []time.Time // within the last minute
	bannedUntil time.Time
	faults      []fault
	media       string            // what the last upload is answered with; "" for messages
	files       map[string]string // by the id of an upload
}

// Code is an answer: errcode and errmsg.
type Code struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

type fault struct {
	status int
	header http.Header
	body   string
}

// vendor is what differs between them.
type vendor struct {
	authorise func(*Robot, *http.Request) Code
	read      func(*Robot, *http.Request, []byte) (Post, Code)
	tooFast   Code
	tooLong   Code          // of a body above MaxBytes
	ban       time.Duration // beyond the quota's own minute
	perMinute int
	perSecond int            // 0: no quota of that
	answer    func(Code) any // nil: as it is
}

var ok = Code{0, "ok"}

func newRobot(o Options, v vendor) *Robot {
	if o.PerMinute == 0 {
		o.PerMinute = v.perMinute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Robot{opts: o, vendor: v, files: map[string]string{}}
}

// Posts returns the messages taken so far, in order.
func (r *Robot) Posts() []Post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.posts)
}

// Refused returns the answers to the messages that were not taken.
func (r *Robot) Refused() []Code {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.refused)
}

// Answer makes the robot answer the next request this way instead of looking at it. Several are used
// in order.
func (r *Robot) Answer(status int, header http.Header, body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fault{status, header, body})
}

// ServeHTTP takes one message.
func (r *Robot) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 4<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) > 0 {
		f := r.faults[0]
		r.faults = r.faults[1:]
		for name, values := range f.header {
			w.Header()[name] = values
		}
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, f.body) // the client may have hung up, which is its business
		return
	}
	// The server's clock, for senders that correct theirs by it.
	w.Header().Set("Date", r.opts.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	code := r.take(req, body)
	if code != ok {
		r.refused = append(r.refused, code)
	}
	var answer any = code
	if r.media != "" {
		answer = map[string]any{"errcode": 0, "errmsg": "ok", "type": "file", "media_id": r.media}
		r.media = ""
	}
	if r.vendor.answer != nil {
		answer = r.vendor.answer(code)
	}
	_ = json.NewEncoder(w).Encode(answer) // likewise
}

// take decides about one request, in the order in which the vendors are known to.
func (r *Robot) take(req *http.Request, body []byte) Code {
	if req.Method != http.MethodPost {
		return Code{43002, "require POST method"}
	}
	if code := r.vendor.authorise(r, req); code != ok {
		return code
	}
	now := r.opts.Now()
	r.taken = slices.DeleteFunc(r.taken, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	if now.Before(r.bannedUntil) || len(r.taken) >= r.opts.PerMinute || r.vendor.perSecond > 0 && r.within(now, time.Second) >= r.vendor.perSecond {
		if !now.Before(r.bannedUntil) {
			r.bannedUntil = now.Add(r.vendor.ban)
		}
		return r.vendor.tooFast
	}
	r.taken = append(r.taken, now)
	if r.opts.MaxBytes > 0 && len(body) > r.opts.MaxBytes {
		return r.vendor.tooLong
	}
	post, code := r.vendor.read(r, req, body)
	if code != ok {
		return code
	}
	if post.uploaded != "" {
		r.media = post.uploaded
		return ok
	}
	post.At, post.Body = now, body
	r.posts = append(r.posts, post)
	return ok
}

// within counts what was taken in the last span of time.
func (r *Robot) within(now time.Time, span time.Duration) (n int) {
	for _, t := range r.taken {
		if now.Sub(t) < span {
			n++
		}
	}
	return n
}

func decode(body []byte, into any, codeOfBadJSON int) Code {
	if err := json.Unmarshal(body, into); err != nil {
		return Code{codeOfBadJSON, fmt.Sprintf("wrong json format: %v", err)}
	}
	return ok
}
