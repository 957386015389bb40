package decode

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// seed notes the ports that are served already, as far as the network namespace of procfs shows them.
// A file that cannot be read only costs roles of connections made before.
func (p *ports) seed(procfs string) {
	const listening, unconnected = "0A", "07" // TCP_LISTEN, TCP_CLOSE: a datagram socket without a peer
	for name, state := range map[string]string{"tcp": listening, "tcp6": listening, "udp": unconnected, "udp6": unconnected} {
		file, err := os.ReadFile(filepath.Join(procfs, "net", name))
		if err != nil {
			continue
		}
		set := &p.stream
		if strings.HasPrefix(name, "udp") {
			set = &p.datagram
		}
		for line := range strings.Lines(string(file)) {
			if port, ok := localPort(line, state); ok && (set == &p.stream || port < ephemeral) {
				set.add(port)
			}
		}
	}
}

// localPort is the local port of a line of /proc/net/tcp that has the state: "0: ADDR:PORT ADDR:PORT STATE …",
// all hexadecimal (proc_net_tcp(5)).
func localPort(line, state string) (uint16, bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[3] != state {
		return 0, false
	}
	_, text, _ := strings.Cut(fields[1], ":")
	port, err := strconv.ParseUint(text, 16, 16)
	return uint16(port), err == nil
}
