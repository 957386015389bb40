package decode

import "github.com/tocsin-security/tocsin/bpf"

// The wire layout is bpf/event.h's; bpf2go turns it into the structs of package bpf.
type (
	eventHeader  = bpf.SensorEventHeader
	syscallEvent = bpf.SensorSyscallEvent
	taskEvent    = bpf.SensorTaskEvent
	exitEvent    = bpf.SensorExitEvent
	chunkHeader  = bpf.SensorChunkHeader
	fileInfo     = bpf.SensorFileInfo
	sockInfo     = bpf.SensorSockInfo
	credInfo     = bpf.SensorCredInfo
)

// The enumerators, in the types of the fields that hold them.
const (
	kindString   = uint16(bpf.SensorChunkKindCHUNK_STRING)
	kindBase     = uint16(bpf.SensorChunkKindCHUNK_BASE)
	kindFile     = uint16(bpf.SensorChunkKindCHUNK_FILE)
	kindSockaddr = uint16(bpf.SensorChunkKindCHUNK_SOCKADDR)
	kindSock     = uint16(bpf.SensorChunkKindCHUNK_SOCK)
	kindArgv     = uint16(bpf.SensorChunkKindCHUNK_ARGV)
	kindEnv      = uint16(bpf.SensorChunkKindCHUNK_ENV)
	kindExe      = uint16(bpf.SensorChunkKindCHUNK_EXE)
	kindCwd      = uint16(bpf.SensorChunkKindCHUNK_CWD)
	kindCgroup   = uint16(bpf.SensorChunkKindCHUNK_CGROUP)
	kindFilename = uint16(bpf.SensorChunkKindCHUNK_FILENAME)
	kindData     = uint16(bpf.SensorChunkKindCHUNK_DATA)

	kindCred = uint16(bpf.SensorChunkKindCHUNK_CRED)
	kindComm = uint16(bpf.SensorChunkKindCHUNK_COMM)

	kindMoved   = uint16(bpf.SensorChunkKindCHUNK_MOVED)
	kindSubtree = uint16(bpf.SensorChunkKindCHUNK_SUBTREE)

	// ofResult is CHUNK_OF_RESULT: what a chunk of the descriptor that the call returned has for index.
	ofResult = 0xff
	// ofPassed is CHUNK_PASSED, maxPassed PASSED_MAX: indexes of descriptors that came with a message.
	ofPassed, maxPassed = 0xf0, 4

	chunkTruncated = uint8(bpf.SensorChunkFlagCHUNK_TRUNCATED)
	chunkNoPath    = uint8(bpf.SensorChunkFlagCHUNK_NO_PATH)

	flagThread = uint16(bpf.SensorEventFlagEVENT_THREAD)

	fileUpperLayer = uint32(bpf.SensorFileFlagFILE_UPPER_LAYER)
	fileLowerLayer = uint32(bpf.SensorFileFlagFILE_LOWER_LAYER)
	fileCreated    = uint32(bpf.SensorFileFlagFILE_CREATED)
	fileInMount    = uint32(bpf.SensorFileFlagFILE_IN_MOUNT)
	fileSubtree    = uint32(bpf.SensorFileFlagFILE_SUBTREE)

	exeUpperLayer = uint32(bpf.SensorExeFlagEXE_UPPER_LAYER)
	exeLowerLayer = uint32(bpf.SensorExeFlagEXE_LOWER_LAYER)
	exeMemfd      = uint32(bpf.SensorExeFlagEXE_MEMFD)
	exeDeleted    = uint32(bpf.SensorExeFlagEXE_DELETED)
	exeWritable   = uint32(bpf.SensorExeFlagEXE_WRITABLE)
)
