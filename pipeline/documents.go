package pipeline

import (
	"context"
	"fmt"
	"time"
)

// Document is something small that the store keeps under a key: a deployment, the findings of an image,
// the account of an exception. What is in it is its owner's own business.
type Document struct {
	Key  string    // 1 to MaxDocumentKey bytes
	At   time.Time // kept to the microsecond
	Body []byte    // at most MaxDocumentBody
}

// Sizes of a document, in bytes.
const (
	MaxDocumentKey  = 512
	MaxDocumentBody = 1 << 20
)

// Validate checks the sizes.
func (d *Document) Validate() error {
	if n := len(d.Key); n == 0 || n > MaxDocumentKey {
		return fmt.Errorf("a document's key has 1 to %d bytes, not %d", MaxDocumentKey, n)
	}
	if n := len(d.Body); n > MaxDocumentBody {
		return fmt.Errorf("the document %.80q has %d bytes, of which %d can be kept", d.Key, n, MaxDocumentBody)
	}
	return nil
}

// Documents keeps documents of one kind: at most so many, those with the latest At (of
// the same At those with the greatest keys). It is safe for
// concurrent use, by several processes where the store is shared. On error nothing is known to have changed,
// and what was there is still there.
type Documents interface {
	// Put keeps documents, each in place of the one that had its key before if its At is not before that one's.
	Put(ctx context.Context, docs ...Document) error
	// Get returns those of the keys that there are, in the order of the keys.
	Get(ctx context.Context, keys ...string) ([]Document, error)
	// All returns everything, the latest first.
	All(ctx context.Context) ([]Document, error)
	// Remove forgets documents. Those that are not there are no error.
	Remove(ctx context.Context, keys ...string) error
}
