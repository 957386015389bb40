package field

import (
	"net/netip"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Type is what a field's values are; it decides the operators and constants a condition may use.
type Type uint8

// Types of field.
const (
	String   Type = iota + 1
	Int           // 64-bit signed
	Uint          // 32-bit unsigned; negative constants wrap
	Uint64        // 64-bit unsigned, held in an int64
	Double        // no field of this type has a value yet
	Bool          //
	IP            //
	Net           // an address that conditions compare with networks
	Port          // constants may be service names
	Time          // ns since the epoch, unsigned
	Duration      // ns, unsigned
	Buffer        // bytes, held in a string
)

var typeNames = map[Type]string{
	String: "string", Int: "int64", Uint: "uint32", Uint64: "uint64", Double: "double", Bool: "bool", IP: "ip address", Net: "ip network",
	Port: "port", Time: "time", Duration: "duration", Buffer: "bytes",
}

// String is the name shown to users.
func (t Type) String() string { return typeNames[t] }

// IsNumber reports whether values have an order other than that of text.
func (t Type) IsNumber() bool { return t == Int || t == Double || t.IsUnsigned() }

// IsUnsigned reports whether negative numbers, constants included, stand for large ones.
func (t Type) IsUnsigned() bool {
	return t == Uint || t == Uint64 || t == Port || t == Time || t == Duration
}

// ArgKind says whether a field takes an argument in brackets (or after a dot).
type ArgKind uint8

// Kinds of argument.
const (
	NoArg ArgKind = iota
	MayIndex
	NeedsIndex
	MayKey
	NeedsKey
)

// Def is one known field.
type Def struct {
	Name        string
	Type        Type
	Doc         string
	Source      string // where its values come from, in a few words
	Arg         ArgKind
	IsList      bool   // a list of values: conditions ask with in, intersects and exists alone
	Plain       bool   // is compared with constants only: not with another field, not transformed
	DotArg      bool   // the argument may follow a dot: evt.arg.flags
	FilterOnly  bool   // makes no sense in an output: it stands for two values
	Located     bool   // is where an address is: null without an address database
	Resolved    bool   // a path as the kernel resolved it: conditions may know it by its OldName
	Unavailable string // why it is always null here, or ""

	// typeOf is the type where that depends on the argument; nil: Type.
	typeOf func(arg string) Type

	// OfType says whether the field can have a value in events of a type, and which if it can only be one;
	// "" when it can be several. Conditions on it are asked about no other events. nil: in all of them.
	OfType func(pipeline.EventType) (value string, may bool)

	get  Getter
	bind func(arg string) (Getter, error) // when there is an argument
}

// Class is the part of the name before the first dot.
func (d *Def) Class() string {
	class, _, _ := strings.Cut(d.Name, ".")
	return class
}

// Getter reads a field. One function is set, by the field's type and shape (List and the ancestors' may
// come with another); none when the field is always null.
type Getter struct {
	Str  func(*View) (string, bool) // String, Buffer
	Int  func(*View) (int64, bool)  // every number
	Bool func(*View) (value, ok bool)
	Addr func(*View) (netip.Addr, bool) // IP, Net

	// HostAddr is the address whose host's name Str is: conditions compare it with the addresses of the names
	// they have.
	HostAddr func(*View) (netip.Addr, bool)

	// List reads the elements of a list. Text that is made of elements, such as the arguments of a process,
	// has it besides Str, for transformers that take a list.
	List func(*View) ([]string, bool)

	// Ends gives both ends of a connection: fd.ip, fd.net and fd.port hold if either does.
	Ends func(*View) (a, b netip.AddrPort, ok bool)

	// OfProcess and IntOfProcess read an ancestor: without an index such a field holds if any
	// ancestor's does. Str and Int beside them are what outputs print instead of all ancestors.
	//
	// Some reads a list: it reports whether an element passes the test. Without an index such a field holds
	// if any element does.
	OfProcess    func(*View, *pipeline.Process) (string, bool)
	IntOfProcess func(*View, *pipeline.Process) (int64, bool)
	Some         func(v *View, test func(string) bool) bool
}

// Ref is a field as one rule uses it: with its argument, ready to be read.
type Ref struct {
	Getter
	Def  *Def
	Text string // as written, argument included
}

// Null reports whether the field can never have a value here.
func (r Ref) Null() bool { return r.Def != nil && r.Def.Unavailable != "" }

// IsAny reports whether the field stands for many values at once: every ancestor's, or a list.
func (r Ref) IsAny() bool { return r.OfProcess != nil || r.IntOfProcess != nil || r.Some != nil }

// Ancestors calls visit for the parent of the event's process, its parent and so on, until visit
// returns false, the table knows no more, or the chain closes on itself.
func Ancestors(ev *pipeline.Event, visit func(*pipeline.Process) bool) {
	slow := ev.Proc
	for p, n := parentOf(ev.Proc), 1; p != nil && p != slow; p, n = parentOf(p), n+1 {
		if !visit(p) {
			return
		}
		if n%2 == 0 {
			slow = parentOf(slow)
		}
	}
}

// parentOf is p's parent, or nil when nothing is known of it.
func parentOf(p *pipeline.Process) *pipeline.Process {
	if p == nil || p.Parent == nil || !p.Parent.Known {
		return nil
	}
	return p.Parent
}
