// Package documentstest is what every engine of documents has to do: the same as a map.
package documentstest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Documents is what an engine has.
type Documents interface {
	pipeline.Documents
	// Version changes whenever a document does.
	Version(ctx context.Context) (int64, error)
}

// Open opens the documents of a kind, of which there are at most limit; there are none yet.
type Open func(kind string, limit int) Documents

var t0 = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	kinds := 0
	fresh := func(limit int) Documents {
		kinds++
		return open(fmt.Sprint("kind", kinds), limit)
	}
	t.Run("as a map does", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { likeAMap(t, fresh) })
	})
	t.Run("kinds are apart", func(t *testing.T) { apart(t, fresh(10), fresh(10)) })
	t.Run("large ones and many", func(t *testing.T) { large(t, fresh(5000)) })
	t.Run("too large ones are refused", func(t *testing.T) { tooLarge(t, fresh(10)) })
	t.Run("the version", func(t *testing.T) { version(t, fresh(10)) })
}

// reference is a map with the rules of pipeline.Documents.
type reference struct {
	docs  map[string]pipeline.Document
	limit int
}

func (r *reference) all() []pipeline.Document {
	var docs []pipeline.Document
	for _, d := range r.docs {
		docs = append(docs, d)
	}
	slices.SortFunc(docs, func(a, b pipeline.Document) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return strings.Compare(b.Key, a.Key)
	})
	return docs
}

func (r *reference) put(docs []pipeline.Document) {
	for _, d := range docs {
		d.At = d.At.Truncate(time.Microsecond)
		if was, ok := r.docs[d.Key]; !ok || !d.At.Before(was.At) {
			r.docs[d.Key] = d
		}
	}
	if all := r.all(); len(all) > r.limit {
		for _, d := range all[r.limit:] {
			delete(r.docs, d.Key)
		}
	}
}

func (r *reference) get(keys []string) (docs []pipeline.Document) {
	for _, key := range keys {
		if d, ok := r.docs[key]; ok {
			docs = append(docs, d)
		}
	}
	return docs
}

// same compares documents; a body that is nil is one that is empty.
var same = cmpopts.EquateEmpty()

func likeAMap(t *rapid.T, fresh func(int) Documents) {
	ctx := context.Background()
	ref := &reference{map[string]pipeline.Document{}, rapid.IntRange(1, 6).Draw(t, "limit")}
	docs := fresh(ref.limit)
	key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "image sha256:0", "结点", "q' \"{}:*\x00\n", "\xff"})
	keys := rapid.SliceOfN(key, 0, 5)
	doc := rapid.Custom(func(t *rapid.T) pipeline.Document {
		return pipeline.Document{
			Key:  key.Draw(t, "key"),
			At:   t0.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "at")) * 500 * time.Nanosecond),
			Body: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "body"),
		}
	})
	t.Repeat(map[string]func(*rapid.T){
		"put": func(t *rapid.T) {
			some := rapid.SliceOfN(doc, 0, 4).Draw(t, "docs")
			must(t, docs.Put(ctx, some...))
			ref.put(some)
		},
		"remove": func(t *rapid.T) {
			some := keys.Draw(t, "keys")
			must(t, docs.Remove(ctx, some...))
			for _, k := range some {
				delete(ref.docs, k)
			}
		},
		"get": func(t *rapid.T) {
			some := keys.Draw(t, "keys")
			got, err := docs.Get(ctx, some...)
			must(t, err)
			if diff := cmp.Diff(ref.get(some), got, same); diff != "" {
				t.Fatalf("Get(%q) (-want +got):\n%s", some, diff)
			}
		},
		"": func(t *rapid.T) {
			got, err := docs.All(ctx)
			must(t, err)
			if diff := cmp.Diff(ref.all(), got, same); diff != "" {
				t.Fatalf("All (-want +got):\n%s", diff)
			}
		},
	})
}

func apart(t *testing.T, one, other Documents) {
	must(t, one.Put(t.Context(), pipeline.Document{Key: "k", At: t0, Body: []byte("1")}))
	must(t, other.Put(t.Context(), pipeline.Document{Key: "k", At: t0.Add(time.Hour), Body: []byte("2")}))
	must(t, other.Remove(t.Context(), "k"))
	got, err := one.Get(t.Context(), "k")
	must(t, err)
	if len(got) != 1 || string(got[0].Body) != "1" {
		t.Errorf("Get after another kind was changed = %v", got)
	}
}

// large keeps more than one request of a remote store should hold: many of one time, and few that are big.
func large(t *testing.T, docs Documents) {
	var want []pipeline.Document
	for i := range 2500 {
		want = append(want, pipeline.Document{Key: fmt.Sprintf("key %05d", i), At: t0.Add(time.Duration(i/1200) * time.Second), Body: []byte(fmt.Sprint(i))})
	}
	for i := range 3 {
		body := bytes.Repeat([]byte{byte(i)}, pipeline.MaxDocumentBody)
		want = append(want, pipeline.Document{Key: fmt.Sprint("large ", i), At: t0.Add(time.Duration(i) * time.Hour).Add(time.Minute), Body: body})
	}
	must(t, docs.Put(t.Context(), want...))
	got, err := docs.All(t.Context())
	must(t, err)
	slices.Reverse(want)
	if len(got) != len(want) {
		t.Fatalf("All has %d documents, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].Key != want[i].Key || !got[i].At.Equal(want[i].At) || !bytes.Equal(got[i].Body, want[i].Body) {
			t.Fatalf("document %d is %.40q of %s with %d bytes, want %q", i, got[i].Key, got[i].At, len(got[i].Body), want[i].Key)
		}
	}
	var keys []string
	for _, d := range want {
		keys = append(keys, d.Key)
	}
	if got, err = docs.Get(t.Context(), keys...); err != nil || len(got) != len(want) {
		t.Fatalf("Get of all: %d documents, %v, want %d", len(got), err, len(want))
	}
	must(t, docs.Remove(t.Context(), keys[1:]...))
	if got, err = docs.All(t.Context()); err != nil || len(got) != 1 || got[0].Key != keys[0] {
		t.Errorf("All after all others were removed: %d documents, %v", len(got), err)
	}
}

func tooLarge(t *testing.T, docs Documents) {
	for name, doc := range map[string]pipeline.Document{
		"no key":       {At: t0},
		"a long key":   {Key: strings.Repeat("k", pipeline.MaxDocumentKey+1), At: t0},
		"a large body": {Key: "k", At: t0, Body: make([]byte, pipeline.MaxDocumentBody+1)},
	} {
		if err := docs.Put(t.Context(), pipeline.Document{Key: "good", At: t0}, doc); err == nil {
			t.Errorf("%s: kept", name)
		}
	}
	if all, err := docs.All(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("All after what was refused: %v, %v", all, err)
	}
}

func version(t *testing.T, docs Documents) {
	var last int64 = -1
	step := func(doing string, changes bool) {
		t.Helper()
		v, err := docs.Version(t.Context())
		must(t, err)
		if changes && v == last {
			t.Errorf("%s: the version is still %d", doing, v)
		}
		last = v
	}
	step("empty", true)
	must(t, docs.Put(t.Context(), pipeline.Document{Key: "k", At: t0}))
	step("put", true)
	must(t, docs.Put(t.Context(), pipeline.Document{Key: "k", At: t0, Body: []byte("new")}))
	step("put again", true)
	must(t, docs.Remove(t.Context(), "k"))
	step("remove", true)
	before := last
	step("nothing", false)
	if last != before {
		t.Errorf("the version went from %d to %d with no change", before, last)
	}
}

// fataler is a test of either kind.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
