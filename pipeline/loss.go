package pipeline

// Loss is a cause of lost or shortened events. The order is that of enum loss in bpf/event.h; the
// causes after NumKernelLosses are user space's own.
type Loss int

// Causes of loss.
const (
	LossRingFull Loss = iota
	LossPathTruncated
	LossReadUser
	LossReadKernel
	LossArgsTruncated
	LossChunkFull
	LossShed // left out by the kernel side because the ring was nearly full
	NumKernelLosses
)

// Causes seen in user space.
const (
	LossDecode Loss = iota + NumKernelLosses // a record that could not be decoded
	LossProcessTableFull
	NumLosses
)

var lossNames = [NumLosses]string{
	"ring_full", "path_truncated", "read_user", "read_kernel", "args_truncated", "chunk_full", "shed",
	"decode", "process_table_full",
}

// String is the label value of the loss metrics.
func (l Loss) String() string {
	if l < 0 || l >= NumLosses {
		return "unknown"
	}
	return lossNames[l]
}

// Whole reports whether an event (or a process of the table) is gone altogether, not just shortened.
func (l Loss) Whole() bool {
	switch l {
	case LossRingFull, LossShed, LossDecode, LossProcessTableFull:
		return true
	default:
		return false
	}
}
