// Package capture writes and reads files of what the sensor saw, for replay.
//
// A file is the magic "tocsin1\n" followed by one zstd stream of frames. A frame is a kind (1 byte), a
// length (4 bytes, little endian) and that many bytes:
//
//	1  header     JSON, always first: Header
//	2  processes  the process table as decode wrote it; opaque here
//	3  sample     one record as the kernel sent it (bpf/event.h, host byte order)
//	4  end        empty, always last: its absence tells a cut file from a whole one
//	5  lookup     what decode read of the machine for the sample after it: JSON, opaque here
//	6  finding    what enrich found out at the sample after it: JSON, opaque here
//
// The number in the magic changes when an old reader could not read a new file. Kinds are appended; a
// reader skips those it does not know. Kinds 5 and 6 came without a new version: files without them are
// whole, and say no names of users and containers. docs/captures.md is for people.
package capture
