package sensor

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// chunk is one chunk of a record, its data copied.
type chunk struct {
	bpf.SensorChunkHeader
	data []byte
}

// record is a record taken apart far enough to compare; decoding proper is stages/decode's.
type record struct {
	bpf.SensorEventHeader
	call   bpf.SensorSyscallEvent
	task   bpf.SensorTaskInfo
	exit   bpf.SensorExitEvent
	chunks []chunk
}

func (r record) is(t pipeline.EventType) bool { return pipeline.EventType(r.Type) == t }

// walk takes a record apart and fails the test when it is not exactly what its header says.
func walk(t testing.TB, s pipeline.Sample) record {
	t.Helper()
	var r record
	take := func(b []byte, v any) []byte {
		n, err := binary.Decode(b, binary.NativeEndian, v)
		if err != nil {
			t.Fatalf("record of %d bytes is too short for %T: %v", len(s), v, err)
		}
		return b[n:]
	}
	take(s, &r.SensorEventHeader)
	var rest []byte
	switch r.Type {
	case uint16(bpf.SensorEventKindEVENT_EXEC), uint16(bpf.SensorEventKindEVENT_FORK):
		var e bpf.SensorTaskEvent
		rest = take(s, &e)
		r.task = e.Task
	case uint16(bpf.SensorEventKindEVENT_EXIT):
		rest = take(s, &r.exit)
	default:
		rest = take(s, &r.call)
	}
	for range r.Chunks {
		var c chunk
		rest = take(rest, &c.SensorChunkHeader)
		padded := (int(c.Len) + 7) &^ 7
		if padded > len(rest) {
			t.Fatalf("chunk kind %d claims %d bytes, %d are left", c.Kind, c.Len, len(rest))
		}
		if pad := rest[c.Len:padded]; !bytes.Equal(pad, make([]byte, len(pad))) {
			t.Errorf("chunk kind %d is padded with % x", c.Kind, pad)
		}
		c.data = bytes.Clone(rest[:c.Len])
		r.chunks = append(r.chunks, c)
		rest = rest[padded:]
	}
	if len(rest) != 0 || int(r.Size) != len(s) {
		t.Fatalf("type %d: size %d, sample %d bytes, %d left over", r.Type, r.Size, len(s), len(rest))
	}
	return r
}

// find returns the first chunk of a kind.
func (r record) find(kind bpf.SensorChunkKind) (chunk, bool) {
	i := slices.IndexFunc(r.chunks, func(c chunk) bool { return c.Kind == uint16(kind) })
	if i < 0 {
		return chunk{}, false
	}
	return r.chunks[i], true
}

// joined turns components into a path and marks what the flags say of it.
func (c chunk) joined(components []byte) string {
	if bpf.SensorChunkFlag(c.Flags)&bpf.SensorChunkFlagCHUNK_NO_PATH != 0 {
		return strings.TrimSuffix(string(components), "\x00")
	}
	names := strings.Split(strings.TrimSuffix(string(components), "\x00"), "\x00")
	slices.Reverse(names)
	path := "/" + strings.Join(names, "/")
	for flag, mark := range map[bpf.SensorChunkFlag]string{
		bpf.SensorChunkFlagCHUNK_DELETED:     " (deleted)",
		bpf.SensorChunkFlagCHUNK_UNREACHABLE: " (unreachable)",
		bpf.SensorChunkFlagCHUNK_TRUNCATED:   " (truncated)",
	} {
		if bpf.SensorChunkFlag(c.Flags)&flag != 0 {
			path += mark
		}
	}
	return path
}

// file splits CHUNK_FILE.
func (c chunk) file(t testing.TB) (bpf.SensorFileInfo, string) {
	t.Helper()
	var info bpf.SensorFileInfo
	n, err := binary.Decode(c.data, binary.NativeEndian, &info)
	if err != nil {
		t.Fatalf("file chunk of %d bytes: %v", len(c.data), err)
	}
	return info, c.joined(c.data[n:])
}

// passed says which of the descriptors that came with a message the chunk is of.
func (c chunk) passed() (int, bool) {
	const first, most = 0xf0, 4 // CHUNK_PASSED, PASSED_MAX of bpf/event.h
	return int(c.Index) - first, c.Index >= first && c.Index < first+most
}

// sock reads CHUNK_SOCK.
func (c chunk) sock(t testing.TB) (info bpf.SensorSockInfo, remote netip.AddrPort) {
	t.Helper()
	if _, err := binary.Decode(c.data, binary.NativeEndian, &info); err != nil {
		t.Fatalf("socket chunk of %d bytes: %v", len(c.data), err)
	}
	ip := netip.AddrFrom16(info.Remote)
	if info.Family == 2 { // AF_INET
		ip = netip.AddrFrom4([4]byte(info.Remote[:4]))
	}
	return info, netip.AddrPortFrom(ip, info.RemotePort)
}

// cred reads CHUNK_CRED.
func (c chunk) cred(t testing.TB) (info bpf.SensorCredInfo) {
	t.Helper()
	if _, err := binary.Decode(c.data, binary.NativeEndian, &info); err != nil {
		t.Fatalf("credentials chunk of %d bytes: %v", len(c.data), err)
	}
	return info
}

// socket is a line of summary for CHUNK_SOCK: of a unix socket its names, of others its far end.
func (c chunk) socket(t testing.TB) string {
	t.Helper()
	info, remote := c.sock(t)
	line := fmt.Sprintf("sock: family %d type %d protocol %d", info.Family, info.Type, info.Protocol)
	if info.Family != 1 { // AF_UNIX
		return line + " to " + remote.String()
	}
	names := c.data[binary.Size(info):]
	if len(names) != int(info.LocalLen+info.RemoteLen) {
		t.Errorf("%d bytes of names, want %d and %d", len(names), info.LocalLen, info.RemoteLen)
	}
	name := func(b []byte) string {
		if len(b) > 0 && b[0] != 0 {
			b = bytes.TrimSuffix(b, []byte{0}) // a path ends with its NUL, an abstract name begins with one
		}
		return string(b)
	}
	return fmt.Sprintf("%s %q to %q", line, name(names[:info.LocalLen]), name(names[info.LocalLen:]))
}

// summary is a record's chunks, one readable line each, as "kind index: value".
func (r record) summary(t testing.TB) []string {
	t.Helper()
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, c := range r.chunks {
		switch bpf.SensorChunkKind(c.Kind) {
		case bpf.SensorChunkKindCHUNK_STRING:
			add("string %d: %s", c.Index, c.data)
		case bpf.SensorChunkKindCHUNK_BASE:
			add("base %d: %s", c.Index, c.joined(c.data))
		case bpf.SensorChunkKindCHUNK_FILE:
			info, path := c.file(t)
			if n, ok := c.passed(); ok {
				add("passed %d: %s", n, path)
			} else {
				add("file: %s", path)
			}
			if bpf.SensorFileFlag(info.Flags)&bpf.SensorFileFlagFILE_IN_MOUNT != 0 && int(info.Below) > len(c.data) {
				t.Errorf("%d bytes below the mount of %d", info.Below, len(c.data))
			}
		case bpf.SensorChunkKindCHUNK_SOCKADDR:
			add("sockaddr %d: % x", c.Index, c.data)
		case bpf.SensorChunkKindCHUNK_SOCK:
			if n, ok := c.passed(); ok {
				add("passed %d: %s", n, c.socket(t))
			} else {
				lines = append(lines, c.socket(t))
			}
		case bpf.SensorChunkKindCHUNK_CRED:
			i := c.cred(t)
			add("cred: users %d %d %d %d groups %d %d %d %d", i.Uid, i.Euid, i.Suid, i.Fsuid, i.Gid, i.Egid, i.Sgid, i.Fsgid)
		case bpf.SensorChunkKindCHUNK_COMM:
			add("comm: %s", bytes.TrimRight(c.data, "\x00"))
		case bpf.SensorChunkKindCHUNK_CWD:
			add("cwd: %s", c.joined(c.data))
		case bpf.SensorChunkKindCHUNK_ROOT:
			add("root: %s", c.joined(c.data))
		case bpf.SensorChunkKindCHUNK_ARGV:
			add("argv: %s", bytes.ReplaceAll(c.data, []byte{0}, []byte{' '}))
		case bpf.SensorChunkKindCHUNK_ENV:
			add("env: %s", bytes.ReplaceAll(c.data, []byte{0}, []byte{' '}))
		case bpf.SensorChunkKindCHUNK_DATA:
			add("data %d: %d bytes", c.Index, len(c.data))
		case bpf.SensorChunkKindCHUNK_MOVED:
			add("moved: %d", binary.NativeEndian.Uint64(c.data))
		case bpf.SensorChunkKindCHUNK_SUBTREE:
			add("subtree: %s", c.joined(c.data))
		default:
			add("chunk kind %d", c.Kind)
		}
	}
	return lines
}
