package pipeline

// Mounts knows where the host has file systems mounted. It is only asked when a rule or an output wants
// to know, by the goroutine that reads the event.
type Mounts interface {
	// AppendHostPath appends the path by which the host sees the file of the event's descriptor; false:
	// by none, or it is not known.
	AppendHostPath(dst []byte, ev *Event) ([]byte, bool)
}
