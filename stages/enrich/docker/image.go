package docker

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"unsafe"
)

// image is what is read of an image: the names it has in repositories.
type image struct {
	RepoTags    []string // repository:tag
	RepoDigests []string // repository@sha256:…
}

// images remembers images by id: a thousand containers have a handful of them. It is safe for concurrent use.
type images struct {
	mu   sync.Mutex
	byID map[string]image
}

const (
	// As many images as no node has; past it the memory starts afresh.
	maxImages = 512
	// Bytes of the names of one that is remembered: some dozen names.
	maxImageText = 16 << 10
)

// image reads an image; nothing is known of one that was removed under its container, or not read in time.
func (e *Engine) image(ctx context.Context, id string) image {
	if id == "" {
		return image{}
	}
	if known, ok := e.images.get(id); ok {
		return known
	}
	var i image
	if err := e.client.get(ctx, "/images/"+url.PathEscape(id)+"/json", e.client.limits.Message, &i); err != nil {
		e.log.Debug("image not read", "image", id, "err", err)
		return image{}
	}
	e.remember(id, i)
	return i
}

// remember keeps what will not change: an image that was built here gets its digest when it is pushed.
func (e *Engine) remember(id string, i image) {
	if len(i.RepoDigests) > 0 && i.text() <= maxImageText {
		e.images.put(id, i)
	}
}

// text is about how many bytes its names take.
func (i *image) text() (n int) {
	for _, name := range slices.Concat(i.RepoTags, i.RepoDigests) {
		n += len(name) + int(unsafe.Sizeof(name))
	}
	return n
}

func (m *images) get(id string) (image, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.byID[id]
	return i, ok
}

func (m *images) put(id string, i image) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byID == nil || len(m.byID) >= maxImages {
		m.byID = map[string]image{}
	}
	m.byID[id] = i
}
