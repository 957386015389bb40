package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// Watched is a master and its replica, with a Sentinel that knows them as MasterName.
type Watched struct {
	Master, Replica, Sentinel *Server
}

// MasterName is what the Sentinel calls its master.
const MasterName = "mymaster"

// StartWatched starts one. It fails over when the master is gone for half a second.
func StartWatched(t testing.TB) *Watched {
	t.Helper()
	w := &Watched{Master: Start(t)}
	host, port, _ := net.SplitHostPort(w.Master.Addr)
	w.Replica = Start(t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
	sentinelPort, dir := freePort(t), t.TempDir()
	config := filepath.Join(dir, "sentinel.conf")
	err := os.WriteFile(config, fmt.Appendf(nil, "port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor %s %s %s 1\n"+
		"sentinel down-after-milliseconds %s 500\nsentinel failover-timeout %s 3000\n",
		sentinelPort, dir, MasterName, host, port, MasterName, MasterName), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w.Sentinel = start(t, sentinelPort, config, "--sentinel")
	Eventually(t, "the Sentinel knows the replica", func() bool {
		replicas, err := w.Sentinel.Client().Do(t.Context(), "SENTINEL", "replicas", MasterName).Slice()
		return err == nil && len(replicas) == 1
	})
	return w
}

// URL names the Sentinel.
func (w *Watched) URL() string { return "redis+sentinel://" + w.Sentinel.Addr + "/" + MasterName }
