// Package bpf holds the kernel programs of the sensor: their source, the wire layout they share with
// user space (event.h), and what bpf2go makes of both: the compiled objects and the Go twins of the
// structs. It loads nothing; package sensor does. Generating needs clang-14, llvm-strip and the
// headers of libbpf 1.1 (Debian 12: clang, llvm, libbpf-dev); building does not.
package bpf

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -no-global-types -target amd64,arm64 -type event_header -type syscall_event -type task_info -type task_event -type exit_event -type chunk_header -type file_info -type sock_info -type cred_info -type connect_key -type syscall_spec -type event_kind -type event_flag -type exe_flag -type chunk_kind -type chunk_flag -type spec_flag -type file_flag -type loss -type shed Sensor sensor.bpf.c -- -O2 -Wall -Wextra -Werror -Wno-unused-parameter
