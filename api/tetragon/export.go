package tetragon

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The names here are those of the protocol in JSON. Numbers of 64 bits stand in it as text.

type exported struct {
	NodeName    string            `json:"node_name"`
	ClusterName string            `json:"cluster_name"`
	NodeLabels  map[string]string `json:"node_labels"`
	Time        string            `json:"time"`
}

// detail is what an event says; each kind has some of it.
type detail struct {
	Process      *process                     `json:"process"`
	Parent       *process                     `json:"parent"`
	FunctionName string                       `json:"function_name"`
	PolicyName   string                       `json:"policy_name"`
	Message      string                       `json:"message"`
	Tags         []string                     `json:"tags"`
	Action       string                       `json:"action"`
	ReturnAction string                       `json:"return_action"`
	Args         []map[string]json.RawMessage `json:"args"`
	Return       map[string]json.RawMessage   `json:"return"`
	Data         []map[string]json.RawMessage `json:"data"`
	Subsys       string                       `json:"subsys"`
	Event        string                       `json:"event"`
	Path         string                       `json:"path"`
	Symbol       string                       `json:"symbol"`
	Provider     string                       `json:"provider"`
	Name         string                       `json:"name"`
	BuildID      string                       `json:"buildid"`
	IMAHash      string                       `json:"ima_hash"`
	Signal       string                       `json:"signal"`
	Status       json.Number                  `json:"status"`
	Type         string                       `json:"type"`   // of process_throttle
	Cgroup       string                       `json:"cgroup"` // likewise
}

type process struct {
	ExecID       string      `json:"exec_id"`
	ParentExecID string      `json:"parent_exec_id"`
	PID          json.Number `json:"pid"`
	TID          json.Number `json:"tid"`
	UID          json.Number `json:"uid"`
	AUID         json.Number `json:"auid"`
	CWD          string      `json:"cwd"`
	Binary       string      `json:"binary"`
	Arguments    string      `json:"arguments"`
	Flags        string      `json:"flags"`
	StartTime    string      `json:"start_time"`
	Docker       string      `json:"docker"`
	User         *struct {
		Name string `json:"name"`
	} `json:"user"`
	InInitTree *bool `json:"in_init_tree"`
	Pod        *pod  `json:"pod"`
}

type pod struct {
	Namespace    string            `json:"namespace"`
	Name         string            `json:"name"`
	UID          string            `json:"uid"`
	Labels       map[string]string `json:"pod_labels"`
	Workload     string            `json:"workload"`
	WorkloadKind string            `json:"workload_kind"`
	Container    *struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		Image struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"image"`
		Security *struct {
			Privileged bool `json:"privileged"`
		} `json:"security_context"`
		MaybeExecProbe bool `json:"maybe_exec_probe"`
	} `json:"container"`
}

// kinds are the events that are taken, as the protocol calls them.
var kinds = []string{
	"process_exec", "process_exit", "process_kprobe", "process_tracepoint", "process_lsm", "process_uprobe", "process_usdt",
	"process_loader", "process_throttle", "rate_limit_info",
}

// Read makes a structured event of a line of Tetragon's export.
func Read(line []byte) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	kind := ""
	for _, k := range kinds {
		if _, ok := members[k]; ok {
			kind = k
			break
		}
	}
	if kind == "" {
		return nil, errors.New("not an event of Tetragon: it has none of " + strings.Join(kinds, ", "))
	}
	var x exported
	if err := json.Unmarshal(line, &x); err != nil {
		return nil, fmt.Errorf("read a %s: %w", kind, err)
	}
	var d detail
	if err := json.Unmarshal(members[kind], &d); err != nil {
		return nil, fmt.Errorf("read a %s: %w", kind, err)
	}
	if _, err := time.Parse(time.RFC3339Nano, x.Time); x.Time != "" && err != nil {
		return nil, fmt.Errorf("read a %s: time %q is not as in RFC 3339", kind, x.Time)
	}
	if strings.HasPrefix(kind, "process_") && kind != "process_throttle" && d.Process == nil {
		return nil, fmt.Errorf("read a %s: it has no process", kind)
	}
	event := newEvent(kind, &x, &d)
	text, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode a %s: %w", kind, err)
	}
	return text, nil
}

// newEvent puts everything in its place.
func newEvent(kind string, x *exported, d *detail) *event {
	e := &event{
		Kind: kind, Time: x.Time, Hostname: x.NodeName, NodeName: x.NodeName, ClusterName: x.ClusterName, NodeLabels: x.NodeLabels,
		PolicyName: d.PolicyName, FunctionName: d.FunctionName, Message: d.Message, Tags: d.Tags, Action: short(d.Action, "KPROBE_ACTION_"),
		ReturnAction: short(d.ReturnAction, "KPROBE_ACTION_"), Subsystem: d.Subsys, Tracepoint: d.Event, Path: d.Path, Symbol: d.Symbol,
		Provider: d.Provider, Name: d.Name, BuildID: d.BuildID, IMAHash: d.IMAHash, Signal: d.Signal, Throttle: short(d.Type, "THROTTLE_"), Cgroup: d.Cgroup,
	}
	if kind == "process_exit" {
		e.Status = d.Status
		if e.Status == "" {
			e.Status = "0" // the protocol leaves zeroes out
		}
	}
	for _, a := range d.Args {
		e.Args = append(e.Args, argument(a))
	}
	for _, a := range d.Data {
		e.Data = append(e.Data, argument(a))
	}
	if len(d.Return) > 0 {
		e.Return = argument(d.Return)
	}
	if d.Process == nil {
		return e
	}
	e.Process = actorOf(d.Process)
	if d.Parent != nil {
		e.Parent = actorOf(d.Parent)
	}
	e.Container = containerOf(d.Process)
	if p := d.Process.Pod; p != nil {
		e.Pod = &place{Namespace: p.Namespace, Name: p.Name, UID: p.UID, Labels: p.Labels, Workload: p.Workload, WorkloadKind: p.WorkloadKind}
	}
	return e
}

func actorOf(p *process) *actor {
	a := &actor{
		ExecID: p.ExecID, ParentExecID: p.ParentExecID, PID: p.PID, TID: p.TID, UID: p.UID, AUID: p.AUID, CWD: p.CWD, Binary: p.Binary,
		Name: p.Binary[strings.LastIndexByte(p.Binary, '/')+1:], Arguments: p.Arguments, Flags: strings.Fields(p.Flags), StartTime: p.StartTime,
		InInitTree: p.InInitTree,
	}
	if p.AUID == "4294967295" {
		a.AUID = "" // nobody logged in
	}
	if p.User != nil {
		a.User = p.User.Name
	}
	return a
}

// containerOf is nil for a process of the host.
func containerOf(p *process) *container {
	if p.Pod == nil || p.Pod.Container == nil {
		if p.Docker == "" {
			return nil
		}
		return &container{ID: shortID(p.Docker)}
	}
	from := p.Pod.Container
	_, id, ok := strings.Cut(from.ID, "://")
	if !ok {
		id = from.ID
	}
	c := &container{ID: shortID(id), Name: from.Name, Image: from.Image.Name, ImageID: from.Image.ID, MaybeExecProbe: from.MaybeExecProbe}
	if c.ID == "" {
		c.ID = shortID(p.Docker)
	}
	if from.Security != nil {
		c.Privileged = from.Security.Privileged
	}
	return c
}

// shortID is a container's id as alerts have it.
func shortID(id string) string { return id[:min(len(id), 12)] }

// short is a value of an enumeration without what it begins with, in lower case.
func short(value, prefix string) string { return strings.ToLower(strings.TrimPrefix(value, prefix)) }

// argument is one value: the kind of it under type, and either value or the members that it has.
func argument(from map[string]json.RawMessage) map[string]any {
	a := map[string]any{}
	var names []string
	for name := range from {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var v any
		if json.Unmarshal(from[name], &v) != nil {
			continue // it was valid: Unmarshal of the whole saw that
		}
		if name == "label" {
			a["label"] = v
			continue
		}
		kind := strings.TrimSuffix(name, "_arg")
		a["type"] = kind
		members, ok := v.(map[string]any)
		if !ok {
			a["value"] = scalar(kind, from[name], v)
			continue
		}
		for member, value := range members {
			a[memberName(strings.ToLower(member))] = value
		}
	}
	return a
}

// memberName keeps a member from taking the place of ours.
func memberName(name string) string {
	if name == "type" || name == "label" {
		return "arg_" + name
	}
	return name
}

// wide are the kinds of arguments whose 64 bits stand as text.
var wide = []string{"size", "long"}

func scalar(kind string, raw json.RawMessage, v any) any {
	text, ok := v.(string)
	if ok && slices.Contains(wide, kind) && json.Valid([]byte(text)) {
		return json.Number(text)
	}
	if _, ok := v.(float64); ok {
		return json.Number(raw)
	}
	return v
}
