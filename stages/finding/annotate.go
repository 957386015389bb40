package finding

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// cached is what the store said of a document; nil: there is none.
type cached struct {
	known *known
	until time.Time
}

// cache remembers what the store said, so that a burst of alerts about one image asks once. It is safe for
// concurrent use.
type cache struct {
	mu    sync.Mutex
	known map[string]cached
}

const (
	// cacheFor is how long what the store said is believed: so late another replica's report is told.
	cacheFor = 10 * time.Second
	// maxCached bounds the cache; when it is full it begins anew. An entry has about 300 bytes.
	maxCached = 10_000
)

// get returns what is cached of keys, and the keys that have to be asked for.
func (c *cache) get(keys []string, now time.Time) (found map[string]*known, missing []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found = make(map[string]*known, len(keys))
	for _, key := range keys {
		if one, ok := c.known[key]; ok && now.Before(one.until) {
			found[key] = one.known
		} else {
			missing = append(missing, key)
		}
	}
	return found, missing
}

func (c *cache) put(some map[string]*known, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known)+len(some) > maxCached {
		clear(c.known)
	}
	for key, k := range some {
		c.known[key] = cached{k, now.Add(cacheFor)}
	}
}

func (c *cache) forget(keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		delete(c.known, key)
	}
}

// candidate is a subject that an alert may be about, and the key of its document.
type candidate struct{ scanner, subject, key string }

func newCandidate(scanner, subject string) candidate {
	return candidate{scanner, subject, documentKey(scanner, subject)}
}

// Annotate tells alerts what is known of their image, node and resource. It asks the store at most once; a store that does not answer costs the findings, not the alerts.
func (f *Findings) Annotate(ctx context.Context, alerts []pipeline.Alert) {
	if f.cfg.MaxAge == 0 || len(alerts) == 0 {
		return
	}
	candidates := make([][]candidate, len(alerts))
	wanted := map[string]bool{}
	for i := range alerts {
		candidates[i] = f.candidatesOf(&alerts[i])
		for _, c := range candidates[i] {
			wanted[c.key] = true
		}
	}
	known := f.lookUp(ctx, slices.Sorted(maps.Keys(wanted)))
	for i := range alerts {
		f.tell(&alerts[i], candidates[i], known)
	}
}

// lookUp returns what is known of documents.
func (f *Findings) lookUp(ctx context.Context, keys []string) map[string]*known {
	now := time.Now()
	found, missing := f.cache.get(keys, now)
	if len(missing) == 0 {
		return found
	}
	docs, err := f.deps.Subjects.Get(ctx, missing...)
	if err != nil {
		if ctx.Err() == nil {
			f.failed.Add(1)
			f.deps.Log.Debug("findings could not be looked up, alerts go on without", "err", err)
		}
		return found
	}
	asked := make(map[string]*known, len(missing))
	for _, key := range missing {
		asked[key] = nil
	}
	for _, doc := range docs {
		k := &known{}
		if err := json.Unmarshal(doc.Body, k); err != nil {
			f.deps.Log.Warn("findings in the store cannot be read", "key", doc.Key, "err", err)
			continue
		}
		asked[doc.Key] = k
	}
	f.cache.put(asked, now)
	maps.Copy(found, asked)
	return found
}

// tell tells one alert. Of an image's names the first that is known counts.
func (f *Findings) tell(a *pipeline.Alert, candidates []candidate, all map[string]*known) {
	a.Findings = nil
	oldest := a.Time.Add(-time.Duration(f.cfg.MaxAge))
	imageTold := false
	for _, c := range candidates {
		k := all[c.key]
		isImage := c.scanner == pipeline.Trivy
		if k == nil || isImage && imageTold {
			continue
		}
		imageTold = imageTold || isImage
		if found := k.tell(c.scanner, c.subject, oldest); found != nil {
			a.Findings = append(a.Findings, *found)
		}
	}
}

// owners are the fields that name what a pod belongs to, and the kind of that.
var owners = []struct{ field, kind string }{
	{"k8s.deployment.name", "Deployment"}, {"k8s.rs.name", "ReplicaSet"}, {"k8s.rc.name", "ReplicationController"},
}

// candidatesOf lists what an alert may be about, the most certain names of its image first.
func (f *Findings) candidatesOf(a *pipeline.Alert) []candidate {
	field := func(name string) string {
		s, _ := a.OutputFields[name].(string)
		if s == "<NA>" {
			return ""
		}
		return s
	}
	var all []candidate
	image := a.Labels["container_image"]
	if repository, tag := field("container.image.repository"), field("container.image.tag"); repository != "" && tag != "" {
		image = repository + ":" + tag
	}
	if image == "" {
		image = field("container.image")
	}
	for _, subject := range imageSubjects([]string{field("container.image.digest"), image}, field("container.image.id"), []string{image}, f.names.tagged) {
		all = append(all, newCandidate(pipeline.Trivy, subject))
	}
	if a.Hostname != "" {
		all = append(all, newCandidate(pipeline.KubeBench, "node "+strings.ToLower(a.Hostname)))
	}
	namespace := firstOf(a.Labels["k8s_ns_name"], field("k8s.ns.name"))
	if namespace == "" {
		return all
	}
	add := func(kind, name string) {
		if name != "" {
			all = append(all, newCandidate(pipeline.Gatekeeper, resource(kind, namespace, name)))
		}
	}
	add("Pod", firstOf(a.Labels["k8s_pod_name"], field("k8s.pod.name")))
	for _, o := range owners {
		add(o.kind, field(o.field))
	}
	return all
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
