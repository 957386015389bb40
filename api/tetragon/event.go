package tetragon

import "encoding/json"

// event is what rules see. Members that an event has not are left out.
type event struct {
	Kind         string            `json:"kind"`
	Time         string            `json:"time,omitempty"`
	Hostname     string            `json:"hostname,omitempty"` // the node: alerts have it as their host
	NodeName     string            `json:"node_name,omitempty"`
	ClusterName  string            `json:"cluster_name,omitempty"`
	NodeLabels   map[string]string `json:"node_labels,omitempty"`
	Process      *actor            `json:"process,omitempty"`
	Parent       *actor            `json:"parent,omitempty"`
	Pod          *place            `json:"pod,omitempty"`
	Container    *container        `json:"container,omitempty"`
	PolicyName   string            `json:"policy_name,omitempty"`
	FunctionName string            `json:"function_name,omitempty"`
	Message      string            `json:"message,omitempty"`
	Tags         []string          `json:"tags,omitempty"`
	Action       string            `json:"action,omitempty"`
	ReturnAction string            `json:"return_action,omitempty"`
	Args         []map[string]any  `json:"args,omitempty"`
	Data         []map[string]any  `json:"data,omitempty"`
	Return       map[string]any    `json:"return,omitempty"`
	Subsystem    string            `json:"subsys,omitempty"`
	Tracepoint   string            `json:"event,omitempty"`
	Path         string            `json:"path,omitempty"`
	Symbol       string            `json:"symbol,omitempty"`
	Provider     string            `json:"provider,omitempty"`
	Name         string            `json:"name,omitempty"`
	BuildID      string            `json:"buildid,omitempty"`
	IMAHash      string            `json:"ima_hash,omitempty"`
	Signal       string            `json:"signal,omitempty"`
	Status       json.Number       `json:"status,omitempty"`
	Throttle     string            `json:"throttle,omitempty"`
	Cgroup       string            `json:"cgroup,omitempty"`
}

type actor struct {
	ExecID       string      `json:"exec_id,omitempty"`
	ParentExecID string      `json:"parent_exec_id,omitempty"`
	PID          json.Number `json:"pid,omitempty"`
	TID          json.Number `json:"tid,omitempty"`
	UID          json.Number `json:"uid,omitempty"`
	AUID         json.Number `json:"auid,omitempty"`
	User         string      `json:"user,omitempty"`
	CWD          string      `json:"cwd,omitempty"`
	Binary       string      `json:"binary,omitempty"`
	Name         string      `json:"name,omitempty"` // the last part of binary
	Arguments    string      `json:"arguments,omitempty"`
	Flags        []string    `json:"flags,omitempty"`
	StartTime    string      `json:"start_time,omitempty"`
	InInitTree   *bool       `json:"in_init_tree,omitempty"`
}

type place struct {
	Namespace    string            `json:"namespace,omitempty"`
	Name         string            `json:"name,omitempty"`
	UID          string            `json:"uid,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Workload     string            `json:"workload,omitempty"`
	WorkloadKind string            `json:"workload_kind,omitempty"`
}

type container struct {
	ID             string `json:"id,omitempty"` // 12 characters, as other alerts have it
	Name           string `json:"name,omitempty"`
	Image          string `json:"image,omitempty"`
	ImageID        string `json:"image_id,omitempty"`
	Privileged     bool   `json:"privileged,omitempty"`
	MaybeExecProbe bool   `json:"maybe_exec_probe,omitempty"`
}

// Schema is what events have, as a configuration writes a source's.
func Schema() map[string]any {
	actor := map[string]any{
		"exec_id": "string", "parent_exec_id": "string", "pid": "int", "tid": "int", "uid": "int", "auid": "int", "user": "string",
		"cwd": "string", "binary": "string", "name": "string", "arguments": "string", "flags": []any{"string"}, "start_time": "string",
		"in_init_tree": "bool",
	}
	argument := map[string]any{"type": "string", "label": "string", "*": "any"}
	labels := map[string]any{"*": "string"}
	return map[string]any{
		"kind": "string", "time": "string", "hostname": "string", "node_name": "string", "cluster_name": "string", "node_labels": labels,
		"process": actor, "parent": actor,
		"pod": map[string]any{"namespace": "string", "name": "string", "uid": "string", "labels": labels, "workload": "string", "workload_kind": "string"},
		"container": map[string]any{
			"id": "string", "name": "string", "image": "string", "image_id": "string", "privileged": "bool", "maybe_exec_probe": "bool",
		},
		"policy_name": "string", "function_name": "string", "message": "string", "tags": []any{"string"}, "action": "string",
		"return_action": "string", "args": []any{argument}, "data": []any{argument}, "return": argument, "subsys": "string", "event": "string",
		"path": "string", "symbol": "string", "provider": "string", "name": "string", "buildid": "string", "ima_hash": "string",
		"signal": "string", "status": "int", "throttle": "string", "cgroup": "string",
	}
}
