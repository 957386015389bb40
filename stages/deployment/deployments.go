package deployment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// refresh is the pause between two looks at whether another replica was told something. A look is one small
// read; shorter asks the store more, longer lets an alert miss what was posted that long ago.
const refresh = 3 * time.Second

// Documents is where deployments are kept.
type Documents interface {
	pipeline.Documents
	// Version changes whenever a document does.
	Version(ctx context.Context) (int64, error)
}

// Deployments knows what was deployed. It is safe for concurrent use.
type Deployments struct {
	cfg    Config
	docs   Documents
	log    *slog.Logger
	index  atomic.Pointer[index]
	posted atomic.Uint64

	mu      sync.Mutex // one read of the store at a time; guards what follows
	version int64
	read    bool // version is known
	failing bool // the last look failed, which was logged
}

// New makes a Deployments and reads what is kept. A store that is away is read later, by Run.
func New(ctx context.Context, cfg Config, docs Documents, log *slog.Logger) *Deployments {
	d := &Deployments{cfg: cfg, docs: docs, log: log}
	d.index.Store(newIndex(nil))
	d.look(ctx)
	return d
}

// Run looks for what other replicas were told, until ctx ends.
func (d *Deployments) Run(ctx context.Context) error {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.look(ctx)
		}
	}
}

// look refreshes, and logs the first of several failures.
func (d *Deployments) look(ctx context.Context) {
	err := d.update(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && !d.failing && ctx.Err() == nil {
		d.log.Warn("deployments could not be read from the store: alerts are told those known so far", "err", err)
	}
	d.failing = err != nil
}

// update reads the store when that has changed.
func (d *Deployments) update(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	version, err := d.docs.Version(ctx)
	if err != nil {
		return err
	}
	if d.read && version == d.version {
		return nil
	}
	docs, err := d.docs.All(ctx)
	if err != nil {
		return err
	}
	all := make([]pipeline.Deployment, 0, len(docs))
	for _, doc := range docs {
		var one pipeline.Deployment
		if err := json.Unmarshal(doc.Body, &one); err != nil {
			d.log.Warn("a deployment in the store cannot be read and is passed over", "key", doc.Key, "err", err)
			continue
		}
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b pipeline.Deployment) int { return b.At.Compare(a.At) })
	d.index.Store(newIndex(all))
	d.version, d.read = version, true
	return nil
}

// Parse reads what CI posts.
func (d *Deployments) Parse(body []byte) ([]pipeline.Deployment, error) {
	return Parse(body, time.Now())
}

// Put keeps deployments: nil means that all are durable, and that alerts here are told of them from now on.
// One with the selector and the time of another is kept in its place, so that posting again changes nothing.
func (d *Deployments) Put(ctx context.Context, all []pipeline.Deployment) error {
	docs := make([]pipeline.Document, len(all))
	for i, one := range all {
		body, err := json.Marshal(one)
		if err != nil {
			return fmt.Errorf("encode a deployment: %w", err)
		}
		docs[i] = pipeline.Document{Key: keyOf(one), At: one.At, Body: body}
	}
	if err := d.docs.Put(ctx, docs...); err != nil {
		return err
	}
	d.posted.Add(uint64(len(all)))
	if err := d.update(ctx); err != nil {
		return err // it is kept, but the caller has to hear that the store went away; again does no harm
	}
	return d.trim(ctx, all)
}

// trim forgets what is beyond the history of the selectors that were just posted to.
func (d *Deployments) trim(ctx context.Context, posted []pipeline.Deployment) error {
	touched := map[string]int{}
	for _, p := range posted {
		touched[selectorKey(p.Selector)] = 0
	}
	var old []string
	for _, one := range d.index.Load().all {
		key := selectorKey(one.Selector)
		n, ok := touched[key]
		if !ok {
			continue
		}
		if touched[key] = n + 1; n >= History {
			old = append(old, keyOf(one))
		}
	}
	if len(old) == 0 {
		return nil
	}
	if err := d.docs.Remove(ctx, old...); err != nil {
		return err
	}
	return d.update(ctx)
}

// selectorKey is a hash of the selector's labels, in an order of their own.
func selectorKey(selector map[string]string) string {
	text, _ := json.Marshal(selector) // a map of texts, sorted by name
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

func keyOf(d pipeline.Deployment) string {
	return selectorKey(d.Selector) + " " + d.At.UTC().Format(time.RFC3339Nano)
}

// List returns everything that is known, the latest first; it is not to be changed.
func (d *Deployments) List() []pipeline.Deployment { return d.index.Load().all }

// Annotate tells an alert the latest deployment of what it is about.
func (d *Deployments) Annotate(a *pipeline.Alert) {
	found := d.index.Load().find(a.Labels, a.Time.Add(skew))
	if found == nil || d.cfg.MaxAge == 0 || a.Time.Sub(found.At) > time.Duration(d.cfg.MaxAge) {
		return
	}
	told := *found
	a.Deployment = &told
}

// Stats are counts since the start, and how many deployments are known.
type Stats struct {
	Posted uint64
	Kept   int
}

// Stats reads the counts.
func (d *Deployments) Stats() Stats {
	return Stats{d.posted.Load(), len(d.index.Load().all)}
}
