package sensor

import "github.com/tocsin-security/tocsin/pipeline"

// compatNumbers are the calls of 32-bit programs (arch/x86/entry/syscalls/syscall_32.tbl), which a 64-bit
// program can make too, by int 0x80. Old and 32-bit wide user ids have a number each.
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
		{295, pipeline.EventOpenat},
		{296, pipeline.EventMkdirat},
		{298, pipeline.EventFchownat},
		{301, pipeline.EventUnlinkat},
		{302, pipeline.EventRenameat},
		{303, pipeline.EventLinkat},
		{304, pipeline.EventSymlinkat},
		{306, pipeline.EventFchmodat},
		{353, pipeline.EventRenameat2},
		{358, pipeline.EventExecveatFailed},
		{362, pipeline.EventConnect},
		{437, pipeline.EventOpenat2},
		{452, pipeline.EventFchmodat2},
	}
}
