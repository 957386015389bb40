package pipeline

// ConnectGroup names a control group whose TCP connects are counted: the kernel's ids of it in the default
// hierarchy and, where v1 hierarchies are in use, in a controller's. They are not used again. The zero value
// stands for all groups that found no room.
type ConnectGroup struct{ Group, Controller uint64 }

// Connects is one count of TCP connects.
type Connects struct {
	ConnectGroup
	Errno uint32 // 0: those that succeeded or went on in the background; else those that failed with it
	Count uint64 // since the sensor was opened, or the count was forgotten
}

// ConnectGroupOf is what an EventConnects is about.
func ConnectGroupOf(ev *Event) ConnectGroup {
	return ConnectGroup{Group: ev.Args[0], Controller: ev.Args[1]}
}
