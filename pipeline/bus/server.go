package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sys/unix"
)

// A disk that is full makes the server give up a stream until it is started again. So it is, as soon as there is
// room: the connection, which goes to whichever server runs, comes back, and its subscriptions with it.
const (
	// reconnectWait is how soon the connection tries again. The server is in this process.
	reconnectWait = 100 * time.Millisecond
	// roomToGoOn is how much has to be free for a start: what the server writes itself, and some alerts.
	roomToGoOn  = 8 << 20
	lookForRoom = time.Second
)

// embedded is the server in this process, and its successors. It is what the connection connects to.
type embedded struct {
	cfg Config
	log *slog.Logger

	mu  sync.Mutex // guards what follows
	srv *server.Server
	bad string // why nothing can be stored; "": it can

	broken  chan struct{} // bad was set
	closing chan struct{}
	mending sync.WaitGroup
}

func (e *embedded) start() error {
	srv, err := server.NewServer(&server.Options{
		ServerName: "tocsin",
		DontListen: true,
		NoSigs:     true,
		JetStream:  true,
		StoreDir:   e.cfg.Dir,
		MaxPayload: e.cfg.MaxPayload,
		// Topics are bounded one by one; the server as a whole by the disk.
		JetStreamMaxStore:  math.MaxInt64,
		JetStreamMaxMemory: 1 << 20, // all topics are files
		SyncInterval:       time.Second,
	})
	if err != nil {
		return fmt.Errorf("configure the embedded bus in %s: %w", e.cfg.Dir, err)
	}
	srv.SetLoggerV2(serverLog{e.log, e.failed}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		srv.Shutdown()
		srv.WaitForShutdown()
		return fmt.Errorf("start the embedded bus in %s: not ready after %s; the log says why", e.cfg.Dir, startTimeout)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.srv, e.bad = srv, ""
	return nil
}

// InProcessConn connects to the server that runs.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	srv := e.srv
	e.mu.Unlock()
	if srv == nil {
		return nil, errors.New("the embedded bus is being started again")
	}
	return srv.InProcessConn()
}

// failing is why nothing can be stored, if nothing can.
func (e *embedded) failing() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bad == "" {
		return nil
	}
	return fmt.Errorf("the embedded bus in %s cannot write; it goes on when the disk has room: %s", e.cfg.Dir, e.bad)
}

// failed takes note of what the server logs when it gives a stream up; it tells nobody otherwise.
func (e *embedded) failed(text string) {
	lower := strings.ToLower(text)
	if !strings.Contains(lower, "critical write error") && !strings.Contains(lower, "out of resources") && !strings.Contains(lower, "out of space") {
		return
	}
	e.mu.Lock()
	if e.bad == "" {
		e.bad = text
	}
	e.mu.Unlock()
	select {
	case e.broken <- struct{}{}:
	default:
	}
}

// mend starts a server that has failed again once there is room, until close.
func (e *embedded) mend() {
	for {
		select {
		case <-e.closing:
			return
		case <-e.broken:
		}
		for e.failing() != nil {
			select {
			case <-e.closing:
				return
			case <-time.After(lookForRoom):
			}
			if !e.hasRoom() {
				continue
			}
			e.shutdown()
			if err := e.start(); err != nil {
				e.log.Error("bus: it cannot be started again yet", "err", err)
				continue
			}
			e.log.Info("bus: started again after the disk was full")
		}
	}
}

func (e *embedded) hasRoom() bool {
	var fs unix.Statfs_t
	if err := unix.Statfs(e.cfg.Dir, &fs); err != nil {
		return true // a start says what is wrong
	}
	return fs.Bavail*uint64(fs.Bsize) >= roomToGoOn
}

func (e *embedded) shutdown() {
	e.mu.Lock()
	srv := e.srv
	e.srv = nil
	e.mu.Unlock()
	if srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

func (e *embedded) close() {
	close(e.closing)
	e.mending.Wait()
	e.shutdown()
}

// serverLog brings the server's log lines into ours: its notices are our details.
type serverLog struct {
	*slog.Logger
	failed func(text string)
}

func (l serverLog) Noticef(format string, v ...any) { l.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Warnf(format string, v ...any)   { l.Warn("bus: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Fatalf(format string, v ...any)  { l.Errorf(format, v...) }
func (l serverLog) Debugf(format string, v ...any)  { l.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Tracef(format string, v ...any)  { l.Debug("bus: " + fmt.Sprintf(format, v...)) }

// Errorf looks for what only the log says.
func (l serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.Error("bus: " + text)
	l.failed(text)
}
