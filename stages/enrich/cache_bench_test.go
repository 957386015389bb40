package enrich

import (
	"fmt"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// BenchmarkOneMoreContainer is what a container's start costs on a node that has many.
func BenchmarkOneMoreContainer(b *testing.B) {
	for _, n := range []int{100, 1000, maxContainers - 1} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := &share{cache: newContainerCache()}
			for i := range n {
				s.Put(told(fmt.Sprint(i), "web"))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Put(told("one more", fmt.Sprint(i))) // told anew, as its name changed
			}
		})
	}
}

// BenchmarkResolveKnown is what an event of a known container costs, without and with news from a runtime.
func BenchmarkResolveKnown(b *testing.B) {
	e := newEnricher()
	s := &share{cache: e.cache}
	s.Put(told("c", "web"))
	p := &pipeline.Process{PID: -1, ContainerID: "c", User: "a", Group: "b", Login: "c"}
	b.Run("as before", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.resolve(p, 1)
		}
	})
	b.Run("after news", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.cache.changes.Add(1)
			e.resolve(p, 1)
		}
	})
}
