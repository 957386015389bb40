package silence

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// counter counts what silences kept back. Each process writes documents of its own, one for each silence, now and
// then and when it stops; added up they are the fleet's. A kill loses what was not written: the last seconds.
type counter struct {
	process string
	log     *slog.Logger

	reading sync.Mutex // guards mirror
	mirror  *mirror[pipeline.Hits]

	mu  sync.Mutex // guards what follows
	own map[string]*ownHits
}

// ownHits is what this process has counted for a silence since it started.
type ownHits struct {
	pipeline.Hits
	dirty bool // and not written yet
}

func newCounter(docs Documents, process string, log *slog.Logger) *counter {
	return &counter{process: process, log: log, mirror: newMirror[pipeline.Hits](docs, "hits of silences", log, nil), own: map[string]*ownHits{}}
}

// keyOf is the key of what this process counts for a silence; noticeKey that of the note that its end was told.
func (c *counter) keyOf(silence string) string { return silence + "/" + c.process }

func noticeKey(s *pipeline.Silence) string { return fmt.Sprintf("%s/!%d", s.ID, s.EndsAt.Unix()) }

func isNotice(key string) bool { return strings.Contains(key, "/!") }

// silenceOf is the silence that a document is about.
func silenceOf(key string) string {
	id, _, _ := strings.Cut(key, "/")
	return id
}

func (c *counter) hit(silence string, alerts int, now time.Time) {
	if alerts < 0 { // 0: what it kept back it still does
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.own[silence]
	if own == nil {
		own = &ownHits{}
		c.own[silence] = own
	}
	own.Alerts += uint64(alerts)
	own.Last, own.dirty = later(own.Last, now.UTC()), true
}

// take returns what is not written yet and marks it as written.
func (c *counter) take() map[string]pipeline.Hits {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := map[string]pipeline.Hits{}
	for id, own := range c.own {
		if own.dirty {
			taken[id], own.dirty = own.Hits, false
		}
	}
	return taken
}

func (c *counter) untake(taken map[string]pipeline.Hits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range taken {
		c.own[id].dirty = true
	}
}

// flush writes what was counted. Where this process goes on with the documents of an earlier run, those are added
// the first time.
func (c *counter) flush(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	taken := c.take()
	var docs []pipeline.Document
	for id, hits := range taken {
		body, err := json.Marshal(hits)
		if err != nil {
			return fmt.Errorf("encode hits: %w", err)
		}
		docs = append(docs, pipeline.Document{Key: c.keyOf(id), At: hits.Last, Body: body})
	}
	if len(docs) == 0 {
		return nil
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if err := c.mirror.put(ctx, docs...); err != nil {
		c.untake(taken)
		return err
	}
	return nil
}

// begin adds what an earlier run of this process wrote, once.
func (c *counter) begin(ctx context.Context) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.mirror.read {
		return nil
	}
	if err := c.mirror.refresh(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, doc := range c.mirror.all {
		id := silenceOf(key)
		if isNotice(key) || key != c.keyOf(id) {
			continue
		}
		if c.own[id] == nil {
			c.own[id] = &ownHits{}
		}
		own := c.own[id]
		own.Alerts += doc.value.Alerts
		own.Last = later(own.Last, doc.value.Last)
	}
	return nil
}

// sums adds the counts of all processes up, what this one has not written included.
func (c *counter) sums(ctx context.Context) (map[string]pipeline.Hits, error) {
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if err := c.mirror.refresh(ctx); err != nil {
		return nil, fmt.Errorf("read the hits of silences: %w", err)
	}
	sums := map[string]pipeline.Hits{}
	add := func(id string, h pipeline.Hits) {
		sum := sums[id]
		sums[id] = pipeline.Hits{Alerts: sum.Alerts + h.Alerts, Last: later(sum.Last, h.Last)}
	}
	for key, doc := range c.mirror.all {
		if id := silenceOf(key); !isNotice(key) && key != c.keyOf(id) {
			add(id, doc.value)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, own := range c.own {
		add(id, own.Hits)
	}
	return sums, nil
}

// told reports whether people were told of the end of a silence; tell notes that they were.
func (c *counter) told(s *pipeline.Silence) bool {
	c.reading.Lock()
	defer c.reading.Unlock()
	_, told := c.mirror.all[noticeKey(s)]
	return told
}

func (c *counter) tell(ctx context.Context, s *pipeline.Silence, now time.Time) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	return c.mirror.put(ctx, pipeline.Document{Key: noticeKey(s), At: now, Body: []byte("{}")})
}

// sweep forgets what is about silences that are not there any more.
func (c *counter) sweep(ctx context.Context, there func(silence string) bool) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	var gone []string
	for key := range c.mirror.all {
		if !there(silenceOf(key)) {
			gone = append(gone, key)
		}
	}
	c.mu.Lock()
	maps.DeleteFunc(c.own, func(id string, _ *ownHits) bool { return !there(id) })
	c.mu.Unlock()
	return c.mirror.remove(ctx, gone...)
}
