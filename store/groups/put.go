package groups

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
	"github.com/tocsin-security/tocsin/store/shared"
)

// Put adds alerts to inboxes and sources to what inhibits.
func (g *Shared) Put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error) {
	p := putting{now: now.UnixMicro()}
	for i := range in {
		if err := p.add(&in[i]); err != nil {
			return time.Time{}, nil, fmt.Errorf("store alerts of group %s: %w", in[i].Key, err)
		}
	}
	for _, r := range p.requests {
		replies, err := g.store.Run(ctx, putScript, r.calls)
		if err != nil {
			return time.Time{}, nil, fmt.Errorf("store alerts: %w", err)
		}
		for i, reply := range replies {
			if reply == nil {
				if r.first[i] {
					absent = append(absent, r.keys[i])
				}
				continue
			}
			at, err := timeOf(reply)
			if err != nil {
				return time.Time{}, nil, err
			}
			if next.IsZero() || at.Before(next) {
				next = at
			}
		}
	}
	return next, absent, g.putSources(ctx, now, sources)
}

// putting is a Put cut into requests of so many bytes.
type putting struct {
	now      int64
	buf      []byte
	requests []*putRequest
}

type putRequest struct {
	calls []shared.Call
	keys  []string // the group of each call
	first []bool   // whether the call is the first of its lot: what is too much for one request is several
	bytes int
}

func (p *putting) add(in *pipeline.Inbox) error {
	labels, err := json.Marshal(in.Labels)
	if err != nil {
		return err
	}
	begin := len(p.buf)
	var ends []int
	if p.buf, ends, err = alertjson.AppendRows(p.buf, in.Alerts, maxBytes); err != nil {
		return err
	}
	rows := make([]any, len(ends))
	for i, end := range ends {
		rows[i] = p.buf[begin:end:end]
		begin = end
	}
	n := nameOf(in.Key)
	for first := true; first || len(rows) > 0; first = false {
		args := []any{n.name, p.now, in.Wait.Microseconds(), flag(in.AtOnce), flag(in.IfThere), in.Key, in.Route, in.Receiver, labels}
		bytes := len(in.Key) + len(labels)
		for len(rows) > 0 && (len(args) == 9 || bytes+len(rows[0].([]byte)) <= maxBytes) {
			bytes += len(rows[0].([]byte))
			args, rows = append(args, rows[0]), rows[1:]
		}
		p.call(bytes, in.Key, first, shared.Call{Keys: []string{n.due(), n.group(), n.inbox()}, Args: args})
	}
	return nil
}

func (p *putting) call(bytes int, key string, first bool, call shared.Call) {
	if n := len(p.requests); n == 0 || p.requests[n-1].bytes+bytes > maxBytes {
		p.requests = append(p.requests, &putRequest{})
	}
	r := p.requests[len(p.requests)-1]
	r.calls, r.keys, r.first = append(r.calls, call), append(r.keys, key), append(r.first, first)
	r.bytes += bytes
}

// timeOf reads a time that a script wrote.
func timeOf(reply any) (time.Time, error) {
	us, err := numberOf(reply)
	return time.UnixMicro(us), err
}

func numberOf(reply any) (int64, error) {
	switch n := reply.(type) {
	case int64:
		return n, nil
	case string:
		if us, err := strconv.ParseInt(n, 10, 64); err == nil {
			return us, nil
		}
		// Redis writes scores as it likes.
		if f, err := strconv.ParseFloat(n, 64); err == nil {
			return int64(f), nil
		}
	}
	return 0, fmt.Errorf("redis answered %.80v where a number of groups is due", reply)
}
