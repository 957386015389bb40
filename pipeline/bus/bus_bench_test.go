package bus_test

import (
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// BenchmarkEmbedded is the way of one message of 1 KB from Publish to its subscriber and back as an
// acknowledgement, in batches. An op is a message.
func BenchmarkEmbedded(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("batches of %d", batch), func(b *testing.B) {
			engine, err := bus.Open(b.Context(), bus.Config{Dir: b.TempDir()}, quiet)
			if err != nil {
				b.Fatal(err)
			}
			defer engine.Close()
			sub, err := engine.Subscriber("group", bus.InFlight{})
			if err != nil {
				b.Fatal(err)
			}
			defer sub.Close()
			in, err := sub.Subscribe(b.Context(), "work")
			if err != nil {
				b.Fatal(err)
			}
			pub, body, n := engine.Publisher(), make([]byte, 1024), 0
			b.ReportAllocs()
			for b.Loop() {
				if n++; n%batch != 0 {
					continue
				}
				msgs := make([]*message.Message, batch)
				for i := range msgs {
					msgs[i] = message.NewMessage(fmt.Sprint(n, "-", i), body)
				}
				if err := pub.Publish("work", msgs...); err != nil {
					b.Fatal(err)
				}
				for range batch {
					(<-in).Ack()
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
