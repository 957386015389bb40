package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

// startTimeout bounds the start of the embedded server, which reads its files back.
const startTimeout = 30 * time.Second

// startEmbedded runs a NATS server in this process, without a network listener.
func startEmbedded(ctx context.Context, cfg Config, log *slog.Logger) (*natsBus, error) {
	if cfg.Dir == "" {
		return nil, errors.New("the embedded bus needs a folder: set data_dir")
	}
	unlock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "tocsin",
		DontListen: true,
		NoSigs:     true,
		JetStream:  true,
		StoreDir:   cfg.Dir,
		MaxPayload: cfg.MaxPayload,
		// Topics are bounded one by one; the server as a whole by the disk.
		JetStreamMaxStore:  math.MaxInt64,
		JetStreamMaxMemory: 1 << 20, // all topics are files
		SyncInterval:       time.Second,
	})
	if err != nil {
		unlock()
		return nil, fmt.Errorf("configure the embedded bus in %s: %w", cfg.Dir, err)
	}
	srv.SetLoggerV2(serverLog{log}, false, false, false)
	stop := func() {
		srv.Shutdown()
		srv.WaitForShutdown()
		unlock()
	}
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		stop()
		return nil, fmt.Errorf("start the embedded bus in %s: not ready after %s; the log says why", cfg.Dir, startTimeout)
	}
	conn, err := nats.Connect("", append(connOptions(log), nats.InProcessServer(srv))...)
	if err != nil {
		stop()
		return nil, fmt.Errorf("connect to the embedded bus: %w", err)
	}
	b, err := newNATSBus(ctx, cfg, log, conn, stop)
	if err != nil {
		stop()
		return nil, err
	}
	if b.attempts, err = b.openAttempts(ctx); err != nil {
		conn.Close()
		stop()
		return nil, err
	}
	return b, nil
}

// openAttempts reads what an earlier process had under way of the messages that are still there.
func (b *natsBus) openAttempts(ctx context.Context) (*attempts, error) {
	type extent struct {
		first, last uint64
		deleted     []uint64 // in order
	}
	extents := map[uint64]extent{}
	for name := range b.js.StreamNames(ctx).Name() {
		s, err := b.js.Stream(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("look at topic %s: %w", name, err)
		}
		info, err := s.Info(ctx, jetstream.WithDeletedDetails(true))
		if err != nil {
			return nil, fmt.Errorf("look at topic %s: %w", name, err)
		}
		extents[hashOf(name)] = extent{info.State.FirstSeq, info.State.LastSeq, info.State.Deleted}
	}
	return openAttempts(b.cfg.Dir, func(stream, seq uint64) bool {
		e, known := extents[stream]
		_, deleted := slices.BinarySearch(e.deleted, seq)
		return known && seq >= e.first && seq <= e.last && !deleted
	})
}

// lockDir makes the folder, and keeps a second process out of it: JetStream does not, and two servers
// on the same files destroy them. The lock goes with the process, also after kill -9.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the embedded bus: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the embedded bus: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the embedded bus in %s: another tocsin is using it (give each its own data_dir): %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// serverLog brings the server's log lines into ours: its notices are our details.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) { l.log.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Warnf(format string, v ...any)   { l.log.Warn("bus: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Fatalf(format string, v ...any)  { l.log.Error("bus: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Errorf(format string, v ...any)  { l.log.Error("bus: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Debugf(format string, v ...any)  { l.log.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Tracef(format string, v ...any)  { l.log.Debug("bus: " + fmt.Sprintf(format, v...)) }
