package bus_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/bus/bustest"
)

var quiet = slog.New(slog.DiscardHandler)

func openBus(t *testing.T, cfg bus.Config) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return b
}

func TestEmbedded(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Engine {
		dir := t.TempDir()
		return bustest.Engine{Open: func(t *testing.T, cfg bus.Config) *bus.Bus {
			cfg.Dir = dir
			return openBus(t, cfg)
		}}
	})
}

// A server somebody else runs, over the network.
func TestForeignServer(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Engine {
		url := runServer(t)
		return bustest.Engine{Open: func(t *testing.T, cfg bus.Config) *bus.Bus {
			cfg.URL = url
			return openBus(t, cfg)
		}}
	})
}

func runServer(t *testing.T) (url string) {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Username: "tocsin", Password: "s3cret",
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server is not ready after 10 s")
	}
	return strings.Replace(srv.ClientURL(), "nats://", "nats://tocsin:s3cret@", 1)
}

func TestOpenErrorsAreForPeople(t *testing.T) {
	taken := t.TempDir()
	b := openBus(t, bus.Config{Dir: taken})
	defer b.Close()
	for name, tc := range map[string]struct {
		cfg  bus.Config
		want string
	}{
		"kafka is not built in":        {bus.Config{URL: "kafka://broker:9092"}, "no kafka bus yet"},
		"an unknown engine is named":   {bus.Config{URL: "amqp://broker"}, `unknown engine "amqp"`},
		"a URL that is none":           {bus.Config{URL: "nats://u:s3cret@%zz"}, "not a URL"},
		"nobody listens":               {bus.Config{URL: "nats://u:s3cret@127.0.0.1:1"}, "connect to the bus"},
		"embedded needs a folder":      {bus.Config{}, "set data_dir"},
		"two processes, one folder":    {bus.Config{Dir: taken}, "another tocsin is using it"},
		"a folder that cannot be made": {bus.Config{Dir: "/dev/null/bus"}, "make the folder"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := bus.Open(t.Context(), tc.cfg, quiet)
			if err == nil {
				b.Close()
				t.Fatalf("Open(%+v) succeeded, want an error with %q", tc.cfg, tc.want)
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("Open(%+v): %v, want %q and no password", tc.cfg, err, tc.want)
			}
		})
	}
}
