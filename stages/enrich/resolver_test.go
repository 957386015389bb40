package enrich

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestResolverKeepsTheTableUpToDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		var round atomic.Int32
		r := NewResolver(slog.New(slog.DiscardHandler))
		r.lookUp = func(_ context.Context, _, host string) ([]netip.Addr, error) {
			switch {
			case host == "moves.example" && round.Load() == 0:
				return []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1")}, nil
			case host == "moves.example" && round.Load() == 1:
				return []netip.Addr{two}, nil
			default:
				return nil, errors.New("no such host")
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		var table pipeline.HostNames
		r.Watch(&table, []string{"moves.example", "gone.example"})
		expect := func(sentence, name string, a netip.Addr, want bool) {
			t.Helper()
			synctest.Wait()
			if got := table.Has(name, a); got != want {
				t.Errorf("%s: Has(%s, %s) = %v, want %v", sentence, name, a, got, want)
			}
		}
		expect("at once, a mapped address as IPv4", "moves.example", one, true)
		expect("a name that does not resolve", "gone.example", one, false)
		round.Store(1)
		time.Sleep(resolveEvery)
		expect("an address that moved", "moves.example", two, true)
		expect("the address it had", "moves.example", one, false)
		round.Store(2)
		time.Sleep(resolveEvery)
		expect("while it cannot be asked, what was known", "moves.example", two, true)
		if name, ok := table.Name(two); name != "moves.example" || !ok {
			t.Errorf("Name(%s) = %q, %v, want moves.example", two, name, ok)
		}
		round.Store(0)
		var next pipeline.HostNames
		r.Watch(&next, []string{"other.example"})
		time.Sleep(resolveEvery)
		expect("after a reload the old table stays", "moves.example", two, true)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}
