package sensor

import "github.com/tocsin-security/tocsin/pipeline"

// compatNumbers are the calls of AArch32 programs (arch/arm/tools/syscall.tbl). Old and 32-bit wide user
// ids have a number each.
func compatNumbers() []number {
	return []number{
		{5, pipeline.EventOpen},
		{8, pipeline.EventCreat},
		{9, pipeline.EventLink},
		{10, pipeline.EventUnlink},
		{11, pipeline.EventExecveFailed},
		{15, pipeline.EventChmod},
		{16, pipeline.EventLchown},
		{21, pipeline.EventMount},
		{23, pipeline.EventSetuid},
		{26, pipeline.EventPtrace},
		{38, pipeline.EventRename},
		{39, pipeline.EventMkdir},
		{40, pipeline.EventRmdir},
		{83, pipeline.EventSymlink},
		{94, pipeline.EventFchmod},
		{95, pipeline.EventFchown},
		{182, pipeline.EventChown},
		{198, pipeline.EventLchown},
		{207, pipeline.EventFchown},
		{212, pipeline.EventChown},
		{213, pipeline.EventSetuid},
		{283, pipeline.EventConnect},
		{322, pipeline.EventOpenat},
		{323, pipeline.EventMkdirat},
		{325, pipeline.EventFchownat},
		{328, pipeline.EventUnlinkat},
		{329, pipeline.EventRenameat},
		{330, pipeline.EventLinkat},
		{331, pipeline.EventSymlinkat},
		{333, pipeline.EventFchmodat},
		{382, pipeline.EventRenameat2},
		{387, pipeline.EventExecveatFailed},
		{437, pipeline.EventOpenat2},
		{452, pipeline.EventFchmodat2},
	}
}
