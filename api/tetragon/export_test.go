package tetragon

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/filter/payload"
)

// Events as the protocol has them, with invented names.
const (
	execLine = `{"process_exec":{"process":{"exec_id":"bm9kZTE6MTIz","pid":52699,"uid":0,"cwd":"/","binary":"/usr/bin/curl","arguments":"-s http://192.0.2.9",
		"flags":"execve rootcwd clone","start_time":"2026-11-23T10:00:00.123456789Z","auid":4294967295,"tid":52699,"in_init_tree":false,
		"pod":{"namespace":"shop","name":"web-1","uid":"u-1","workload":"web","workload_kind":"Deployment","pod_labels":{"app":"web"},
		"container":{"id":"containerd://551e161c47d8ff0eb665438a7bcd5b4e","name":"web","image":{"id":"registry.example/shop/web@sha256:00","name":"registry.example/shop/web:1.4"},
		"start_time":"2026-11-23T09:00:00Z","pid":41,"security_context":{"privileged":true}}},"docker":"551e161c47d8ff0","parent_exec_id":"bm9kZTE6MTIy","refcnt":1},
		"parent":{"exec_id":"bm9kZTE6MTIy","pid":52698,"uid":0,"auid":1000,"binary":"/bin/sh","user":{"name":"root"}}},
		"node_name":"node-1","cluster_name":"prod","node_labels":{"zone":"a"},"time":"2026-11-23T10:00:00.123456789Z"}`
	kprobeLine = `{"process_kprobe":{"process":{"pid":7,"uid":0,"binary":"/bin/cat"},"function_name":"security_file_open","policy_name":"watch","message":"opened",
		"tags":["t1"],"action":"KPROBE_ACTION_SIGKILL","return_action":"KPROBE_ACTION_POST","args":[{"file_arg":{"mount":"/","path":"/etc/shadow","permission":"-rw-r-----"},"label":"file"},
		{"int_arg":-1},{"size_arg":"18446744073709551615"},{"string_arg":"x"},{"bytes_arg":"AAEC"},
		{"sock_arg":{"family":"AF_INET","type":"SOCK_STREAM","saddr":"192.0.2.1","daddr":"192.0.2.9","sport":4711,"dport":80,"cookie":"9223372036854775807"}},
		{"bpf_attr_arg":{"ProgType":"BPF_PROG_TYPE_KPROBE","InsnCnt":3}}],"return":{"int_arg":0}},"node_name":"node-1","time":"2026-11-23T10:00:00Z"}`
	exitLine = `{"process_exit":{"process":{"pid":7,"binary":"/bin/cat","docker":"551e161c47d8ff0"},"signal":"SIGKILL","time":"2026-11-23T10:00:01Z"},"node_name":"n","time":"2026-11-23T10:00:01Z"}`
)

func read(t *testing.T, line string) map[string]any {
	t.Helper()
	text, err := Read([]byte(line))
	if err != nil {
		t.Fatalf("Read = %v", err)
	}
	e, err := payload.Decode(text)
	if err != nil {
		t.Fatalf("the event is %v: %s", err, text)
	}
	return e.Members()
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want map[string]any
	}{
		"an exec in a container": {execLine, map[string]any{
			"kind": "process_exec", "time": "2026-11-23T10:00:00.123456789Z", "hostname": "node-1", "node_name": "node-1", "cluster_name": "prod",
			"node_labels": map[string]any{"zone": "a"},
			"process": map[string]any{
				"exec_id": "bm9kZTE6MTIz", "parent_exec_id": "bm9kZTE6MTIy", "pid": 52699, "tid": 52699, "uid": 0, "cwd": "/", "binary": "/usr/bin/curl", "name": "curl",
				"arguments": "-s http://192.0.2.9", "flags": []any{"execve", "rootcwd", "clone"}, "start_time": "2026-11-23T10:00:00.123456789Z", "in_init_tree": false,
			},
			"parent": map[string]any{"exec_id": "bm9kZTE6MTIy", "pid": 52698, "uid": 0, "auid": 1000, "binary": "/bin/sh", "name": "sh", "user": "root"},
			"pod":    map[string]any{"namespace": "shop", "name": "web-1", "uid": "u-1", "workload": "web", "workload_kind": "Deployment", "labels": map[string]any{"app": "web"}},
			"container": map[string]any{
				"id": "551e161c47d8", "name": "web", "image": "registry.example/shop/web:1.4", "image_id": "registry.example/shop/web@sha256:00", "privileged": true,
			},
		}},
		"a kprobe with arguments": {kprobeLine, map[string]any{
			"kind": "process_kprobe", "time": "2026-11-23T10:00:00Z", "hostname": "node-1", "node_name": "node-1",
			"process":       map[string]any{"pid": 7, "uid": 0, "binary": "/bin/cat", "name": "cat"},
			"function_name": "security_file_open", "policy_name": "watch", "message": "opened", "tags": []any{"t1"}, "action": "sigkill", "return_action": "post",
			"args": []any{
				map[string]any{"type": "file", "label": "file", "mount": "/", "path": "/etc/shadow", "permission": "-rw-r-----"},
				map[string]any{"type": "int", "value": -1},
				map[string]any{"type": "size", "value": json.Number("18446744073709551615")},
				map[string]any{"type": "string", "value": "x"},
				map[string]any{"type": "bytes", "value": "AAEC"},
				map[string]any{
					"type": "sock", "arg_type": "SOCK_STREAM", "family": "AF_INET", "saddr": "192.0.2.1", "daddr": "192.0.2.9", "sport": 4711, "dport": 80,
					"cookie": "9223372036854775807",
				},
				map[string]any{"type": "bpf_attr", "progtype": "BPF_PROG_TYPE_KPROBE", "insncnt": 3},
			},
			"return": map[string]any{"type": "int", "value": 0},
		}},
		"an exit, in a container without Kubernetes": {exitLine, map[string]any{
			"kind": "process_exit", "time": "2026-11-23T10:00:01Z", "hostname": "n", "node_name": "n", "signal": "SIGKILL", "status": 0,
			"process": map[string]any{"pid": 7, "binary": "/bin/cat", "name": "cat"}, "container": map[string]any{"id": "551e161c47d8"},
		}},
		"events that were left out": {`{"process_throttle":{"type":"THROTTLE_START","cgroup":"/kubepods/x"},"node_name":"n","time":"2026-11-23T10:00:01Z"}`, map[string]any{
			"kind": "process_throttle", "time": "2026-11-23T10:00:01Z", "hostname": "n", "node_name": "n", "throttle": "start", "cgroup": "/kubepods/x",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, read(t, c.line)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"what is no object":           {`7`, "not a JSON object"},
		"an event of something else":  {`{"type":"login"}`, "it has none of process_exec"},
		"an event without a process":  {`{"process_exec":{}}`, "no process"},
		"a process that is none":      {`{"process_exec":{"process":7}}`, "read a process_exec"},
		"a time that is none":         {`{"process_exec":{"process":{}},"time":"now"}`, `time "now"`},
		"nothing under the event":     {`{"process_exec":null}`, "no process"},
		"an argument that is no list": {`{"process_kprobe":{"process":{},"args":7}}`, "read a process_kprobe"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Read([]byte(c.line)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Read(%s) = %s, %v; want %q", c.line, got, err, c.want)
			}
		})
	}
}

// Rules are checked against the schema: what events have has to be in it, and it has to be one.
func TestSchemaHasWhatEventsHave(t *testing.T) {
	if _, err := payload.NewSchema(Schema()); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{execLine, kprobeLine, exitLine} {
		within(t, "event", read(t, line), Schema())
	}
}

func within(t *testing.T, path string, v, schema any) {
	t.Helper()
	switch s := schema.(type) {
	case map[string]any:
		members, ok := v.(map[string]any)
		if !ok {
			t.Errorf("%s is no object", path)
		}
		for name, member := range members {
			below, ok := s[name]
			if !ok {
				below, ok = s["*"]
			}
			if !ok {
				t.Errorf("%s.%s is not in the schema", path, name)
				continue
			}
			within(t, path+"."+name, member, below)
		}
	case []any:
		for _, element := range v.([]any) {
			within(t, path+"[]", element, s[0])
		}
	default:
		ok := s == "any"
		switch v.(type) {
		case string:
			ok = ok || s == "string"
		case bool:
			ok = ok || s == "bool"
		case int:
			ok = ok || s == "int"
		}
		if !ok {
			t.Errorf("%s is %T, the schema says %s", path, v, s)
		}
	}
}

// Whatever comes: an error, or an event that rules can read, of a known kind, with a time that can be one.
func FuzzRead(f *testing.F) {
	for _, line := range []string{execLine, kprobeLine, exitLine, `{"process_exec":{"process":{"pid":"7"}}}`, `{"process_kprobe":{"process":{},"args":[{"size_arg":"1e9"},{"x":null}]}}`} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		text, err := Read(line)
		if (err == nil) == (text == nil) {
			t.Fatalf("Read(%s) = %s, %v", line, text, err)
		}
		if err != nil {
			return
		}
		e, err := payload.Decode(text)
		if err != nil {
			t.Fatalf("Read(%s) = %s: %v", line, text, err)
		}
		if e.Get("kind") == "" {
			t.Fatalf("Read(%s) = %s: no kind", line, text)
		}
		if at, ok := e.Members()["time"].(string); ok {
			if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
				t.Fatalf("Read(%s) = %s: %v", line, text, err)
			}
		}
	})
}
