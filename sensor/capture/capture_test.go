package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/tocsin-security/tocsin/pipeline"
)

var testHeader = Header{Arch: "amd64", Hostname: "node-1", KernelRelease: "6.18.1", BootOffset: 1_700_000_000_000_000_000}

// frames returns n samples that do not compress to nothing.
func frames(n int) []pipeline.Sample {
	r := rand.New(rand.NewPCG(1, 2))
	samples := make([]pipeline.Sample, n)
	for i := range samples {
		samples[i] = make(pipeline.Sample, 40+r.IntN(400))
		for j := range samples[i] {
			samples[i][j] = byte(r.Uint32())
		}
	}
	return samples
}

func write(t testing.TB, w io.Writer, table []byte, samples []pipeline.Sample) *Writer {
	t.Helper()
	c, err := NewWriter(w, testHeader)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteProcesses(table); err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if err := c.WriteSample(s); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// readAll returns the samples read and the error that ended reading.
func readAll(t testing.TB, file []byte) (table []byte, samples []pipeline.Sample, err error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for {
		kind, payload, err := r.Next()
		if err != nil {
			return table, samples, err
		}
		switch kind {
		case Processes:
			table = bytes.Clone(payload)
		case Sample:
			samples = append(samples, bytes.Clone(payload))
		default:
			t.Fatalf("Next returned a frame of %s", kind)
		}
	}
}

func TestWhatWasWrittenIsReadBack(t *testing.T) {
	var file bytes.Buffer
	table, samples := bytes.Repeat([]byte(`{"pid":1}`), 300_000), frames(500)
	if err := write(t, &file, table, samples).Close(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := testHeader
	want.Version = Version
	if diff := cmp.Diff(want, r.Header); diff != "" {
		t.Errorf("header differs (-want +got):\n%s", diff)
	}
	gotTable, got, err := readAll(t, file.Bytes())
	if err != io.EOF {
		t.Errorf("reading a whole file ended with %v, want io.EOF", err)
	}
	if !bytes.Equal(gotTable, table) {
		t.Errorf("process table of %d bytes came back as %d bytes", len(table), len(gotTable))
	}
	if !equal(samples, got) {
		t.Errorf("%d samples written, %d read, or they differ", len(samples), len(got))
	}
}

func equal(a, b []pipeline.Sample) bool {
	return slices.EqualFunc(a, b, func(x, y pipeline.Sample) bool { return bytes.Equal(x, y) })
}

func TestFramesKeepTheirOrder(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, testHeader)
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("x"), maxSample+1) // two account files, say
	if err := errors.Join(w.WriteLookup([]byte("a")), w.WriteFinding(large), w.WriteSample(pipeline.Sample("c")),
		w.WriteFinding([]byte("d")), w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, want := range []string{"lookup 1", fmt.Sprint("finding ", maxSample+1), "sample 1", "finding 1"} {
		kind, payload, err := r.Next()
		if got := fmt.Sprint(kind, " ", len(payload)); err != nil || got != want {
			t.Errorf("Next = %s, %v; want %s", got, err, want)
		}
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end Next = %v, want io.EOF", err)
	}
}

func TestACutFileIsReadToItsLastWholeFrame(t *testing.T) {
	var file bytes.Buffer
	samples := frames(3000)
	if err := write(t, &file, []byte("{}"), samples).Close(); err != nil {
		t.Fatal(err)
	}
	whole, before := file.Bytes(), -1
	for _, size := range []int{len(whole) / 3, len(whole) / 2, len(whole) - 100, len(whole) - 1} {
		_, got, err := readAll(t, whole[:size])
		var cut *TruncatedError
		if !errors.As(err, &cut) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: error %v, want a TruncatedError", size, len(whole), err)
		}
		if cut.Frames != len(got)+2 { // the header and the process table are frames too
			t.Errorf("%d bytes: error says %d frames, read %d samples", size, cut.Frames, len(got))
		}
		if len(got) < max(before, 100) || !equal(samples[:len(got)], got) {
			t.Errorf("%d bytes: read %d samples, after %d of a shorter file; or they differ", size, len(got), before)
		}
		before = len(got)
	}
}

func TestAKilledWriterLosesAtMostTheLastBlock(t *testing.T) {
	var file bytes.Buffer
	samples := frames(3000)
	write(t, &file, nil, samples) // and never closed
	_, got, err := readAll(t, file.Bytes())
	lost := 0
	for _, s := range samples[len(got):] {
		lost += len(s) + frameHeaderSize
	}
	if !errors.As(err, new(*TruncatedError)) || lost > 128<<10 {
		t.Errorf("read %d of %d samples (%d bytes lost), error %v; want at most 128 KiB lost and a TruncatedError", len(got), len(samples), lost, err)
	}
}

func TestForeignAndBrokenFilesAreRefused(t *testing.T) {
	compress := func(parts ...[]byte) []byte {
		var b bytes.Buffer
		b.WriteString(magic)
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if _, err := z.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	frame := func(k Kind, length int, payload string) []byte {
		var h [frameHeaderSize]byte
		putFrameHeader(&h, k, length)
		return append(h[:], payload...)
	}
	header := frame(kindHeader, 13, `{"version":2}`)
	cases := map[string]struct {
		file []byte
		want error // nil: any error that is neither of the two sentinels
	}{
		"an empty file":                   {nil, ErrNotCapture},
		"another program's file":          {[]byte("\x7fELF............"), ErrNotCapture},
		"a capture of a later version":    {[]byte("tocsin2\nwhatever"), ErrNotCapture},
		"a header of a later version":     {compress(frame(kindHeader, 13, `{"version":3}`)), ErrNotCapture},
		"no header":                       {compress(frame(Sample, 4, "abcd")), ErrNotCapture},
		"a magic and nothing else":        {[]byte(magic), io.ErrUnexpectedEOF},
		"a header that is not JSON":       {compress(frame(kindHeader, 4, "{{{{")), nil},
		"a sample that claims 2 GiB":      {compress(header, frame(Sample, 2<<30, "abcd")), nil},
		"a table that claims what is not": {compress(header, frame(Processes, maxProcesses, "abcd")), io.ErrUnexpectedEOF},
		"no end mark":                     {compress(header, frame(Sample, 4, "abcd")), io.ErrUnexpectedEOF},
		"no compressed stream":            {[]byte(magic + "plain text, not zstd"), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := readAll(t, c.file)
			if err == nil || err == io.EOF {
				t.Fatalf("error %v, want a refusal", err)
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if c.want == nil && (errors.Is(err, ErrNotCapture) || errors.Is(err, io.ErrUnexpectedEOF)) {
				t.Errorf("error %v, want neither a foreign nor a cut file", err)
			}
		})
	}
	t.Run("a kind from a later version is skipped", func(t *testing.T) {
		_, got, err := readAll(t, compress(header, frame(9, 3, "new"), frame(Sample, 4, "abcd"), frame(kindEnd, 0, "")))
		if diff := cmp.Diff([]pipeline.Sample{pipeline.Sample("abcd")}, got); diff != "" || err != io.EOF {
			t.Errorf("error %v, samples differ (-want +got):\n%s", err, diff)
		}
	})
}

func TestTooLargeASampleIsRefused(t *testing.T) {
	c, err := NewWriter(io.Discard, testHeader)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteSample(make(pipeline.Sample, maxSample+1)); err == nil {
		t.Error("WriteSample took a sample that Reader refuses")
	}
}

func FuzzReader(f *testing.F) {
	var file bytes.Buffer
	if err := write(f, &file, []byte(`{"pid":1}`), frames(3)).Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:file.Len()/2])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader(bytes.NewReader(data))
		if (r == nil) == (err == nil) {
			t.Fatalf("NewReader returned %v and %v", r, err)
		}
		if err != nil {
			return
		}
		defer r.Close()
		for {
			kind, payload, err := r.Next()
			if err != nil {
				if payload != nil {
					t.Fatalf("Next returned a payload with error %v", err)
				}
				return
			}
			if len(payload) > maxLength(kind) {
				t.Fatalf("%s frame of %d bytes is over its limit", kind, len(payload))
			}
		}
	})
}

func BenchmarkWriteSample(b *testing.B) {
	c := write(b, io.Discard, nil, nil)
	samples := frames(256)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := c.WriteSample(samples[i%len(samples)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadSample(b *testing.B) {
	var file bytes.Buffer
	if err := write(b, &file, nil, frames(10_000)).Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var r *Reader
	for b.Loop() {
		if r == nil {
			var err error
			if r, err = NewReader(bytes.NewReader(file.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := r.Next(); err == io.EOF {
			r.Close()
			r = nil
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleReader() {
	var file bytes.Buffer
	w, err := NewWriter(&file, Header{Hostname: "node-1"})
	if err != nil {
		panic(err)
	}
	if err := errors.Join(w.WriteSample(pipeline.Sample("a record")), w.Close()); err != nil {
		panic(err)
	}
	r, err := NewReader(&file)
	if err != nil {
		panic(err)
	}
	defer r.Close()
	kind, payload, err := r.Next()
	fmt.Println(r.Header.Hostname, kind, string(payload), err)
	_, _, err = r.Next()
	fmt.Println(err)
	// Output:
	// node-1 sample a record <nil>
	// EOF
}
