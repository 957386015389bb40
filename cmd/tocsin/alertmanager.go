package main

import (
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
)

// alertmanager is what Alertmanager's API works on: the alerts and silences of this process, or of the store that
// it shares, and the configuration of the day.
func (a *app) alertmanager(host string) api.V2 {
	cfg := func() *configs.Loaded { return a.active.Load().cfg }
	return api.V2{
		Inspect:        a.durable.grouper.Inspect,
		Silences:       a.durable.silences,
		Receivers:      func() []api.Receiver { return receiverNames(cfg()) },
		ResolveTimeout: func() time.Duration { return resolveTimeout(cfg()) },
		Original:       func() (string, error) { return cfg().Original() },
		Cluster:        func() api.Cluster { return a.cluster(host) },
		Build:          buildOf(),
		Started:        time.Now(),
	}
}

func receiverNames(cfg *configs.Loaded) []api.Receiver {
	all := make([]api.Receiver, len(cfg.Receivers))
	for i, r := range cfg.Receivers {
		all[i] = api.Receiver{Name: r.Name, Labels: r.Labels}
	}
	return all
}

// defaultResolveTimeout is Alertmanager's.
const defaultResolveTimeout = 5 * time.Minute

func resolveTimeout(cfg *configs.Loaded) time.Duration {
	if d := time.Duration(cfg.Global.ResolveTimeout); d > 0 {
		return d
	}
	return defaultResolveTimeout
}

// cluster is this process alone, unless a store is shared. Who else shares it is not known here.
func (a *app) cluster(host string) api.Cluster {
	if a.durable.shared == nil {
		return api.Cluster{}
	}
	return api.Cluster{Name: host, Peers: []api.Peer{{Name: host, Address: a.server.Addr()}}}
}

// alertmanagerModule says whose API this is.
const alertmanagerModule = "github.com/prometheus/alertmanager"

// buildOf is what the Go tool wrote into this program. Clients look at the version to know what the API can do, and
// amtool warns of one unlike its own: it is that of the Alertmanager whose API this is, with ours behind the plus.
func buildOf() api.Build {
	var b api.Build
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return api.Build{Version: version}
	}
	for _, dep := range info.Deps {
		if dep.Path == alertmanagerModule {
			b.Version = strings.TrimPrefix(dep.Version, "v")
		}
	}
	b.Version += "+tocsin." + notSemantic.ReplaceAllString(version, "-")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Date = s.Value
		}
	}
	return b
}

// alertmanagerInfo is a metric of Alertmanager's, which karma takes the version from.
var alertmanagerInfo = prometheus.NewDesc("alertmanager_build_info", "1, with the version of the Alertmanager whose API this is.", []string{"version"}, nil)

// notSemantic is what a semantic version may not have behind its plus.
var notSemantic = regexp.MustCompile(`[^0-9A-Za-z.-]`)
