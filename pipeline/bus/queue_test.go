package bus

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/store/journal"
)

// tb is what both testing.T and rapid.T are.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

func mustOpen(t tb, dir string) *queue {
	t.Helper()
	q, err := openQueue(dir, 1<<30, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("openQueue: %v", err)
	}
	return q
}

// killed is the queue of a process that begins after a kill -9 of q's: q's files as they are now.
func killed(t tb, q *queue, dir, next string) *queue {
	t.Helper()
	if err := os.CopyFS(next, os.DirFS(dir)); err != nil {
		t.Fatalf("copy the files: %v", err)
	}
	if err := q.journal.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return mustOpen(t, next)
}

func send(t tb, q *queue, ids ...string) {
	t.Helper()
	var msgs []*message.Message
	for _, id := range ids {
		msgs = append(msgs, message.NewMessage(id, []byte("payload of "+id)))
	}
	if err := q.publish(msgs); err != nil {
		t.Fatalf("publish %v: %v", ids, err)
	}
}

// next takes the message that is handed out next; nil: nothing waits.
func next(t tb, q *queue) (*item, string) {
	t.Helper()
	q.mu.Lock()
	n := len(q.waiting)
	q.mu.Unlock()
	if n == 0 {
		return nil, ""
	}
	it := q.take(neverEnds{})
	m := q.message(neverEnds{}, it)
	if m == nil || string(m.Payload) != "payload of "+m.UUID {
		t.Fatalf("message %d is %+v", it.number, m)
	}
	if m.UUID == "" || originOf(m).past != it.past {
		t.Fatalf("message %d says %+v of its past, want %+v", it.number, originOf(m).past, it.past)
	}
	return it, m.UUID
}

// neverEnds is a context of nothing.
type neverEnds struct{}

func (neverEnds) Deadline() (time.Time, bool) { return time.Time{}, false }
func (neverEnds) Done() <-chan struct{}       { return nil }
func (neverEnds) Err() error                  { return nil }
func (neverEnds) Value(any) any               { return nil }

// What was noted of a message is known after a kill, and what was flushed as done does not come again.
func TestPastOutlivesAKill(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, filepath.Join(dir, "0"))
	send(t, q, "a", "b", "c")
	for _, past := range []Past{{1, true}, {2, false}, {3, true}} {
		it, _ := next(t, q)
		if err := q.note(it, past); err != nil {
			t.Fatal(err)
		}
		if past.Attempts == 2 {
			q.acknowledge(it)
		}
	}
	if err := q.flush(); err != nil {
		t.Fatal(err)
	}
	q = killed(t, q, filepath.Join(dir, "0"), filepath.Join(dir, "1"))
	for _, want := range []struct {
		id   string
		past Past
	}{{"a", Past{1, true}}, {"c", Past{3, true}}} {
		if it, id := next(t, q); id != want.id || it.past != want.past {
			t.Errorf("%s comes with %+v, want %+v", id, it.past, want)
		}
	}
	if it, id := next(t, q); it != nil {
		t.Errorf("%s comes again, though it was acknowledged", id)
	}
	send(t, q, "a", "b", "c") // published again by who did not learn that it was
	if it, id := next(t, q); it != nil {
		t.Errorf("%s is there twice", id)
	}
}

// What one message waits for keeps no files of those that were dealt with, and it stays what it was.
func TestAMessageThatHangsKeepsNoFiles(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, filepath.Join(dir, "0"))
	send(t, q, "hangs")
	noise := rand.NewChaCha8([32]byte{})
	hangs, _ := next(t, q)
	if err := q.note(hangs, Past{7, true}); err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 1<<20)
	for i := range 200 {
		noise.Read(payload) // it never fails; what can be packed would take no room
		if err := q.publish([]*message.Message{message.NewMessage(fmt.Sprint(i), payload)}); err != nil {
			t.Fatal(err)
		}
		q.acknowledge(q.take(neverEnds{}))
	}
	if err := q.close(); err != nil { // a stop, which removes what is needed no more
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "0", "*.rows"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) > 5 {
		t.Errorf("%d files of 16 MB are left of 200 messages of 1 MB, of which one is alive", len(files))
	}
	q = mustOpen(t, filepath.Join(dir, "0"))
	defer q.close()
	it, id := next(t, q)
	if id != "hangs" || it.number != 1 || it.past != (Past{7, true}) {
		t.Errorf("%q is there, number %d with %+v, want what hangs", id, it.number, it.past)
	}
}

// A number is never given twice, when nothing but acknowledgements is left of the messages that had the later ones, either.
func TestNumbersAreGivenOnce(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir)
	send(t, q, "a", "b")
	restart := func() {
		if err := q.close(); err != nil {
			t.Fatal(err)
		}
		q = mustOpen(t, dir)
	}
	restart() // what follows is in a file of its own
	a, _ := next(t, q)
	b, _ := next(t, q)
	for _, it := range []*item{b, a} {
		q.acknowledge(it)
		if err := q.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.note(a, Past{}); err != nil { // the journal looks whether the file of before is needed
		t.Fatal(err)
	}
	restart()
	defer q.close()
	if files, err := filepath.Glob(filepath.Join(dir, "*.rows")); err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v are left, want the one of acknowledgements", files, err)
	}
	send(t, q, "c")
	if it, _ := next(t, q); it.number != 3 {
		t.Errorf("the third message is number %d", it.number)
	}
}

// A message that could not be written is not there, and not one that was published already.
func TestPublishThatFailsChangesNothing(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir)
	send(t, q, "before")
	it, _ := next(t, q)
	if err := q.journal.Close(); err != nil { // every write fails from here on
		t.Fatal(err)
	}
	if err := q.publish([]*message.Message{message.NewMessage("a", []byte("payload of a"))}); err == nil {
		t.Fatal("publish succeeded without a journal")
	}
	q.acknowledge(it)
	if err := q.flush(); err == nil {
		t.Fatal("flush succeeded without a journal")
	}
	if len(q.done) != 1 {
		t.Error("an acknowledgement that could not be written is forgotten")
	}
	var err error
	if q.journal, err = journal.Open(journal.Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	send(t, q, "a")
	if _, id := next(t, q); id != "a" {
		t.Errorf("%q comes, want a", id)
	}
	if err := q.close(); err != nil {
		t.Fatal(err)
	}
	q = mustOpen(t, dir)
	defer q.close()
	if _, id := next(t, q); id != "a" || len(q.items) != 1 {
		t.Errorf("%q of %d comes after a restart, want a alone: before was acknowledged", id, len(q.items))
	}
}

// A row that is damaged costs what is in it.
func TestADamagedRowIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(journal.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"\x01\xff\xff", "\x01\x02\x01", "\x09\x00", "\x02\x01\x80"} {
		if _, err := j.Append([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	q, err := openQueue(dir, 1<<20, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer q.close()
	if n := strings.Count(logged.String(), "is lost"); n != 4 {
		t.Errorf("%d rows are said to be lost, want 4:\n%s", n, &logged)
	}
	send(t, q, "a")
	if _, id := next(t, q); id != "a" {
		t.Errorf("%q comes, want a", id)
	}
}

func FuzzRow(f *testing.F) {
	m := message.NewMessage("id", []byte("payload"))
	m.Metadata.Set("stage", "notify")
	f.Add(appendPast(appendDone(appendMessage(nil, 3, time.Unix(1, 2), m), 4, []uint64{1, 2}), 3, Past{1, true}))
	f.Fuzz(func(_ *testing.T, row []byte) {
		q := &queue{items: map[uint64]*item{}, ids: newIDs(), journal: &journal.Journal{}}
		_ = q.apply(1, row)
		_ = eachEntry(row, func(e entry) error {
			_, err := readContent(e)
			return err
		})
	})
}

// An id is known for a while: much later it is another message.
func TestAnIDIsKnownForAWhile(t *testing.T) {
	s, at := newIDs(), time.Now()
	s.add("a", at.Add(-10*time.Hour)) // as an earlier process wrote it
	s.add("b", at)
	for i := range 3 * maxIDs {
		s.add(fmt.Sprint("other ", i), at.Add(time.Second))
	}
	s.add("c", at.Add(time.Second))
	for id, want := range map[string]bool{"a": false, "b": false, "c": true, "d": false} { // after b came too many
		if got := s.has(id, at.Add(time.Minute)); got != want {
			t.Errorf("%s is known: %t, want %t", id, got, want)
		}
	}
	if s.has("c", at.Add(idsFor+2*time.Second)) {
		t.Error("an id is known for ever, though nothing came since")
	}
}

// Where an earlier version kept its messages, which this one cannot read, is said.
func TestMessagesOfAnEarlierVersionAreNamed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "jetstream"), 0o700); err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	e, err := openEmbedded(Config{Dir: dir}, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	if !strings.Contains(logged.String(), filepath.Join(dir, "jetstream")) {
		t.Errorf("the log says %q, want the folder", logged.String())
	}
}

// What a message carries is handed out once, in the place of the payload; that is there whenever it is needed.
func TestCarried(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, filepath.Join(dir, "0"))
	carry := func(id string, size int) []byte {
		m := message.NewMessage(id, []byte(id+strings.Repeat(".", size)))
		m.SetContext(t.Context())
		Carry(m, "value of "+id)
		if err := q.publish([]*message.Message{m}); err != nil {
			t.Fatal(err)
		}
		return m.Payload
	}
	want := func(id string, carried any) *item {
		t.Helper()
		it := q.take(neverEnds{})
		m := q.message(neverEnds{}, it)
		if m.UUID != id || Carried(m) != carried || (len(m.Payload) == 0) != (carried != nil) {
			t.Fatalf("%s came with %v and %.20q, want %s with %v", m.UUID, Carried(m), m.Payload, id, carried)
		}
		if payload, err := Payload(m); err != nil || !strings.HasPrefix(string(payload), id) {
			t.Errorf("the payload of %s is %.20q, %v", id, payload, err)
		}
		return it
	}
	copy(carry("a", 10), "x") // the buffer is the publisher's
	carry("large", maxInMemory)
	carry("b", 10)
	a := want("a", "value of a")
	q.putBack(a)
	q.acknowledge(want("a", nil)) // refused, it comes again
	q.acknowledge(want("large", nil))
	if q.inMemory == 0 {
		t.Error("b is not in memory")
	}
	q = killed(t, q, filepath.Join(dir, "0"), filepath.Join(dir, "1"))
	q.acknowledge(want("a", nil)) // what was acknowledged was not written yet
	q.acknowledge(want("large", nil))
	q.acknowledge(want("b", nil))
	if q.inMemory != 0 {
		t.Errorf("inMemory = %d of nothing", q.inMemory)
	}
}
