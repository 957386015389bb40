package match

import (
	"encoding/json"
	"net/netip"
	"strconv"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Object is what an event was done to: a file's path, or the remote address. The port is part of it
// only when the remote end is the server: a client's port is different every time. "" when there is
// neither.
func Object(ev *pipeline.Event) string {
	switch fd := &ev.FD; {
	case fd.Remote.IsValid() && fd.Remote == fd.Client:
		return fd.Remote.Addr().Unmap().String()
	case fd.Remote.IsValid():
		return netip.AddrPortFrom(fd.Remote.Addr().Unmap(), fd.Remote.Port()).String()
	case hasPath(ev) && fd.Name != "":
		return fd.Name
	case ev.Path[0].Set:
		return ev.Path[0].Name
	default:
		return ""
	}
}

// hasPath reports whether the descriptor's name is a path: an open file, or an open that failed.
func hasPath(ev *pipeline.Event) bool {
	switch ev.FD.Kind {
	case pipeline.FDFile, pipeline.FDDirectory:
		return true
	case pipeline.FDUnknown:
		return ev.FD.Name != "" && ev.FD.Name[0] == '/'
	default:
		return false
	}
}

// valueText is an output field's value as text.
func valueText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case int, float64, json.Number: // of a structured event
		return payload.Text(v)
	default:
		return ""
	}
}
