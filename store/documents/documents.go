// Package documents keeps documents in the store that a fleet shares. A kind is three keys of one hash tag:
// the documents themselves, their times, and an account of how many there are and how often that changed.
// They have no time at which they end: of each kind only so many are kept.
//
// A store that is away is an error here, shared.ErrAway: unlike a count, what somebody posted cannot be
// stood in for.
package documents

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

//go:embed put.lua
var putLua string

//go:embed remove.lua
var removeLua string

//go:embed read.lua
var readLua string

//go:embed list.lua
var listLua string

var (
	putScript    = shared.NewScript(putLua)
	removeScript = shared.NewScript(removeLua)
	readScript   = shared.NewScript(readLua)
	listScript   = shared.NewScript(listLua)
)

// Scripts are what the shared store has to know for Documents.
func Scripts() []*shared.Script {
	return []*shared.Script{putScript, removeScript, readScript, listScript}
}

// A request has to be done well within the store's budget, 100 ms by default, or the store counts as away:
// more takes several. Too little costs round trips.
const (
	maxBytes = 256 << 10 // of bodies in a request; a single body may be larger
	maxKeys  = 1000      // in a request
)

// Documents keeps documents of one kind. It is safe for concurrent use, by several processes.
type Documents struct {
	store                 *shared.Store
	limit                 int
	bodies, times, totals string // keys in Redis
}

var _ pipeline.Documents = (*Documents)(nil)

// New returns those of a kind, of which the store keeps at most limit. The store was opened with Scripts.
func New(store *shared.Store, kind string, limit int) *Documents {
	prefix := "tocsin:{documents:" + kind + "}:"
	return &Documents{store, limit, prefix + "bodies", prefix + "times", prefix + "account"}
}

// Version changes whenever a document does: what was read before need not be read again.
func (d *Documents) Version(ctx context.Context) (int64, error) {
	replies, err := d.store.ReadHash(ctx, []string{d.totals}, "version")
	if err != nil {
		return 0, err
	}
	fields, _ := replies[0].([]any)
	if len(fields) != 1 {
		return 0, fmt.Errorf("redis answered %v to the version of documents", replies)
	}
	text, there := fields[0].(string)
	if !there {
		return 0, nil
	}
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the version of documents: %w", err)
	}
	return version, nil
}

// Put keeps documents. On error some may have been kept.
func (d *Documents) Put(ctx context.Context, docs ...pipeline.Document) error {
	for _, doc := range docs {
		if err := doc.Validate(); err != nil {
			return err
		}
	}
	var calls []shared.Call
	bytes := 0
	for i, doc := range docs {
		calls = append(calls, shared.Call{
			Keys: []string{d.bodies, d.times, d.totals},
			Args: []any{doc.Key, doc.At.UnixMicro(), doc.Body, d.limit},
		})
		bytes += len(doc.Body)
		if bytes < maxBytes && i < len(docs)-1 {
			continue
		}
		if _, err := d.store.Run(ctx, putScript, calls); err != nil {
			return fmt.Errorf("keep documents: %w", err)
		}
		calls, bytes = nil, 0
	}
	return nil
}

// Get returns those of the keys that there are, in the order of the keys.
func (d *Documents) Get(ctx context.Context, keys ...string) ([]pipeline.Document, error) {
	var docs []pipeline.Document
	for len(keys) > 0 {
		asked := keys[:min(len(keys), maxKeys)]
		args := []any{maxBytes}
		for _, key := range asked {
			args = append(args, key)
		}
		replies, err := d.store.Run(ctx, readScript, []shared.Call{{Keys: []string{d.bodies}, Args: args}})
		if err != nil {
			return nil, fmt.Errorf("read documents: %w", err)
		}
		texts, _ := replies[0].([]any)
		if len(texts) == 0 || len(texts) > len(asked) {
			return nil, fmt.Errorf("redis answered with %d documents to %d keys", len(texts), len(asked))
		}
		for i, text := range texts {
			if text == "" {
				continue
			}
			doc, err := parse(asked[i], text)
			if err != nil {
				return nil, err
			}
			docs = append(docs, doc)
		}
		keys = keys[len(texts):]
	}
	return docs, nil
}

// parse reads what put.lua wrote: the time, a blank, the body.
func parse(key string, reply any) (pipeline.Document, error) {
	text, _ := reply.(string)
	at, body, ok := strings.Cut(text, " ")
	micros, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return pipeline.Document{}, fmt.Errorf("the document %.80q in redis is not one of ours: it begins with %.20q", key, text)
	}
	return pipeline.Document{Key: key, At: time.UnixMicro(micros).UTC(), Body: []byte(body)}, nil
}

// All returns everything, the latest first. What changes in the meantime may be there or not.
func (d *Documents) All(ctx context.Context) ([]pipeline.Document, error) {
	keys, err := d.list(ctx)
	if err != nil {
		return nil, err
	}
	docs, err := d.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(docs, func(a, b pipeline.Document) int { return b.At.Compare(a.At) }) // some may have changed
	return docs, nil
}

// list returns the keys, the latest first. It goes on from the time at which it was, behind what it has seen
// of that, so that what is added or removed elsewhere moves nothing out of its way.
func (d *Documents) list(ctx context.Context) ([]string, error) {
	var keys []string
	seen := map[string]bool{}
	from, skip := "-inf", 0
	for {
		replies, err := d.store.Run(ctx, listScript, []shared.Call{{Keys: []string{d.times}, Args: []any{from, skip, maxKeys}}})
		if err != nil {
			return nil, fmt.Errorf("list documents: %w", err)
		}
		page, _ := replies[0].([]any)
		for i := 0; i+1 < len(page); i += 2 {
			key, _ := page[i].(string)
			at, _ := page[i+1].(string)
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
			if at != from {
				from, skip = at, 0
			}
			skip++
		}
		if len(page) < 2*maxKeys {
			slices.Reverse(keys)
			return keys, nil
		}
	}
}

// Remove forgets documents. On error some may have been forgotten.
func (d *Documents) Remove(ctx context.Context, keys ...string) error {
	for some := range slices.Chunk(keys, maxKeys) {
		args := make([]any, len(some))
		for i, key := range some {
			args[i] = key
		}
		_, err := d.store.Run(ctx, removeScript, []shared.Call{{Keys: []string{d.bodies, d.times, d.totals}, Args: args}})
		if err != nil {
			return fmt.Errorf("forget documents: %w", err)
		}
	}
	return nil
}
