package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// What a document costs that takes the place of one that is there, as accounts do again and again, among so many.
func BenchmarkDocumentsPutAgain(b *testing.B) {
	for _, n := range []int{1000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "tocsin.db"))
			docs := s.Documents("accounts", n)
			all := make([]pipeline.Document, n)
			for i := range all {
				all[i] = pipeline.Document{Key: fmt.Sprintf("%032x", i), At: t0.Add(time.Duration(i) * time.Second), Body: make([]byte, 300)}
			}
			if err := docs.Put(b.Context(), all...); err != nil {
				b.Fatal(err)
			}
			again := all[n/2]
			b.ReportAllocs()
			for b.Loop() {
				if err := docs.Put(b.Context(), again); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
