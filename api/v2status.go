package api

import (
	"maps"
	"net/http"
	"runtime"

	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Receiver is where alerts go, as clients may see it: without addresses.
type Receiver struct {
	Name   string
	Labels map[string]string
}

// labels are the receiver's own ones and its name.
func (r Receiver) labels() map[string]string {
	set := map[string]string{}
	maps.Copy(set, r.Labels)
	set["name"] = r.Name
	return set
}

// Cluster is which processes share the work.
type Cluster struct {
	Name  string // this process's; empty: it works alone
	Peers []Peer // with this process
}

// Peer is a process of a Cluster.
type Peer struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Build is what this program was built from.
type Build struct {
	Version, Revision, Branch, User, Date string
}

// v2Receivers lists receivers in the order of the configuration.
func (s *Server) v2Receivers(w http.ResponseWriter, r *http.Request) {
	filter, err := filterParam(r.URL.Query(), "receiver_matchers")
	if err != nil {
		refuseV2(w, http.StatusBadRequest, err.Error())
		return
	}
	type receiver struct {
		Labels map[string]string `json:"labels"`
		Name   string            `json:"name"`
	}
	all := []receiver{}
	for _, r := range s.deps.V2.Receivers() {
		if set := r.labels(); matcher.Match(filter, set) {
			all = append(all, receiver{set, r.Name})
		}
	}
	answer(w, http.StatusOK, all)
}

// v2Status tells of this process: its version, its peers, its configuration.
func (s *Server) v2Status(w http.ResponseWriter, _ *http.Request) {
	original, err := s.deps.V2.Original()
	if err != nil {
		refuseV2(w, http.StatusInternalServerError, "write the configuration down: "+err.Error())
		return
	}
	build := s.deps.V2.Build
	answer(w, http.StatusOK, map[string]any{
		"cluster": s.deps.V2.Cluster().status(),
		"config":  map[string]string{"original": original},
		"uptime":  apiTime(s.deps.V2.Started), // Alertmanager's word for when it started
		"versionInfo": map[string]string{
			"version": build.Version, "revision": build.Revision, "branch": build.Branch,
			"buildUser": build.User, "buildDate": build.Date, "goVersion": runtime.Version(),
		},
	})
}

// status is the cluster in Alertmanager's words. There is nothing to settle: what peers share is in their store.
func (c Cluster) status() map[string]any {
	if c.Name == "" {
		return map[string]any{"status": "disabled", "peers": []Peer{}}
	}
	return map[string]any{"name": c.Name, "status": "ready", "peers": append([]Peer{}, c.Peers...)}
}
