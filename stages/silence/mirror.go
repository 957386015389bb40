package silence

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Documents is where silences, acknowledgements and counts are kept, each a kind of its own.
type Documents interface {
	pipeline.Documents
	// Version changes whenever a document does.
	Version(ctx context.Context) (int64, error)
}

// mirror holds the documents of a kind in memory, decoded. Its owner serializes all calls.
type mirror[T any] struct {
	docs    Documents
	what    string // for messages
	log     *slog.Logger
	changed func() // called whenever all is another; nil: nobody asks
	version int64
	read    bool // version is known
	all     map[string]held[T]
}

type held[T any] struct {
	body  []byte
	value T
}

func newMirror[T any](docs Documents, what string, log *slog.Logger, changed func()) *mirror[T] {
	return &mirror[T]{docs: docs, what: what, log: log, changed: changed, all: map[string]held[T]{}}
}

// refresh reads the store when that has changed.
func (m *mirror[T]) refresh(ctx context.Context) error {
	version, err := m.docs.Version(ctx)
	if err != nil {
		return err
	}
	if m.read && version == m.version {
		return nil
	}
	docs, err := m.docs.All(ctx)
	if err != nil {
		return err
	}
	all := make(map[string]held[T], len(docs))
	for _, doc := range docs {
		if known, ok := m.all[doc.Key]; ok && bytes.Equal(known.body, doc.Body) {
			all[doc.Key] = known
			continue
		}
		var value T
		if err := json.Unmarshal(doc.Body, &value); err != nil {
			m.log.Warn("a document in the store cannot be read and is passed over", "kind", m.what, "key", doc.Key, "err", err)
			continue
		}
		all[doc.Key] = held[T]{doc.Body, value}
	}
	m.all, m.version, m.read = all, version, true
	m.tell()
	return nil
}

func (m *mirror[T]) tell() {
	if m.changed != nil {
		m.changed()
	}
}

// put keeps documents: nil means that they are durable, and in memory as the store has them.
func (m *mirror[T]) put(ctx context.Context, docs ...pipeline.Document) error {
	if err := m.docs.Put(ctx, docs...); err != nil {
		return err
	}
	if len(docs) == 1 && m.knows(ctx, docs[0]) {
		return nil
	}
	return m.refresh(ctx)
}

// knows spares reading everything after a change of our own: where the version is the next one and the store has
// what was put, nobody else has changed anything.
func (m *mirror[T]) knows(ctx context.Context, put pipeline.Document) bool {
	version, err := m.docs.Version(ctx)
	if err != nil || !m.read || version != m.version+1 {
		return false
	}
	docs, err := m.docs.Get(ctx, put.Key)
	if err != nil || len(docs) != 1 || !bytes.Equal(docs[0].Body, put.Body) {
		return false
	}
	var value T
	if json.Unmarshal(put.Body, &value) != nil {
		return false
	}
	m.all[put.Key], m.version = held[T]{put.Body, value}, version
	m.tell()
	return true
}

// remove forgets documents.
func (m *mirror[T]) remove(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	if err := m.docs.Remove(ctx, keys...); err != nil {
		return err
	}
	return m.refresh(ctx)
}
