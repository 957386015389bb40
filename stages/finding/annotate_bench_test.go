package finding

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
)

// BenchmarkAnnotate tells a batch of 256 alerts of 20 images, of which the store's answer is known.
func BenchmarkAnnotate(b *testing.B) {
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "tocsin.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	f := New(DefaultConfig(), Deps{Subjects: s.Documents("findings", 1000), Accounts: s.Documents("reports", 1000), Log: slog.New(slog.DiscardHandler)})
	alerts := make([]pipeline.Alert, 256)
	for i := range alerts {
		alerts[i] = alert("container.image.repository", "registry.shop.example/shop/web", "container.image.tag", fmt.Sprint(i%20),
			"container.image.digest", webDigest, "hostname", "node-1", "k8s_ns_name", "shop", "k8s_pod_name", "web-1")
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Annotate(b.Context(), alerts)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/alert")
}
