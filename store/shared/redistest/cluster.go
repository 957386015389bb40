package redistest

import (
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Cluster is a Redis Cluster of the test's own, of masters that share the slots evenly.
type Cluster struct {
	Nodes []*Server

	t testing.TB
}

// slots is how many hash slots every cluster has.
const slots = 16384

// StartCluster starts one of three masters and returns when it is up.
func StartCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var buses []string
	for range 3 {
		bus := freePort(t)
		buses = append(buses, bus)
		c.Nodes = append(c.Nodes, Start(t, append([]string{
			"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1000",
		}, args...)...))
	}
	for i, n := range c.Nodes {
		n.Do("CLUSTER", "ADDSLOTSRANGE", i*slots/len(c.Nodes), (i+1)*slots/len(c.Nodes)-1)
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for i, n := range c.Nodes[1:] {
		host, port, _ := net.SplitHostPort(n.Addr)
		c.Nodes[0].Do("CLUSTER", "MEET", host, port, buses[i+1])
	}
	Eventually(t, "the cluster is up", c.Up)
	return c
}

// Up reports whether all nodes find that the cluster is.
func (c *Cluster) Up() bool {
	for _, n := range c.Nodes {
		info, err := n.Client().ClusterInfo(c.t.Context()).Result()
		if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
			return false
		}
	}
	return true
}

// URL names the first node and the last.
func (c *Cluster) URL() string { return c.Nodes[0].URL() + "," + c.Nodes[len(c.Nodes)-1].Addr }

// Client is a client of the cluster, for looking behind the code under test.
func (c *Cluster) Client() *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Nodes[0].Addr}})
	c.t.Cleanup(func() { _ = client.Close() }) // of servers that may be dead
	return client
}

// Flush empties all nodes.
func (c *Cluster) Flush() {
	c.t.Helper()
	for _, n := range c.Nodes {
		n.Do("FLUSHALL")
	}
}

// Owner is the node that has a key's slot, and another one.
func (c *Cluster) Owner(key string) (owner, other *Server, slot int64) {
	c.t.Helper()
	slot = c.Nodes[0].Do("CLUSTER", "KEYSLOT", key).(int64)
	i := int(slot) * len(c.Nodes) / slots
	return c.Nodes[i], c.Nodes[(i+1)%len(c.Nodes)], slot
}
